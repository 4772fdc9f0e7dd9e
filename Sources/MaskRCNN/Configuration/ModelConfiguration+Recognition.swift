import Checkpoints
import Foundation

extension ModelConfiguration {
    /// Why the architecture cannot be told from a checkpoint's tensors.
    public struct Unrecognized: Error, Equatable, CustomStringConvertible {
        public var path: String
        public var problem: String

        public var description: String {
            "\(path): not a Mask R-CNN with a ResNet or ResNeXt on a feature pyramid under torchvision's names: \(problem)"
        }
    }

    /// Reads the architecture off the names and shapes of a checkpoint in torchvision's layout.
    ///
    /// What shapes do not tell, such as input size, anchors' sizes and thresholds, keeps torchvision's defaults; so does the epsilon of
    /// batch normalisation (see `isPublished`).
    ///
    /// - Throws: `ModelConfiguration.Unrecognized`.
    public init(recognizing checkpoint: Checkpoint) throws {
        self.init()
        let shapes = Shapes(checkpoint)
        if checkpoint.tensors.keys.contains(where: { $0.hasPrefix("backbone.bottom_up.") }) {
            throw Unrecognized(
                path: checkpoint.path, problem: "these are Detectron2's names, which are not supported yet")
        }
        backbone = try Backbone(shapes)
        pyramid.channels = try shapes["backbone.fpn.inner_blocks.0.0.weight", 0]
        pyramid.normalization = shapes.has("backbone.fpn.inner_blocks.0.1.weight") ? .batch : .none

        proposals.convolutions = shapes.count { "rpn.head.conv.\($0).0.weight" }
        let anchors = try shapes["rpn.head.cls_logits.weight", 0]
        guard anchors == proposals.aspectRatios.count else {
            throw Unrecognized(
                path: checkpoint.path,
                problem: "it has \(anchors) anchors a place; give their aspect ratios with --configuration")
        }

        classes = try shapes["roi_heads.box_predictor.cls_score.weight", 0]
        boxHead.convolutions = try shapes.outputs { "roi_heads.box_head.\($0).0.weight" }
        boxHead.normalization = shapes.has("roi_heads.box_head.0.1.weight") ? .batch : .none
        boxHead.fullyConnected =
            boxHead.convolutions.isEmpty
            ? [try shapes["roi_heads.box_head.fc6.weight", 0], try shapes["roi_heads.box_head.fc7.weight", 0]]
            : [try shapes["roi_heads.box_head.\(boxHead.convolutions.count + 1).weight", 0]]
        maskHead.convolutions = try shapes.outputs { "roi_heads.mask_head.\($0).0.weight" }
        maskHead.normalization = shapes.has("roi_heads.mask_head.0.1.weight") ? .batch : .none
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
    fileprivate init(_ shapes: Shapes) throws {
        self.init()
        let body = "backbone.body"
        stemWidth = try shapes["\(body).conv1.weight", 0]
        block = shapes.has("\(body).layer1.0.conv3.weight") ? .bottleneck : .basic
        layers = (1...4).map { stage in shapes.count { "\(body).layer\(stage).\($0).conv1.weight" } }
        widths = try (1...4).map { stage in
            switch block {
            case .basic: try shapes["\(body).layer\(stage).0.conv1.weight", 0]
            case .bottleneck: try shapes["\(body).layer\(stage).0.conv3.weight", 0] / block.expansion
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

/// A checkpoint's shapes by name.
private struct Shapes {
    private let checkpoint: Checkpoint
    /// No network has more blocks in a row.
    private static let limit = 200

    init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    func has(_ name: String) -> Bool { checkpoint.tensors[name] != nil }

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
