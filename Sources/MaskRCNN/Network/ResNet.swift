/// The convolutions of a ResNet or ResNeXt (arXiv 1512.03385, 1611.05431), under torchvision's names.
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

    /// Blocks in a row, of which the first may halve the map.
    struct Stage: Sendable {
        let blocks: [Block]

        /// - Parameters:
        ///   - number: Of the configuration's four, from 0; all but the first begin with a stride of 2.
        ///   - name: What the blocks' numbers are put after.
        init(_ configuration: ModelConfiguration.Backbone, number: Int, name: String) {
            let width = configuration.widths[number]
            var inputChannels = configuration.inputChannels(ofStage: number)
            blocks = (0..<configuration.layers[number]).map { index in
                defer { inputChannels = width * configuration.block.expansion }
                return Block(
                    configuration, name: "\(name).\(index)", inputChannels: inputChannels, width: width,
                    stride: number > 0 && index == 0 ? 2 : 1)
            }
        }

        var convolutions: [ConvolutionLayer] {
            blocks.flatMap { $0.convolutions + ($0.downsample.map { [$0] } ?? []) }
        }

        func callAsFunction<E: Executor>(_ input: E.Value, _ executor: E) -> E.Value {
            var value = input
            for block in blocks { value = block(value, executor) }
            return value
        }
    }

    let stem: ConvolutionLayer
    let stages: [Stage]
    /// Output channels of the stages.
    public let channels: [Int]

    /// - Parameter stageCount: The stages that look at the whole picture; a fourth may be the heads' instead (`SharedHead`).
    public init(
        _ configuration: ModelConfiguration.Backbone, stageCount: Int = 4, name: String = "backbone.body"
    ) {
        stem = ConvolutionLayer(
            name: "\(name).conv1", norm: "\(name).bn1", normalization: configuration.normalization.ofLayer,
            inputChannels: 3, outputChannels: configuration.stemWidth, kernel: 7, stride: 2, padding: 3,
            epsilon: configuration.batchNormEpsilon, activation: .relu)
        stages = (0..<stageCount).map { Stage(configuration, number: $0, name: "\(name).layer\($0 + 1)") }
        channels = configuration.widths.prefix(stageCount).map { $0 * configuration.block.expansion }
    }

    var convolutions: [ConvolutionLayer] { [stem] + stages.flatMap(\.convolutions) }

    /// The outputs of the stages, finest first, with strides of 4, 8, 16 and 32 pixels.
    public func callAsFunction<E: Executor>(_ image: E.Value, _ executor: E) -> [E.Value] {
        var value = executor.maxPool(executor.convolution(image, stem))
        return stages.map { stage in
            value = stage(value, executor)
            return value
        }
    }
}

extension ResNet.Block {
    fileprivate init(
        _ configuration: ModelConfiguration.Backbone, name: String, inputChannels: Int, width: Int, stride: Int
    ) {
        let outputs = width * configuration.block.expansion
        let inner = configuration.block == .basic ? width : configuration.innerWidth(width)
        func layer(
            _ number: Int, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, groups: Int = 1
        ) -> ConvolutionLayer {
            ConvolutionLayer(
                name: "\(name).conv\(number)", norm: "\(name).bn\(number)",
                normalization: configuration.normalization.ofLayer, inputChannels: inputs, outputChannels: outputs,
                kernel: kernel, stride: stride, padding: kernel / 2, groups: groups,
                epsilon: configuration.batchNormEpsilon, activation: .relu)
        }
        switch configuration.block {
        case .basic:
            convolutions = [
                layer(1, inputChannels, outputs, kernel: 3, stride: stride), layer(2, outputs, outputs, kernel: 3),
            ]
        case .bottleneck:
            let (first, second) = configuration.stridesFirst ? (stride, 1) : (1, stride)
            convolutions = [
                layer(1, inputChannels, inner, kernel: 1, stride: first),
                layer(2, inner, inner, kernel: 3, stride: second, groups: configuration.groups),
                layer(3, inner, outputs, kernel: 1),
            ]
        }
        guard stride != 1 || inputChannels != outputs else { return }
        downsample = ConvolutionLayer(
            name: "\(name).downsample.0", norm: "\(name).downsample.1",
            normalization: configuration.normalization.ofLayer, inputChannels: inputChannels, outputChannels: outputs,
            kernel: 1, stride: stride, epsilon: configuration.batchNormEpsilon)
    }
}
