import Checkpoints
import MaskRCNN
import Tensors

/// All parameters of a network, by layer.
public final class ParameterStore {
    /// What a layer learns, and how it is normalised.
    struct Layer {
        var weight: Parameter
        var bias: Parameter?
        var norm: Norm?

        /// Whether anything in it learns.
        var isTrainable: Bool {
            weight.isTrainable || bias?.isTrainable ?? false || norm?.weight.isTrainable ?? false
        }
    }

    /// A normalisation's parameters; one of batches has statistics.
    struct Norm {
        var weight: Parameter
        var bias: Parameter
        var mean: Parameter?
        var variance: Parameter?
    }

    /// Which parts do not learn.
    public struct Freezing: Sendable, Equatable {
        /// Parts of the backbone from the picture on: 0 none, 1 its first convolution, 2 its first stage too, and so on.
        public var stages: Int
        /// Whether batch normalisation keeps its statistics, factors and shifts, and so is a constant map.
        public var batchNorm: Bool

        public init(stages: Int, batchNorm: Bool) {
            self.stages = stages
            self.batchNorm = batchNorm
        }
    }

    /// In the network's order.
    public let parameters: [Parameter]
    public let freezing: Freezing
    private let layers: [String: Layer]

    /// Makes parameters of zeros.
    public init(_ network: Network, freezing: Freezing) {
        self.freezing = freezing
        var all: [Parameter] = []
        var layers: [String: Layer] = [:]
        func add(_ parameter: Parameter) -> Parameter {
            all.append(parameter)
            return parameter
        }
        let frozen = network.backbone.frozenLayers(stages: freezing.stages)
        for layer in network.convolutions + [network.maskHead.logits] {
            let learns = !frozen.contains(layer.name)
            let shape = layer.parameters[0].shape
            let isSelected = layer.name == network.maskHead.logits.name
            let weight = add(
                Parameter(
                    name: "\(layer.name).weight", shape: shape, layout: isSelected ? .same : .convolution(layer.shape),
                    isTrainable: learns))
            var entry = Layer(weight: weight)
            if layer.hasBias {
                entry.bias = add(
                    Parameter(name: "\(layer.name).bias", shape: [layer.outputChannels], isTrainable: learns))
            }
            if let norm = layer.norm {
                let isOfBatches = layer.normalization == .batch
                let moves = learns && !(isOfBatches && freezing.batchNorm)
                func part(_ name: String, _ isTrainable: Bool) -> Parameter {
                    add(Parameter(name: "\(norm).\(name)", shape: [layer.outputChannels], isTrainable: isTrainable))
                }
                entry.norm = Norm(
                    weight: part("weight", moves), bias: part("bias", moves),
                    mean: isOfBatches ? part("running_mean", false) : nil,
                    variance: isOfBatches ? part("running_var", false) : nil)
            }
            layers[layer.name] = entry
        }
        func addLayer(_ name: String, shape: [Int], outputs: Int, _ layout: Parameter.Layout) {
            let weight = add(Parameter(name: "\(name).weight", shape: shape, layout: layout, isTrainable: true))
            let bias = add(Parameter(name: "\(name).bias", shape: [outputs], isTrainable: true))
            layers[name] = Layer(weight: weight, bias: bias)
        }
        for layer in network.linears {
            addLayer(
                layer.name, shape: [layer.outputs, layer.inputs], outputs: layer.outputs,
                .linear(inputs: layer.inputs, outputs: layer.outputs, pooled: layer.pooled))
        }
        for layer in network.deconvolutions {
            addLayer(
                layer.name, shape: layer.parameters[0].shape, outputs: layer.outputChannels,
                .deconvolution(inputs: layer.inputChannels, outputs: layer.outputChannels))
        }
        parameters = all
        self.layers = layers
    }

    subscript(layer: String) -> Layer {
        guard let found = layers[layer] else { preconditionFailure("\(layer) is a layer of the network") }
        return found
    }

    /// Those that learn.
    public var trainable: [Parameter] { parameters.filter(\.isTrainable) }

    /// Takes over what a checkpoint holds.
    ///
    /// - Parameter skips: Tells the names that are not taken, such as of heads for other categories.
    /// - Throws: `CheckpointError.mismatch` for tensors that are missing or of another shape, and `.nonFinite`.
    public func load(_ checkpoint: Checkpoint, except skips: (String) -> Bool = { _ in false }) throws {
        let wanted = parameters.filter { !skips($0.name) }
        let differences = Manifest(wanted.map { ($0.name, $0.shape) }).differences(from: checkpoint)
        if var differences {
            // What the network has no place for does no harm.
            differences.unexpected = []
            if !differences.isEmpty {
                throw CheckpointError.mismatch(path: checkpoint.path, differences: differences)
            }
        }
        try checkpoint.requireFinite(wanted.map(\.name))
        for parameter in wanted {
            guard let tensor = checkpoint.tensors[parameter.name] else { continue }
            parameter.set(tensor.floats())
            tensor.releasePages()
        }
    }
}
