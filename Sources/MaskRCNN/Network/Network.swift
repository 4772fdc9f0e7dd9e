import Checkpoints

/// The topology of a whole Mask R-CNN; it holds no weights.
public struct Network: Sendable {
    public let backbone: ResNet
    public let pyramid: FeaturePyramid
    public let proposalHead: ProposalHead
    public let boxHead: BoxHead
    public let maskHead: MaskHead

    public init(_ configuration: ModelConfiguration) {
        let channels = configuration.pyramid.channels
        backbone = ResNet(configuration.backbone)
        pyramid = FeaturePyramid(configuration.pyramid, inputChannels: backbone.channels)
        proposalHead = ProposalHead(configuration.proposals, channels: channels)
        boxHead = BoxHead(configuration.boxHead, channels: channels, classes: configuration.classes)
        maskHead = MaskHead(configuration.maskHead, channels: channels, classes: configuration.classes)
    }

    /// The convolutions that are run for all their outputs: all but the masks' last.
    public var convolutions: [ConvolutionLayer] {
        backbone.convolutions + pyramid.convolutions + proposalHead.convolutions + boxHead.convolutions
            + maskHead.convolutions
    }

    /// The layers whose products may be of fewer bits, by name: all but the first, which sees the picture, and the last of each head,
    /// whose results are compared with each other and with thresholds. They are little of the work.
    public var narrowLayers: Set<String> {
        Set((convolutions.map(\.name) + linears.map(\.name) + deconvolutions.map(\.name)))
            .subtracting([
                backbone.stem.name, proposalHead.objectness.name, proposalHead.deltas.name, boxHead.logits.name,
                boxHead.deltas.name,
            ])
    }

    public var linears: [LinearLayer] { boxHead.linears }
    public var deconvolutions: [DeconvolutionLayer] { [maskHead.upsampling] }

    /// The names of the backbone's layers up to a stage: none for 0, the first convolution for 1, the first stage too for 2, and so on.
    public func frozenLayers(stages: Int) -> Set<String> {
        guard stages > 0 else { return [] }
        return Set(
            [backbone.stem.name]
                + backbone.stages.prefix(stages - 1).joined().flatMap { block in
                    (block.convolutions + (block.downsample.map { [$0] } ?? [])).map(\.name)
                })
    }

    /// The names and shapes that a checkpoint must have.
    public var manifest: Manifest {
        Manifest(
            convolutions.flatMap(\.parameters) + maskHead.logits.parameters + linears.flatMap(\.parameters)
                + deconvolutions.flatMap(\.parameters))
    }
}
