import Tensors

/// A tensor that a network needs: its name in a checkpoint and its shape there.
public typealias Parameter = (name: String, shape: [Int])

/// A convolution as the topology describes it; executors find its weights by name.
public struct ConvolutionLayer: Sendable {
    /// How outputs are normalised before the sum and the activation.
    public enum Normalization: Equatable, Sendable {
        /// By statistics that the checkpoint holds (arXiv 1502.03167): foldable into the weights.
        case batch
        /// Each picture by its own statistics, in so many groups of neighbouring channels (Wu and He 2018, arXiv 1803.08494).
        case group(Int)
    }

    /// What the parameters' names begin with: `name.weight`, `name.bias`.
    public var name: String
    /// Likewise for the normalisation that follows, if any.
    public var norm: String?
    /// The kind of normalisation; means nothing where there is none.
    public var normalization = Normalization.batch
    public var inputChannels: Int
    public var outputChannels: Int
    /// Window's side, pixels.
    public var kernel: Int
    public var stride = 1
    public var padding = 0
    public var groups = 1
    /// What is added to the variances before the root is taken.
    public var epsilon: Float = 1e-5
    public var activation = Activation.none

    /// Whether there is a bias although a normalisation follows, as in VGG.
    public var isAlwaysBiased = false

    /// Its channels and how its window moves.
    public var shape: ConvolutionShape {
        ConvolutionShape(
            inputChannels: inputChannels, outputChannels: outputChannels, kernel: kernel, stride: stride,
            padding: padding, groups: groups)
    }

    /// Convolutions have a bias where no normalisation follows.
    public var hasBias: Bool { norm == nil || isAlwaysBiased }

    public var parameters: [Parameter] {
        var list: [Parameter] = [("\(name).weight", [outputChannels, inputChannels / groups, kernel, kernel])]
        if hasBias { list.append(("\(name).bias", [outputChannels])) }
        if let norm {
            let parts = ["weight", "bias"] + (normalization == .batch ? ["running_mean", "running_var"] : [])
            for part in parts { list.append(("\(norm).\(part)", [outputChannels])) }
        }
        return list
    }
}

/// A fully connected layer.
public struct LinearLayer: Sendable {
    public var name: String
    public var inputs: Int
    public var outputs: Int
    /// Channels and side of the feature map that the inputs are, where they are one.
    public var pooled: (channels: Int, side: Int)?
    public var activation = Activation.none

    public var parameters: [Parameter] { [("\(name).weight", [outputs, inputs]), ("\(name).bias", [outputs])] }
}

/// A transposed convolution with a 2x2 window and stride 2.
public struct DeconvolutionLayer: Sendable {
    public var name: String
    public var inputChannels: Int
    public var outputChannels: Int
    public var activation = Activation.none

    public var parameters: [Parameter] {
        [("\(name).weight", [inputChannels, outputChannels, 2, 2]), ("\(name).bias", [outputChannels])]
    }
}

/// What runs a network: the topology is written once over these operators.
///
/// Feature maps are `[height, width, channels]` or `[pictures or regions, height, width, channels]`.
public protocol Executor {
    associatedtype Value

    /// `activation(convolution(input) + residual)`, with the normalisation in between.
    func convolution(_ input: Value, _ layer: ConvolutionLayer, adding residual: Value?) -> Value
    func linear(_ input: Value, _ layer: LinearLayer) -> Value
    func deconvolution(_ input: Value, _ layer: DeconvolutionLayer) -> Value
    /// 3x3 maximum with stride 2 and padding 1.
    func maxPool(_ input: Value) -> Value
    /// 2x2 maximum with stride 2; a last row or column without a partner is left out.
    func maxPool2x2(_ input: Value) -> Value
    /// Every second pixel of every second row.
    func subsample(_ input: Value) -> Value
    /// The mean of every region's pixels, `[regions, height, width, channels]` to `[regions, channels]`.
    func averagePool(_ input: Value) -> Value
    /// `large` plus the nearest values of `small`.
    func addUpsampled(_ small: Value, to large: consuming Value) -> Value
}

extension Executor {
    func convolution(_ input: Value, _ layer: ConvolutionLayer) -> Value { convolution(input, layer, adding: nil) }
}
