import CKernels

/// A normalisation with statistics of the values themselves, and what its gradient needs of them.
public struct NormalizedValues: Sendable {
    /// What the statistics are taken over.
    public enum Kind: Sendable {
        /// A channel in all pictures of a batch (Ioffe and Szegedy 2015).
        case batch
        /// A group of channels in one picture (Wu and He 2018, arXiv 1803.08494).
        case group(groups: Int)
    }

    /// `activation(normalised * weight + bias + residual)`, of the input's shape.
    public let output: Tensor
    let kind: Kind
    /// Of each block's channels, `[blocks, channels]`; a block is the batch or a picture.
    let means: Tensor
    /// One over the standard deviations, likewise.
    let inverseDeviations: Tensor

    /// The mean of each channel over the batch.
    public var batchMeans: Tensor { means.part(0) }
    /// The biased variance of each channel over the batch.
    public func batchVariances(epsilon: Float) -> [Float] {
        inverseDeviations.part(0).elements.map { 1 / ($0 * $0) - epsilon }
    }
}

extension Compute {
    /// Normalises `[pictures, height, width, channels]`.
    ///
    /// - Parameters:
    ///   - weight: `[channels]`; likewise `bias`.
    ///   - residual: What is added before the activation, of the input's shape.
    ///   - epsilon: What is added to the variances before the root is taken.
    public func normalization(
        _ input: Tensor, _ kind: NormalizedValues.Kind, weight: Tensor, bias: Tensor, epsilon: Float,
        activation: Activation, adding residual: Tensor? = nil
    ) -> NormalizedValues {
        let channels = input.channels
        let blocks = blocks(input, kind)
        let (means, inverse) = (zeros([blocks.count, channels]), zeros([blocks.count, channels]))
        let output = pool.tensor(input.shape)
        let (factors, shifts) = (pool.tensor([channels]), pool.tensor([channels]))
        for (index, block) in blocks.enumerated() {
            let (mean, deviation) = (means.part(index), inverse.part(index))
            addColumnSums(block, to: mean)
            averageGroups(mean, kind, count: block.count / channels)
            addCenteredProducts(nil, block, means: mean, to: deviation)
            averageGroups(deviation, kind, count: block.count / channels)
            for channel in 0..<channels {
                deviation.pointer[channel] = 1 / (deviation.pointer[channel] + epsilon).squareRoot()
                factors.pointer[channel] = deviation.pointer[channel] * weight.pointer[channel]
                shifts.pointer[channel] = bias.pointer[channel] - mean.pointer[channel] * factors.pointer[channel]
            }
            let place = index * block.count
            combineColumns(
                block, factors, shifts: shifts, residual: residual.map { $0.pointer + place }, activation,
                into: output.pointer + place)
        }
        return NormalizedValues(output: output, kind: kind, means: means, inverseDeviations: inverse)
    }

    /// The gradient of `normalization` with respect to its input; those of weight and bias are added to.
    ///
    /// - Parameters:
    ///   - gradient: Before the activation, of the input's shape.
    ///   - input: What was normalised.
    public func normalizationGradient(
        _ gradient: Tensor, input: Tensor, _ values: NormalizedValues, weight: Tensor, weightGradient: Tensor?,
        biasGradient: Tensor?
    ) -> Tensor {
        let channels = input.channels
        let output = pool.tensor(input.shape)
        let inputs = blocks(input, values.kind)
        let gradients = blocks(gradient, values.kind)
        let (factors, inputFactors, shifts) = (
            pool.tensor([channels]), pool.tensor([channels]), pool.tensor([channels])
        )
        for (index, block) in inputs.enumerated() {
            let (mean, deviation) = (values.means.part(index), values.inverseDeviations.part(index))
            // The sums of each channel's gradients, and of their products with the normalised values.
            let (sums, products) = (zeros([channels]), zeros([channels]))
            addColumnSums(gradients[index], to: sums)
            addCenteredProducts(gradients[index], block, means: mean, to: products)
            for channel in 0..<channels { products.pointer[channel] *= deviation.pointer[channel] }
            if let biasGradient { add(sums, to: biasGradient) }
            if let weightGradient { add(products, to: weightGradient) }
            for channel in 0..<channels {
                sums.pointer[channel] *= weight.pointer[channel]
                products.pointer[channel] *= weight.pointer[channel]
            }
            averageGroups(sums, values.kind, count: block.count / channels)
            averageGroups(products, values.kind, count: block.count / channels)
            for channel in 0..<channels {
                let inverse = deviation.pointer[channel]
                factors.pointer[channel] = inverse * weight.pointer[channel]
                inputFactors.pointer[channel] = -inverse * inverse * products.pointer[channel]
                shifts.pointer[channel] =
                    -inverse * sums.pointer[channel] - inputFactors.pointer[channel] * mean.pointer[channel]
            }
            combineColumns(
                gradients[index], factors, block, inputFactors, shifts: shifts, .none,
                into: output.pointer + index * block.count)
        }
        return output
    }

    /// What has statistics of its own, as rows.
    private func blocks(_ tensor: Tensor, _ kind: NormalizedValues.Kind) -> [Tensor] {
        switch kind {
        case .batch: [tensor]
        case .group: tensor.shape.count == 3 ? [tensor] : (0..<tensor.shape[0]).map { tensor.part($0) }
        }
    }

    /// Turns sums of channels over `count` places into means of their groups.
    private func averageGroups(_ sums: Tensor, _ kind: NormalizedValues.Kind, count: Int) {
        let groups =
            switch kind {
            case .batch: sums.count
            case .group(let groups): groups
            }
        let size = sums.count / groups
        for group in 0..<groups {
            var total = 0.0
            for channel in group * size..<(group + 1) * size { total += Double(sums.pointer[channel]) }
            let mean = Float(total / Double(max(1, count * size)))
            for channel in group * size..<(group + 1) * size { sums.pointer[channel] = mean }
        }
    }

    private func combineColumns(
        _ a: Tensor, _ aFactors: Tensor, _ b: Tensor? = nil, _ bFactors: Tensor? = nil, shifts: Tensor,
        residual: UnsafeMutablePointer<Float>? = nil, _ activation: Activation,
        into output: UnsafeMutablePointer<Float>
    ) {
        let columns = a.channels
        forRows(a) { rows in
            let place = rows.lowerBound * columns
            var terms = ck_combination(
                a: a.pointer + place, a_factors: aFactors.pointer, b: b.map { UnsafePointer($0.pointer + place) },
                b_factors: bFactors.map { UnsafePointer($0.pointer) }, shifts: shifts.pointer,
                residual: residual.map { UnsafePointer($0 + place) }, relu: activation == .relu ? 1 : 0)
            ck_combine_columns(&terms, rows.count, columns, output + place)
        }
    }
}
