/// The last stage of a ResNet as both heads' beginning (He et al. 2017, figure 4, left), under the names `roi_heads.layer4.N`.
public struct SharedHead: Sendable {
    /// Side of the pooled regions, pixels; the stage halves it.
    public static let poolSize = 14

    private let stage: ResNet.Stage
    /// Output channels.
    public let channels: Int

    public init(_ configuration: ModelConfiguration.Backbone, name: String = "roi_heads") {
        stage = ResNet.Stage(configuration, number: 3, name: "\(name).layer4")
        channels = configuration.widths[3] * configuration.block.expansion
    }

    var convolutions: [ConvolutionLayer] { stage.convolutions }

    /// - Parameter regions: `[regions, 14, 14, channels of the third stage]`.
    /// - Returns: `[regions, 7, 7, channels]`.
    public func callAsFunction<E: Executor>(_ regions: E.Value, _ executor: E) -> E.Value { stage(regions, executor) }
}
