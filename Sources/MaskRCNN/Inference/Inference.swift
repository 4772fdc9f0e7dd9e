import Checkpoints
import Tensors

/// Runs a network forwards, with normalisation folded into weights that are laid out once.
public struct Inference: Executor, Sendable {
    public let compute: Compute
    private let convolutions: [String: ConvolutionWeights]
    private let linears: [String: LinearWeights]
    private let deconvolutions: [String: DeconvolutionWeights]

    /// Reads the weights of a network, which the checkpoint must have been checked to hold.
    ///
    /// - Throws: `CheckpointError` for weights that are infinite or not a number, and for variances that are not positive.
    public init(_ network: Network, weights checkpoint: Checkpoint, compute: Compute) throws {
        self.compute = compute
        try checkpoint.requireFinite(network.manifest.shapes.keys.sorted())
        let source = WeightSource(checkpoint)
        convolutions = Dictionary(
            uniqueKeysWithValues: try network.convolutions.map { ($0.name, try source.convolution($0)) })
        linears = Dictionary(
            uniqueKeysWithValues: network.linears.map { layer in
                (
                    layer.name,
                    LinearWeights(
                        weights: source["\(layer.name).weight"], bias: source["\(layer.name).bias"],
                        inputs: layer.inputs, outputs: layer.outputs, pooled: layer.pooled)
                )
            })
        deconvolutions = Dictionary(
            uniqueKeysWithValues: network.deconvolutions.map { layer in
                (
                    layer.name,
                    DeconvolutionWeights(
                        weights: source["\(layer.name).weight"], bias: source["\(layer.name).bias"],
                        inputChannels: layer.inputChannels, outputChannels: layer.outputChannels)
                )
            })
    }

    public func convolution(_ input: Tensor, _ layer: ConvolutionLayer, adding residual: Tensor?) -> Tensor {
        compute.convolution(input, found(convolutions[layer.name]), activation: layer.activation, adding: residual)
    }

    public func linear(_ input: Tensor, _ layer: LinearLayer) -> Tensor {
        compute.linear(input, found(linears[layer.name]), activation: layer.activation)
    }

    public func deconvolution(_ input: Tensor, _ layer: DeconvolutionLayer) -> Tensor {
        compute.deconvolution(input, found(deconvolutions[layer.name]), activation: layer.activation)
    }

    public func maxPool(_ input: Tensor) -> Tensor { compute.maxPool(input) }

    public func subsample(_ input: Tensor) -> Tensor { compute.subsample(input) }

    public func addUpsampled(_ small: Tensor, to large: consuming Tensor) -> Tensor {
        compute.addUpsampled(small, to: large)
    }

    private func found<Weights>(_ weights: Weights?) -> Weights {
        guard let weights else { preconditionFailure("a layer of the network that the weights were read for") }
        return weights
    }
}

/// Tensors of a checked checkpoint as floats.
private struct WeightSource {
    private let checkpoint: Checkpoint

    init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    subscript(name: String) -> [Float] {
        guard let tensor = checkpoint.tensors[name] else { preconditionFailure("\(name) was validated") }
        return tensor.floats()
    }

    /// A convolution with its normalisation folded in: `w * scale`, `bias = shift - mean * scale`.
    func convolution(_ layer: ConvolutionLayer) throws -> ConvolutionWeights {
        var weights = self["\(layer.name).weight"]
        var bias = layer.hasBias ? self["\(layer.name).bias"] : nil
        if let norm = layer.norm {
            let (scales, shifts) = (self["\(norm).weight"], self["\(norm).bias"])
            let (means, variances) = (self["\(norm).running_mean"], self["\(norm).running_var"])
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
                folded[channel] = Float(Double(shifts[channel]) - Double(means[channel]) * scale)
                for i in channel * size..<(channel + 1) * size { weights[i] = Float(Double(weights[i]) * scale) }
            }
            bias = folded
        }
        return ConvolutionWeights(
            weights: weights, bias: bias, inputChannels: layer.inputChannels, outputChannels: layer.outputChannels,
            kernel: layer.kernel, stride: layer.stride, padding: layer.padding, groups: layer.groups)
    }
}
