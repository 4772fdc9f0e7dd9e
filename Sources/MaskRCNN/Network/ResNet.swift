/// The convolutions of a ResNet or ResNeXt, under torchvision's names.
public struct ResNet: Sendable {
    /// One residual block.
    struct Block: Sendable {
        var convolutions: [ConvolutionLayer]
        /// The projection on the shortcut, where the shape changes.
        var downsample: ConvolutionLayer?

        func callAsFunction<E: Executor>(_ input: E.Value, _ executor: E) -> E.Value {
            let shortcut = downsample.map { executor.convolution(input, $0) } ?? input
            var value = input
            for layer in convolutions.dropLast() { value = executor.convolution(value, layer) }
            return executor.convolution(value, convolutions[convolutions.count - 1], adding: shortcut)
        }
    }

    let stem: ConvolutionLayer
    let stages: [[Block]]
    /// Output channels of the four stages.
    public let channels: [Int]

    public init(_ configuration: ModelConfiguration.Backbone, name: String = "backbone.body") {
        let epsilon = configuration.batchNormEpsilon
        stem = ConvolutionLayer(
            name: "\(name).conv1", norm: "\(name).bn1", inputChannels: 3, outputChannels: configuration.stemWidth,
            kernel: 7, stride: 2, padding: 3, epsilon: epsilon, activation: .relu)
        var stages: [[Block]] = []
        var inputChannels = configuration.stemWidth
        for (stage, width) in configuration.widths.enumerated() {
            let blocks = (0..<configuration.layers[stage]).map { index in
                let block = Self.block(
                    configuration, name: "\(name).layer\(stage + 1).\(index)", inputChannels: inputChannels,
                    width: width, stride: stage > 0 && index == 0 ? 2 : 1)
                inputChannels = width * configuration.block.expansion
                return block
            }
            stages.append(blocks)
        }
        self.stages = stages
        channels = configuration.widths.map { $0 * configuration.block.expansion }
    }

    private static func block(
        _ configuration: ModelConfiguration.Backbone, name: String, inputChannels: Int, width: Int, stride: Int
    ) -> Block {
        let outputs = width * configuration.block.expansion
        let inner = configuration.block == .basic ? width : configuration.innerWidth(width)
        func layer(
            _ number: Int, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, groups: Int = 1
        ) -> ConvolutionLayer {
            ConvolutionLayer(
                name: "\(name).conv\(number)", norm: "\(name).bn\(number)", inputChannels: inputs,
                outputChannels: outputs, kernel: kernel, stride: stride, padding: kernel / 2, groups: groups,
                epsilon: configuration.batchNormEpsilon, activation: .relu)
        }
        let convolutions =
            switch configuration.block {
            case .basic:
                [
                    layer(1, inputChannels, outputs, kernel: 3, stride: stride),
                    layer(2, outputs, outputs, kernel: 3),
                ]
            case .bottleneck:
                [
                    layer(1, inputChannels, inner, kernel: 1),
                    layer(2, inner, inner, kernel: 3, stride: stride, groups: configuration.groups),
                    layer(3, inner, outputs, kernel: 1),
                ]
            }
        guard stride != 1 || inputChannels != outputs else { return Block(convolutions: convolutions) }
        let downsample = ConvolutionLayer(
            name: "\(name).downsample.0", norm: "\(name).downsample.1", inputChannels: inputChannels,
            outputChannels: outputs, kernel: 1, stride: stride, epsilon: configuration.batchNormEpsilon)
        return Block(convolutions: convolutions, downsample: downsample)
    }

    var convolutions: [ConvolutionLayer] {
        [stem] + stages.joined().flatMap { $0.convolutions + ($0.downsample.map { [$0] } ?? []) }
    }

    /// The outputs of the four stages, finest first, with strides of 4, 8, 16 and 32 pixels.
    public func callAsFunction<E: Executor>(_ image: E.Value, _ executor: E) -> [E.Value] {
        var value = executor.maxPool(executor.convolution(image, stem))
        return stages.map { blocks in
            for block in blocks { value = block(value, executor) }
            return value
        }
    }
}
