/// The convolutions of a VGG (arXiv 1409.1556), under the names of torchvision's `vgg.features`.
///
/// A layer's name is its place in that sequence, where activations, normalisations and pools count as well.
public struct VGG: Sendable {
    /// Convolutions at one resolution, each with its activation; a 2x2 maximum follows.
    let stages: [[ConvolutionLayer]]
    /// Channels of the four outputs.
    public let channels: [Int]

    public init(_ configuration: ModelConfiguration.Backbone, name: String = "backbone.body") {
        let isNormalized = configuration.normalization != .none
        var (place, inputs) = (0, 3)
        stages = zip(configuration.layers, configuration.widths).map { count, width in
            // The pool has a place, too.
            defer { place += 1 }
            return (0..<count).map { _ in
                defer {
                    place += isNormalized ? 3 : 2
                    inputs = width
                }
                return ConvolutionLayer(
                    name: "\(name).\(place)", norm: isNormalized ? "\(name).\(place + 1)" : nil,
                    normalization: configuration.normalization.ofLayer, inputChannels: inputs, outputChannels: width,
                    kernel: 3, padding: 1, epsilon: configuration.batchNormEpsilon, activation: .relu,
                    isAlwaysBiased: true)
            }
        }
        channels = configuration.widths.dropFirst(2) + configuration.widths.suffix(1)
    }

    var convolutions: [ConvolutionLayer] { Array(stages.joined()) }

    /// What goes into the third, fourth and fifth pool, and what comes out of the fifth: strides of 4, 8, 16 and 32 pixels.
    public func callAsFunction<E: Executor>(_ image: E.Value, _ executor: E) -> [E.Value] {
        var (value, outputs) = (image, [E.Value]())
        for (number, stage) in stages.enumerated() {
            for layer in stage { value = executor.convolution(value, layer) }
            if number >= 2 { outputs.append(value) }
            value = executor.maxPool2x2(value)
        }
        return outputs + [value]
    }
}
