import Checkpoints
import Foundation

extension ModelConfiguration {
    /// Why the architecture cannot be told from a checkpoint's tensors.
    public struct Unrecognized: Error, Equatable, CustomStringConvertible {
        public var path: String
        public var problem: String

        public var description: String {
            "\(path): not a Mask R-CNN with a ResNet, ResNeXt or VGG under torchvision's or Detectron2's names: \(problem)"
        }
    }

    /// Reads the architecture off the names and shapes of a checkpoint in torchvision's layout.
    ///
    /// What shapes do not tell, such as input size, anchors' sizes and thresholds, keeps torchvision's defaults; so does the epsilon of
    /// batch normalisation (see `isPublished`).
    ///
    /// - Parameter anchorSizes: Where they are known.
    /// - Throws: `ModelConfiguration.Unrecognized`.
    public init(recognizing checkpoint: Checkpoint, anchorSizes: [Float]? = nil) throws {
        self.init()
        proposals.anchorSizes = anchorSizes ?? proposals.anchorSizes
        let shapes = Shapes(checkpoint)
        if shapes.has("roi_heads.layer4.0.conv1.weight") {
            architecture = .c4
            (boxHead.fullyConnected, maskHead.convolutions) = ([], [])
            proposals.preNmsTopN = 6000
        }
        backbone = try shapes.has("backbone.body.conv1.weight") ? Backbone(shapes, architecture) : Backbone(vgg: shapes)
        if architecture == .fpn {
            pyramid.channels = try shapes["backbone.fpn.inner_blocks.0.0.weight", 0]
            pyramid.normalization = shapes.normalization("backbone.fpn.inner_blocks.0.1")
        }

        proposals.convolutions = shapes.count { "rpn.head.conv.\($0).0.weight" }
        let anchors = try shapes["rpn.head.cls_logits.weight", 0]
        guard anchors == anchorsAPlace else {
            throw Unrecognized(
                path: checkpoint.path,
                problem: "it has \(anchors) anchors a place; give their aspect ratios with --configuration")
        }

        classes = try shapes["roi_heads.box_predictor.cls_score.weight", 0]
        if architecture == .fpn {
            boxHead.convolutions = try shapes.outputs { "roi_heads.box_head.\($0).0.weight" }
            boxHead.normalization = shapes.normalization("roi_heads.box_head.0.1")
            boxHead.fullyConnected =
                boxHead.convolutions.isEmpty
                ? [try shapes["roi_heads.box_head.fc6.weight", 0], try shapes["roi_heads.box_head.fc7.weight", 0]]
                : [try shapes["roi_heads.box_head.\(boxHead.convolutions.count + 1).weight", 0]]
            maskHead.convolutions = try shapes.outputs { "roi_heads.mask_head.\($0).0.weight" }
            maskHead.normalization = shapes.normalization("roi_heads.mask_head.0.1")
        }
        maskHead.hidden = try shapes["roi_heads.mask_predictor.conv5_mask.weight", 1]
        if classes == COCOCategories.classes { categories = COCOCategories.all }
    }

    /// The name that torchvision's published v1 weights are downloaded under.
    private static let publishedName = "maskrcnn_resnet50_fpn_coco"

    /// Whether a file bears the name of torchvision's published v1 weights, which torchvision uses with an epsilon of 0.
    public static func isPublished(path: String) -> Bool {
        URL(fileURLWithPath: path).lastPathComponent.hasPrefix(publishedName)
    }
}

extension ModelConfiguration.Backbone {
    /// A ResNet.
    fileprivate init(_ shapes: Shapes, _ architecture: ModelConfiguration.Architecture) throws {
        self.init()
        let body = "backbone.body"
        stemWidth = try shapes["\(body).conv1.weight", 0]
        normalization = shapes.normalization("\(body).bn1")
        block = shapes.has("\(body).layer1.0.conv3.weight") ? .bottleneck : .basic
        let stages = (1...4).map { $0 == 4 && architecture == .c4 ? "roi_heads.layer4" : "\(body).layer\($0)" }
        layers = stages.map { stage in shapes.count { "\(stage).\($0).conv1.weight" } }
        widths = try stages.map { stage in
            switch block {
            case .basic: try shapes["\(stage).0.conv1.weight", 0]
            case .bottleneck: try shapes["\(stage).0.conv3.weight", 0] / block.expansion
            }
        }
        guard block == .bottleneck else { return }
        let inner = try shapes["\(body).layer1.0.conv2.weight", 0]
        let groupChannels = try shapes["\(body).layer1.0.conv2.weight", 1]
        guard inner > 0, (1...16384).contains(groupChannels), (1...16384).contains(widths[0]),
            inner % groupChannels == 0
        else {
            throw shapes.unrecognized("\(body).layer1.0.conv2.weight has an impossible shape")
        }
        groups = inner / groupChannels
        widthPerGroup = groupChannels * 64 / widths[0]
    }
}

extension ModelConfiguration.Backbone {
    /// A VGG: its layers' names are their places in a sequence, and where a place more than usual lies between two, there is a pool.
    fileprivate init(vgg shapes: Shapes) throws {
        self.init()
        kind = .vgg
        func name(_ place: Int) -> String { "backbone.body.\(place).weight" }
        normalization = shapes.normalization("backbone.body.1")
        let step = normalization == .none ? 2 : 3
        (layers, widths) = ([], [])
        var place = 0
        while shapes.has(name(place)), layers.count < 5 {
            widths.append(try shapes[name(place), 0])
            let count = shapes.count { name(place + $0 * step) }
            layers.append(count)
            place += count * step + 1
        }
        guard layers.count == 5 else {
            throw shapes.unrecognized(
                "backbone.body has neither a ResNet's conv1 nor the five groups of convolutions of a VGG")
        }
    }
}

/// A checkpoint's shapes by name.
private struct Shapes {
    private let checkpoint: Checkpoint
    /// No network has more blocks in a row.
    private static let limit = 200

    init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    func has(_ name: String) -> Bool { checkpoint.tensors[name] != nil }

    /// The kind of a normalisation: only batch normalisation has statistics.
    func normalization(_ name: String) -> ModelConfiguration.Normalization {
        has("\(name).running_mean") ? .batch : has("\(name).weight") ? .group : .none
    }

    func unrecognized(_ problem: String) -> ModelConfiguration.Unrecognized {
        ModelConfiguration.Unrecognized(path: checkpoint.path, problem: problem)
    }

    subscript(name: String, dimension: Int) -> Int {
        get throws {
            guard let shape = checkpoint.tensors[name]?.shape else { throw unrecognized("\(name) is missing") }
            guard shape.indices.contains(dimension) else { throw unrecognized("\(name) has the shape \(shape)") }
            return shape[dimension]
        }
    }

    /// How many names with a number from 0 there are without a gap.
    func count(_ name: (Int) -> String) -> Int { (0..<Self.limit).prefix { has(name($0)) }.count }

    /// The first dimension of each of them.
    func outputs(_ name: (Int) -> String) throws -> [Int] {
        try (0..<count(name)).map { try self[name($0), 0] }
    }
}
