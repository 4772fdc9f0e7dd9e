/// The head that draws masks (He et al. 2017, section 3).
public struct MaskHead: Sendable {
    /// Side of the pooled regions, pixels.
    public static let poolSize = 14
    /// Side of the masks, pixels.
    public static let maskSize = 28

    let convolutions: [ConvolutionLayer]
    let upsampling: DeconvolutionLayer
    /// From the features to the masks of all classes. A detection needs its own class's alone, which is one row of the weights.
    public let logits: ConvolutionLayer

    public init(
        _ configuration: ModelConfiguration.MaskHead, channels: Int, classes: Int, name: String = "roi_heads"
    ) {
        var channels = channels
        convolutions = configuration.convolutions.enumerated().map { index, outputs in
            defer { channels = outputs }
            return .normalized(
                "\(name).mask_head.\(index)", inputs: channels, outputs: outputs, configuration.normalization)
        }
        upsampling = DeconvolutionLayer(
            name: "\(name).mask_predictor.conv5_mask", inputChannels: channels, outputChannels: configuration.hidden,
            activation: .relu)
        logits = ConvolutionLayer(
            name: "\(name).mask_predictor.mask_fcn_logits", inputChannels: configuration.hidden,
            outputChannels: classes, kernel: 1)
    }

    /// What the classes' masks are made of, `[regions, 2 * side, 2 * side, hidden]`.
    ///
    /// - Parameter regions: `[regions, side, side, channels]`.
    public func features<E: Executor>(_ regions: E.Value, _ executor: E) -> E.Value {
        var value = regions
        for layer in convolutions { value = executor.convolution(value, layer) }
        return executor.deconvolution(value, upsampling)
    }
}
