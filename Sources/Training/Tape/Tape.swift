import MaskRCNN
import Tensors

/// Runs a network forwards and records what its gradient needs; then runs backwards.
///
/// It computes each operator of the topology with the kernels of inference, and the gradients as transposes of the same maps. What no
/// learning parameter has a part in is not recorded. One thread calls it; the operators use all.
public final class Tape: Executor {
    let compute: Compute
    let parameters: ParameterStore
    let weights: LaidOutWeights
    /// The outputs in the order in which they were made, and what passes their gradients on.
    private var steps: [(output: Variable, passOn: (Tensor) -> Void)] = []

    init(_ parameters: ParameterStore, weights: LaidOutWeights, _ compute: Compute) {
        self.parameters = parameters
        self.weights = weights
        self.compute = compute
    }

    /// Passes gradients on from what the losses see to all parameters that learn, and forgets everything.
    func runBackwards() {
        while let (output, passOn) = steps.popLast() {
            guard let gradient = output.takeGradient() else { continue }
            passOn(gradient)
        }
    }

    /// Makes a variable; `passOn` is called with its gradient, if it gets one.
    private func record(_ value: Tensor, needsGradient: Bool, passOn: @escaping (Variable, Tensor) -> Void) -> Variable
    {
        let output = Variable(value, needsGradient: needsGradient)
        if needsGradient { steps.append((output, { [unowned output] in passOn(output, $0) })) }
        return output
    }

    public func convolution(_ input: Variable, _ layer: ConvolutionLayer, adding residual: Variable?) -> Variable {
        let entry = parameters[layer.name]
        let needsGradient = entry.isTrainable || input.needsGradient || residual?.needsGradient ?? false
        if let norm = entry.norm, !weights.isFolded(layer) {
            return normalizedConvolution(input, layer, norm, adding: residual, needsGradient: needsGradient)
        }
        let value = compute.convolution(
            input.value, weights.convolution(layer), activation: layer.activation, adding: residual?.value)
        let scale = weights.isFolded(layer) ? weights.scale(layer) : nil
        return record(value, needsGradient: needsGradient) { [unowned self, compute] output, gradient in
            let (scaled, unscaled) = compute.activationGradient(
                gradient, output: layer.activation == .relu ? output.value : nil, scale: scale,
                keepsUnscaled: residual?.needsGradient ?? false)
            if let residual, let unscaled { residual.add(unscaled, compute) }
            passOn(scaled, through: layer, to: input)
        }
    }

    /// Passes the gradient of a convolution's sum on to its weights, bias and input.
    private func passOn(_ gradient: Tensor, through layer: ConvolutionLayer, to input: Variable) {
        let entry = parameters[layer.name]
        if let target = entry.weight.gradient {
            compute.addConvolutionWeightGradient(input.value, gradient, layer.shape, to: target)
        }
        if let target = entry.bias?.gradient { compute.addColumnSums(gradient, to: target) }
        guard input.needsGradient else { return }
        input.replaceGradient(
            compute.convolutionInputGradient(
                gradient, weights.transposed(layer), layer.shape, size: (input.value.height, input.value.width),
                adding: input.gradient))
    }

    /// With statistics of the values themselves; those of a batch are recorded in the running ones.
    private func normalizedConvolution(
        _ input: Variable, _ layer: ConvolutionLayer, _ norm: ParameterStore.Norm, adding residual: Variable?,
        needsGradient: Bool
    ) -> Variable {
        let sums = compute.convolution(input.value, weights.convolution(layer))
        let kind: NormalizedValues.Kind =
            switch layer.normalization {
            case .batch: .batch
            case .group(let groups): .group(groups: groups)
            }
        let normalized = compute.normalization(
            sums, kind, weight: norm.weight.value, bias: norm.bias.value, epsilon: layer.epsilon,
            activation: layer.activation, adding: residual?.value)
        // Also of parts that do not learn: what comes after them learns from values that the batch has normalised.
        if layer.normalization == .batch {
            follow(normalized, norm, epsilon: layer.epsilon, count: sums.count / sums.channels)
        }
        return record(normalized.output, needsGradient: needsGradient) { [unowned self, compute] output, gradient in
            let (masked, _) = compute.activationGradient(
                gradient, output: layer.activation == .relu ? output.value : nil, scale: nil, keepsUnscaled: false)
            residual?.add(masked, compute)
            let passed = compute.normalizationGradient(
                masked, input: sums, normalized, weight: norm.weight.value, weightGradient: norm.weight.gradient,
                biasGradient: norm.bias.gradient)
            passOn(passed, through: layer, to: input)
        }
    }

    /// The part of the old running statistics that a step leaves is 0.9, as PyTorch's default momentum has it.
    private static let statisticsMomentum: Float = 0.1

    private func follow(_ values: NormalizedValues, _ norm: ParameterStore.Norm, epsilon: Float, count: Int) {
        func move(_ parameter: Parameter?, to target: [Float]) {
            parameter?.value.withMutableElements { elements in
                for index in elements.indices {
                    elements[index] += Self.statisticsMomentum * (target[index] - elements[index])
                }
            }
        }
        move(norm.mean, to: values.batchMeans.elements)
        // The running variance is an unbiased one.
        let factor = Float(count) / Float(max(1, count - 1))
        move(norm.variance, to: values.batchVariances(epsilon: epsilon).map { $0 * factor })
    }

    public func linear(_ input: Variable, _ layer: LinearLayer) -> Variable {
        let entry = parameters[layer.name]
        let value = compute.linear(input.value, weights.linear(layer), activation: layer.activation)
        return record(value, needsGradient: true) { [compute, weights] output, gradient in
            let (masked, _) = compute.activationGradient(
                gradient, output: layer.activation == .relu ? output.value : nil, scale: nil, keepsUnscaled: false)
            if let target = entry.weight.gradient { compute.addLinearWeightGradient(input.value, masked, to: target) }
            if let target = entry.bias?.gradient { compute.addColumnSums(masked, to: target) }
            guard input.needsGradient else { return }
            let passed = compute.linear(masked, weights.transposed(linear: layer.name))
            input.add(passed.reshaped(input.value.shape), compute)
        }
    }

    public func deconvolution(_ input: Variable, _ layer: DeconvolutionLayer) -> Variable {
        let entry = parameters[layer.name]
        let value = compute.deconvolution(input.value, weights.deconvolution(layer), activation: layer.activation)
        return record(value, needsGradient: true) { [compute, weights] output, gradient in
            let (masked, _) = compute.activationGradient(
                gradient, output: layer.activation == .relu ? output.value : nil, scale: nil, keepsUnscaled: false)
            if let target = entry.bias?.gradient { compute.addColumnSums(masked, to: target) }
            let windows = compute.deconvolutionWindows(masked)
            let pixels = input.value.reshaped([windows.shape[0], layer.inputChannels])
            if let target = entry.weight.gradient { compute.addLinearWeightGradient(pixels, windows, to: target) }
            guard input.needsGradient else { return }
            let passed = compute.linear(windows, weights.transposed(linear: layer.name))
            input.add(passed.reshaped(input.value.shape), compute)
        }
    }

    public func maxPool(_ input: Variable) -> Variable {
        record(compute.maxPool(input.value), needsGradient: input.needsGradient) { [compute] _, gradient in
            input.add(compute.maxPoolGradient(gradient, input: input.value, kernel: 3, padding: 1), compute)
        }
    }

    public func maxPool2x2(_ input: Variable) -> Variable {
        record(compute.maxPool2x2(input.value), needsGradient: input.needsGradient) { [compute] _, gradient in
            input.add(compute.maxPoolGradient(gradient, input: input.value, kernel: 2, padding: 0), compute)
        }
    }

    public func averagePool(_ input: Variable) -> Variable {
        record(compute.averagePool(input.value), needsGradient: input.needsGradient) { [compute] _, gradient in
            input.add(compute.averagePoolGradient(gradient, input: input.value.shape), compute)
        }
    }

    public func subsample(_ input: Variable) -> Variable {
        record(compute.subsample(input.value), needsGradient: input.needsGradient) { [compute] _, gradient in
            input.add(compute.subsampleGradient(gradient, input: input.value.shape), compute)
        }
    }

    public func addUpsampled(_ small: Variable, to large: consuming Variable) -> Variable {
        let large = large
        // The sum is written over the larger map: nothing reads what a sum without an activation was made of.
        let value = compute.addUpsampled(small.value, to: large.value)
        return record(value, needsGradient: small.needsGradient || large.needsGradient) { [compute] _, gradient in
            large.add(gradient, compute)
            if small.needsGradient {
                small.add(compute.addUpsampledGradient(gradient, small: small.value.shape), compute)
            }
        }
    }

    /// RoIAlign of every region: `[regions, size, size, channels]`.
    func roiAlign(_ maps: [Variable], _ regions: [Compute.Region], size: Int, samples: Int) -> Variable {
        let value = compute.roiAlign(maps.map(\.value), regions, size: size, samples: samples)
        return record(value, needsGradient: maps.contains(where: \.needsGradient)) { [compute] _, gradient in
            compute.addRoiAlignGradient(
                gradient, regions, samples: samples, to: maps.map { $0.ownGradient(compute) })
        }
    }

    /// Some pictures of `[pictures, ...]`, each at most once.
    func selected(_ input: Variable, _ pictures: [Int]) -> Variable {
        let value = compute.zeros([pictures.count] + input.value.shape.dropFirst())
        for (place, picture) in pictures.enumerated() {
            compute.add(input.value.part(picture), to: value.part(place))
        }
        return record(value, needsGradient: input.needsGradient) { [compute] _, gradient in
            let sum = input.ownGradient(compute)
            for (place, picture) in pictures.enumerated() {
                compute.add(gradient.part(place), to: sum.part(picture))
            }
        }
    }

    /// One output a picture of a 1x1 convolution: `[pictures, height, width]`.
    func selectedLogits(_ input: Variable, _ layer: ConvolutionLayer, rows: [Int]) -> Variable {
        let entry = parameters[layer.name]
        let weight = entry.weight.value.reshaped([layer.outputChannels, layer.inputChannels])
        let selected = RowWeights(weights: weight, bias: entry.bias?.value.elements ?? [])
        let value = compute.selectedLogits(input.value, selected, rows: rows)
        return record(value, needsGradient: true) { [compute] _, gradient in
            input.add(
                compute.selectedLogitsGradient(
                    gradient, input: input.value, weights: weight, rows: rows, weightGradient: entry.weight.gradient,
                    biasGradient: entry.bias?.gradient), compute)
        }
    }
}
