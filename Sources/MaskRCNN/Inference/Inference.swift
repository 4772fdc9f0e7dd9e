import Checkpoints
import Tensors

/// Runs a network forwards, with batch normalisation folded into weights that are laid out once.
public struct Inference: Executor, Sendable {
    public let compute: Compute
    private let convolutions: [String: ConvolutionWeights]
    /// Group normalisations by their convolutions' names.
    private let normalizations: [String: GroupNormalization]
    private let linears: [String: LinearWeights]
    private let deconvolutions: [String: DeconvolutionWeights]
    /// The last layer of the mask head, a row of weights a class.
    private let maskLogits: RowWeights
    private let maskLogitsName: String
    /// Told how long each operator takes.
    private(set) var clock: FrameClock?
    /// Told what the layers are given.
    private var recorder: ActivationRecorder?

    /// Reads the weights of a network, which the checkpoint must have been checked to hold.
    ///
    /// - Parameters:
    ///   - precision: What the products of `Network.narrowLayers` are computed in.
    ///   - calibration: The ranges of those layers, which `int8` needs.
    /// - Throws: `CheckpointError` for weights that are infinite or not a number, and for variances that are not positive.
    public init(
        _ network: Network, weights checkpoint: Checkpoint, compute: Compute, precision: Precision = .fp32,
        calibration: Calibration? = nil
    ) throws {
        self.compute = compute
        let narrow = network.narrowLayers
        let source = WeightSource(checkpoint) { name in
            guard narrow.contains(name) else { return .single }
            switch precision {
            case .fp32: return .single
            case .bf16: return .bf16
            case .int8:
                guard let range = calibration?.ranges[name] else { preconditionFailure("a calibration of the network") }
                return .integer(range)
            }
        }
        convolutions = Dictionary(
            uniqueKeysWithValues: try network.convolutions.map { ($0.name, try source.convolution($0)) })
        normalizations = Dictionary(
            uniqueKeysWithValues: try network.convolutions.compactMap { layer in
                try source.groupNormalization(layer).map { (layer.name, $0) }
            })
        linears = Dictionary(uniqueKeysWithValues: try network.linears.map { ($0.name, try source.linear($0)) })
        deconvolutions = Dictionary(
            uniqueKeysWithValues: try network.deconvolutions.map { ($0.name, try source.deconvolution($0)) })
        maskLogits = try source.rows(network.maskHead.logits)
        maskLogitsName = network.maskHead.logits.name
    }

    /// The same weights with a clock beside them.
    func measured(by clock: FrameClock?) -> Inference {
        guard let clock else { return self }
        var copy = self
        copy.clock = clock
        return copy
    }

    /// The same weights with a recorder beside them.
    func recorded(by recorder: ActivationRecorder?) -> Inference {
        guard let recorder else { return self }
        var copy = self
        copy.recorder = recorder
        return copy
    }

    /// The probabilities of one class a region.
    ///
    /// - Parameters:
    ///   - features: Of the mask head, `[regions, 28, 28, hidden]`.
    ///   - labels: The class of each region.
    /// - Returns: `[regions, 28, 28]`, 0...1.
    func maskProbabilities(_ features: Tensor, labels: [Int]) -> Tensor {
        clock.measure(operator: maskLogitsName, maskLogits.cost(features)) {
            compute.selectedProbabilities(features, maskLogits, rows: labels)
        }
    }

    public func convolution(_ input: Tensor, _ layer: ConvolutionLayer, adding residual: Tensor?) -> Tensor {
        recorder?.record(input, layer: layer.name)
        let weights = found(convolutions[layer.name])
        guard let normalization = normalizations[layer.name] else {
            return clock.measure(operator: layer.name, weights.cost(input, adding: residual)) {
                compute.convolution(input, weights, activation: layer.activation, adding: residual)
            }
        }
        let output = clock.measure(operator: layer.name, weights.cost(input)) { compute.convolution(input, weights) }
        // Three times read, once written.
        let values = 4 * output.count + (residual?.count ?? 0)
        return clock.measure(operator: "\(layer.name) normalised", .moving("group_norm", values: values)) {
            compute.groupNormalized(output, normalization, activation: layer.activation, adding: residual)
        }
    }

    public func linear(_ input: Tensor, _ layer: LinearLayer) -> Tensor {
        recorder?.record(input, layer: layer.name)
        let weights = found(linears[layer.name])
        return clock.measure(operator: layer.name, weights.cost(input)) {
            compute.linear(input, weights, activation: layer.activation)
        }
    }

    public func deconvolution(_ input: Tensor, _ layer: DeconvolutionLayer) -> Tensor {
        recorder?.record(input, layer: layer.name)
        let weights = found(deconvolutions[layer.name])
        return clock.measure(operator: layer.name, weights.cost(input)) {
            compute.deconvolution(input, weights, activation: layer.activation)
        }
    }

    public func maxPool(_ input: Tensor) -> Tensor {
        clock.measure(operator: "max_pool", .moving("max_pool 3x3", values: input.count / 4 * 5)) {
            compute.maxPool(input)
        }
    }

    public func maxPool2x2(_ input: Tensor) -> Tensor {
        clock.measure(operator: "max_pool_2x2", .moving("max_pool 2x2", values: input.count / 4 * 5)) {
            compute.maxPool2x2(input)
        }
    }

    public func subsample(_ input: Tensor) -> Tensor {
        clock.measure(operator: "subsample", .moving("subsample", values: input.count / 2)) {
            compute.subsample(input)
        }
    }

    public func averagePool(_ input: Tensor) -> Tensor {
        clock.measure(operator: "average_pool", .moving("average_pool", values: input.count)) {
            compute.averagePool(input)
        }
    }

    public func addUpsampled(_ small: Tensor, to large: consuming Tensor) -> Tensor {
        // A capture cannot be consumed.
        let large = large
        return clock.measure(operator: "add_upsampled", .moving("add_upsampled", values: small.count + 2 * large.count))
        {
            compute.addUpsampled(small, to: large)
        }
    }

    private func found<Weights>(_ weights: Weights?) -> Weights {
        guard let weights else { preconditionFailure("a layer of the network that the weights were read for") }
        return weights
    }
}

/// Tensors of a checked checkpoint as floats.
private struct WeightSource {
    private let checkpoint: Checkpoint
    /// What a layer's products are computed in.
    private let arithmetic: (String) -> Arithmetic

    init(_ checkpoint: Checkpoint, arithmetic: @escaping (String) -> Arithmetic) {
        self.checkpoint = checkpoint
        self.arithmetic = arithmetic
    }

    /// A tensor's values; finite ones in double precision may be too large for a Float.
    private func finite(_ name: String) throws -> [Float] {
        guard let tensor = checkpoint.tensors[name] else { preconditionFailure("\(name) was validated") }
        let values = tensor.floats()
        // Laid out for computing, the weights are in memory once more; twice would be too often.
        tensor.releasePages()
        do {
            try requireFinite(values, name)
        } catch {
            // The checkpoint knows the place by its dimensions where the stored value itself is the culprit.
            throw checkpoint.firstNonFinite([name]) ?? error
        }
        return values
    }

    private func requireFinite(_ values: [Float], _ name: String) throws {
        guard let index = values.firstIndex(where: { !$0.isFinite }) else { return }
        throw CheckpointError.nonFinite(path: checkpoint.path, tensor: name, index: [index], value: "\(values[index])")
    }

    func linear(_ layer: LinearLayer) throws -> LinearWeights {
        LinearWeights(
            weights: try finite("\(layer.name).weight"), bias: try finite("\(layer.name).bias"), inputs: layer.inputs,
            outputs: layer.outputs, pooled: layer.pooled, arithmetic: arithmetic(layer.name))
    }

    func deconvolution(_ layer: DeconvolutionLayer) throws -> DeconvolutionWeights {
        DeconvolutionWeights(
            weights: try finite("\(layer.name).weight"), bias: try finite("\(layer.name).bias"),
            inputChannels: layer.inputChannels, outputChannels: layer.outputChannels, arithmetic: arithmetic(layer.name)
        )
    }

    /// A 1x1 convolution of which single outputs are asked for.
    func rows(_ layer: ConvolutionLayer) throws -> RowWeights {
        RowWeights(
            weights: try finite("\(layer.name).weight"), bias: try finite("\(layer.name).bias"),
            inputs: layer.inputChannels)
    }

    /// The group normalisation behind a convolution, if there is one.
    func groupNormalization(_ layer: ConvolutionLayer) throws -> GroupNormalization? {
        guard let norm = layer.norm, case .group(let groups) = layer.normalization else { return nil }
        return GroupNormalization(
            scales: try finite("\(norm).weight"), shifts: try finite("\(norm).bias"), groups: groups,
            epsilon: layer.epsilon)
    }

    /// A convolution with batch normalisation folded in: `w * scale`, `bias = shift + (bias - mean) * scale`.
    func convolution(_ layer: ConvolutionLayer) throws -> ConvolutionWeights {
        var weights = try finite("\(layer.name).weight")
        var bias = layer.hasBias ? try finite("\(layer.name).bias") : nil
        if let norm = layer.norm, layer.normalization == .batch {
            let (scales, shifts) = (try finite("\(norm).weight"), try finite("\(norm).bias"))
            let (means, variances) = (try finite("\(norm).running_mean"), try finite("\(norm).running_var"))
            let size = weights.count / layer.outputChannels
            var folded = [Float](repeating: 0, count: layer.outputChannels)
            for channel in 0..<layer.outputChannels {
                // In double precision, so that folding adds no error of its own.
                let variance = Double(variances[channel]) + Double(layer.epsilon)
                guard variance > 0 else {
                    throw CheckpointError.malformed(
                        path: checkpoint.path,
                        what: "\(norm).running_var has \(variances[channel]) at [\(channel)]; a variance is positive")
                }
                let scale = Double(scales[channel]) / variance.squareRoot()
                let offset = Double(bias?[channel] ?? 0) - Double(means[channel])
                folded[channel] = Float(Double(shifts[channel]) + offset * scale)
                for i in channel * size..<(channel + 1) * size { weights[i] = Float(Double(weights[i]) * scale) }
            }
            bias = folded
            // Each may be finite and the product not.
            try requireFinite(weights, "\(layer.name).weight times \(norm).weight")
            try requireFinite(folded, "\(norm).bias")
        }
        return ConvolutionWeights(
            weights: weights, bias: bias, inputChannels: layer.inputChannels, outputChannels: layer.outputChannels,
            kernel: layer.kernel, stride: layer.stride, padding: layer.padding, groups: layer.groups,
            arithmetic: arithmetic(layer.name))
    }
}
