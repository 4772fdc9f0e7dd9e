import MaskRCNN
import Tensors

/// A tensor of the network that training knows: a weight that may learn, or a statistic that is kept.
public final class Parameter {
    /// How the elements lie here, other than in a checkpoint.
    enum Layout {
        /// In the same order.
        case same
        case convolution(ConvolutionShape)
        case linear(inputs: Int, outputs: Int, pooled: (channels: Int, side: Int)?)
        case deconvolution(inputs: Int, outputs: Int)
    }

    /// Its name in a checkpoint.
    public let name: String
    /// Its shape there.
    public let shape: [Int]
    let layout: Layout
    /// The elements, in the order of the products that they take part in.
    public let value: Tensor
    /// The sum of the gradients since the last step, likewise; nil where it does not learn.
    public let gradient: Tensor?

    public var isTrainable: Bool { gradient != nil }

    init(name: String, shape: [Int], layout: Layout = .same, isTrainable: Bool) {
        self.name = name
        self.shape = shape
        self.layout = layout
        let own =
            switch layout {
            case .same: shape
            case .convolution(let convolution): convolution.rowsShape
            case .linear(let inputs, let outputs, _): [inputs, outputs]
            case .deconvolution(let inputs, let outputs): [inputs, 4 * outputs]
            }
        value = Tensor(zeros: own)
        gradient = isTrainable ? Tensor(zeros: own) : nil
    }

    /// The elements in a checkpoint's order.
    public var elements: [Float] { ordered(value) }

    /// The gradient's elements in a checkpoint's order; nil where it does not learn.
    public var gradientElements: [Float]? { gradient.map(ordered) }

    /// Takes over elements that are in a checkpoint's order.
    func set(_ elements: [Float]) { set(elements, in: value) }

    /// Brings elements from a checkpoint's order into a tensor of this parameter's, such as its optimiser's state.
    func set(_ elements: [Float], in tensor: Tensor) {
        precondition(elements.count == tensor.count, "\(name) has \(tensor.count) elements")
        let source: Tensor =
            switch layout {
            case .same: Tensor(elements, shape: tensor.shape)
            case .convolution(let shape): shape.rows(elements)
            case .linear(let inputs, let outputs, let pooled):
                LinearWeights.rows(elements, inputs: inputs, outputs: outputs, pooled: pooled)
            case .deconvolution(let inputs, let outputs):
                DeconvolutionWeights.rows(elements, inputChannels: inputs, outputChannels: outputs)
            }
        tensor.withMutableElements { target in
            source.withElements { _ = target.update(fromContentsOf: $0) }
        }
    }

    /// The elements of a tensor of this parameter's in a checkpoint's order.
    func ordered(_ tensor: Tensor) -> [Float] {
        switch layout {
        case .same: tensor.elements
        case .convolution(let shape): shape.checkpointWeights(tensor)
        case .linear(_, _, let pooled): LinearWeights.checkpointWeights(tensor, pooled: pooled)
        case .deconvolution: DeconvolutionWeights.checkpointWeights(tensor)
        }
    }
}
