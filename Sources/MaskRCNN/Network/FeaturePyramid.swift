/// The feature pyramid network (arXiv 1612.03144) with the subsampled fifth level of arXiv 1506.01497's successors.
public struct FeaturePyramid: Sendable {
    let lateral: [ConvolutionLayer]
    let output: [ConvolutionLayer]

    public init(_ configuration: ModelConfiguration.Pyramid, inputChannels: [Int], name: String = "backbone.fpn") {
        func layer(_ block: String, _ level: Int, _ inputs: Int, kernel: Int) -> ConvolutionLayer {
            let name = "\(name).\(block).\(level)"
            return ConvolutionLayer(
                name: "\(name).0", norm: configuration.normalization == .none ? nil : "\(name).1",
                normalization: configuration.normalization.ofLayer, inputChannels: inputs,
                outputChannels: configuration.channels, kernel: kernel, padding: kernel / 2)
        }
        lateral = inputChannels.enumerated().map { layer("inner_blocks", $0, $1, kernel: 1) }
        output = inputChannels.indices.map { layer("layer_blocks", $0, configuration.channels, kernel: 3) }
    }

    var convolutions: [ConvolutionLayer] { lateral + output }

    /// Five levels with strides of 4 to 64 pixels of the stages' four outputs.
    public func callAsFunction<E: Executor>(_ stages: [E.Value], _ executor: E) -> [E.Value] {
        var levels: [E.Value] = []
        var above: E.Value?
        for (index, stage) in stages.enumerated().reversed() {
            var inner = executor.convolution(stage, lateral[index])
            if let above { inner = executor.addUpsampled(above, to: inner) }
            levels.insert(executor.convolution(inner, output[index]), at: 0)
            above = inner
        }
        return levels + [executor.subsample(levels[levels.count - 1])]
    }
}
