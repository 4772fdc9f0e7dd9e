/// What looks at the whole picture first.
public enum Backbone: Sendable {
    case resnet(ResNet)
    case vgg(VGG)

    public init(_ configuration: ModelConfiguration) {
        switch configuration.backbone.kind {
        case .resnet:
            // In C4 the last stage is the heads'.
            self = .resnet(ResNet(configuration.backbone, stageCount: configuration.architecture == .c4 ? 3 : 4))
        case .vgg: self = .vgg(VGG(configuration.backbone))
        }
    }

    /// Channels of the outputs.
    public var channels: [Int] {
        switch self {
        case .resnet(let network): network.channels
        case .vgg(let network): network.channels
        }
    }

    /// In the picture's order: the first one sees the picture.
    var convolutions: [ConvolutionLayer] {
        switch self {
        case .resnet(let network): network.convolutions
        case .vgg(let network): network.convolutions
        }
    }

    /// The names of the layers up to a stage: none for 0; of a ResNet the first convolution for 1, the first stage too for 2, and so on; of a
    /// VGG the convolutions before the first pool for 1, those before the second too for 2, and so on.
    public func frozenLayers(stages: Int) -> Set<String> {
        guard stages > 0 else { return [] }
        switch self {
        case .resnet(let network):
            let layers = [network.stem] + network.stages.prefix(stages - 1).flatMap(\.convolutions)
            return Set(layers.map(\.name))
        case .vgg(let network): return Set(network.stages.prefix(stages).flatMap { $0 }.map(\.name))
        }
    }

    /// The outputs, finest first: strides of 4, 8, 16 and 32 pixels, in C4 without the last.
    public func callAsFunction<E: Executor>(_ image: E.Value, _ executor: E) -> [E.Value] {
        switch self {
        case .resnet(let network): network(image, executor)
        case .vgg(let network): network(image, executor)
        }
    }
}
