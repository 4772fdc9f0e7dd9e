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
        let output = pool.tensor(input.shape)
        let (means, inverse) = normalize(
            input, kind, weight: weight, bias: bias, epsilon: epsilon, activation, adding: residual, into: output)
        return NormalizedValues(output: output, kind: kind, means: means, inverseDeviations: inverse)
    }

    /// Normalises every picture's groups of channels: `activation((x - mean) / sqrt(variance + epsilon) * scale + shift + residual)`.
    ///
    /// - Parameters:
    ///   - input: `[height, width, channels]`, or `[pictures, height, width, channels]`. Consumed: the result is written over it.
    ///   - residual: What is added before the activation, of the input's shape.
    public func groupNormalized(
        _ input: consuming Tensor, _ normalization: GroupNormalization, activation: Activation = .none,
        adding residual: Tensor? = nil
    ) -> Tensor {
        let map = input
        _ = normalize(
            map, .group(groups: normalization.groups), weight: normalization.scales, bias: normalization.shifts,
            epsilon: normalization.epsilon, activation, adding: residual, into: map)
        return map
    }

    /// - Parameter output: May be the input.
    /// - Returns: The means and inverse deviations of each block's channels, `[blocks, channels]`.
    private func normalize(
        _ input: Tensor, _ kind: NormalizedValues.Kind, weight: Tensor, bias: Tensor, epsilon: Float,
        _ activation: Activation, adding residual: Tensor?, into output: Tensor
    ) -> (means: Tensor, inverseDeviations: Tensor) {
        let channels = input.channels
        precondition(weight.count == channels && bias.count == channels, "a weight and a bias a channel")
        precondition(residual == nil || residual!.count == input.count, "the residual has the map's shape")
        let shape = [blocks(input, kind), channels]
        let (means, inverse) = (zeros(shape), zeros(shape))
        addColumnSums(input, to: means)
        averageGroups(of: means, kind, of: input)
        // About the means, since large ones would leave nothing of a small variance.
        addCenteredProducts(nil, input, means: means, to: inverse)
        averageGroups(of: inverse, kind, of: input)
        let (factors, shifts) = (pool.tensor(shape), pool.tensor(shape))
        everyChannel(shape) { channel, place in
            inverse.pointer[place] = 1 / (inverse.pointer[place] + epsilon).squareRoot()
            factors.pointer[place] = inverse.pointer[place] * weight.pointer[channel]
            shifts.pointer[place] = bias.pointer[channel] - means.pointer[place] * factors.pointer[place]
        }
        combineColumns(input, factors, shifts: shifts, residual: residual, activation, into: output)
        return (means, inverse)
    }

    /// How many parts have statistics of their own.
    private func blocks(_ tensor: Tensor, _ kind: NormalizedValues.Kind) -> Int {
        switch kind {
        case .batch: 1
        case .group: tensor.pictures
        }
    }

    /// Turns each block's sums of channels, `[blocks, channels]`, into means of their groups.
    func averageGroups(of sums: Tensor, _ kind: NormalizedValues.Kind, of values: Tensor) {
        guard sums.count > 0 else { return }
        let channels = sums.channels
        let groups =
            switch kind {
            case .batch: channels
            case .group(let groups): groups
            }
        let size = channels / groups
        let count = max(1, values.count / sums.count * size)
        workers.run(sums.count / size, step: 1024) { range in
            for group in range {
                let group = sums.pointer + group * size
                var total = 0.0
                for channel in 0..<size { total += Double(group[channel]) }
                group.update(repeating: Float(total / Double(count)), count: size)
            }
        }
    }

    /// Calls `body` with every channel of every block and its place in `[blocks, channels]`.
    func everyChannel(_ shape: [Int], _ body: (_ channel: Int, _ place: Int) -> Void) {
        let channels = shape[1]
        workers.run(shape[0], step: 16) { blocks in
            for block in blocks {
                for channel in 0..<channels { body(channel, block * channels + channel) }
            }
        }
    }

    /// `output = activation(a * aFactors + b * bFactors + shifts + residual)`, with factors and shifts `[blocks, channels]`.
    func combineColumns(
        _ a: Tensor, _ aFactors: Tensor, _ b: Tensor? = nil, _ bFactors: Tensor? = nil, shifts: Tensor,
        residual: Tensor? = nil, _ activation: Activation, into output: Tensor
    ) {
        guard a.count > 0 else { return }
        let columns = a.channels
        forRows(a, blocks: shifts.count / columns) { block, rows in
            let (factor, place) = (block * columns, rows.lowerBound * columns)
            var terms = ck_combination(
                a: a.pointer + place, a_factors: aFactors.pointer + factor,
                b: b.map { UnsafePointer($0.pointer + place) },
                b_factors: bFactors.map { UnsafePointer($0.pointer + factor) }, shifts: shifts.pointer + factor,
                residual: residual.map { UnsafePointer($0.pointer + place) }, relu: activation == .relu ? 1 : 0)
            ck_combine_columns(&terms, rows.count, columns, output.pointer + place)
        }
    }
}
