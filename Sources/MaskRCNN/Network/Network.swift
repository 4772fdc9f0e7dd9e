import Checkpoints

/// The topology of a whole Mask R-CNN; it holds no weights.
public struct Network: Sendable {
    public let backbone: Backbone
    /// What makes levels of the backbone's outputs; nil in C4, whose one level is the last output.
    public let pyramid: FeaturePyramid?
    public let proposalHead: ProposalHead
    /// In C4, what both heads begin with.
    public let sharedHead: SharedHead?
    public let boxHead: BoxHead
    public let maskHead: MaskHead

    public init(_ configuration: ModelConfiguration) {
        backbone = Backbone(configuration)
        let levelChannels: Int
        let headChannels: Int
        switch configuration.architecture {
        case .fpn:
            pyramid = FeaturePyramid(configuration.pyramid, inputChannels: backbone.channels)
            sharedHead = nil
            levelChannels = configuration.pyramid.channels
            headChannels = levelChannels
        case .c4:
            let shared = SharedHead(configuration.backbone)
            pyramid = nil
            sharedHead = shared
            levelChannels = backbone.channels[backbone.channels.count - 1]
            headChannels = shared.channels
        }
        proposalHead = ProposalHead(
            configuration.proposals, channels: levelChannels, anchors: configuration.anchorsAPlace)
        boxHead = BoxHead(
            configuration.boxHead, channels: headChannels, classes: configuration.classes,
            isAveraged: configuration.architecture == .c4)
        maskHead = MaskHead(configuration.maskHead, channels: headChannels, classes: configuration.classes)
    }

    // MARK: From maps to what the heads say

    /// The levels that proposals are made on, finest first, of the backbone's outputs.
    public func levels<E: Executor>(_ stages: [E.Value], _ executor: E) -> [E.Value] {
        pyramid?(stages, executor) ?? [stages[stages.count - 1]]
    }

    /// Those of the levels that regions are pooled from: not the subsampled last one of a pyramid.
    public func pooledLevels<Value>(_ levels: [Value]) -> [Value] { pyramid == nil ? levels : levels.dropLast() }

    /// Side of the regions that are pooled for the box head, pixels.
    public var boxPoolSize: Int { sharedHead == nil ? BoxHead.poolSize : SharedHead.poolSize }
    /// Side of the regions that are pooled for the mask head, pixels.
    public var maskPoolSize: Int { sharedHead == nil ? MaskHead.poolSize : SharedHead.poolSize }
    /// Side of the masks, pixels.
    public var maskSize: Int { sharedHead == nil ? MaskHead.maskSize : SharedHead.poolSize }

    /// What the box head says of pooled regions, `[regions, boxPoolSize, boxPoolSize, channels]`.
    public func boxes<E: Executor>(_ regions: E.Value, _ executor: E) -> BoxHead.Output<E.Value> {
        boxHead(sharedHead?(regions, executor) ?? regions, executor)
    }

    /// What the classes' masks are made of, `[regions, maskSize, maskSize, hidden]`.
    ///
    /// - Parameter regions: `[regions, maskPoolSize, maskPoolSize, channels]`.
    public func maskFeatures<E: Executor>(_ regions: E.Value, _ executor: E) -> E.Value {
        maskHead.features(sharedHead?(regions, executor) ?? regions, executor)
    }

    // MARK: Layers

    /// The convolutions that are run for all their outputs: all but the masks' last.
    public var convolutions: [ConvolutionLayer] {
        backbone.convolutions + (pyramid?.convolutions ?? []) + proposalHead.convolutions
            + (sharedHead?.convolutions ?? []) + boxHead.convolutions + maskHead.convolutions
    }

    /// The layers whose products may be of fewer bits, by name: all but the first, which sees the picture, and the last of each head,
    /// whose results are compared with each other and with thresholds. They are little of the work.
    public var narrowLayers: Set<String> {
        Set((convolutions.map(\.name) + linears.map(\.name) + deconvolutions.map(\.name)))
            .subtracting([
                backbone.convolutions[0].name, proposalHead.objectness.name, proposalHead.deltas.name,
                boxHead.logits.name, boxHead.deltas.name,
            ])
    }

    public var linears: [LinearLayer] { boxHead.linears }
    public var deconvolutions: [DeconvolutionLayer] { [maskHead.upsampling] }

    /// The names and shapes that a checkpoint must have.
    public var manifest: Manifest {
        Manifest(
            convolutions.flatMap(\.parameters) + maskHead.logits.parameters + linears.flatMap(\.parameters)
                + deconvolutions.flatMap(\.parameters))
    }
}
