import Checkpoints
import Instances

/// A Detectron2 checkpoint as weights under our names, with a configuration that says what Detectron2 does otherwise.
///
/// The weights change where the two differ in order alone: the first convolution's inputs go from blue, green, red to red, green, blue;
/// the background moves from the last class to the first; COCO's 80 classes go to their ids, and the classes between, which COCO does
/// not have, get a logit that no softmax gives a probability; boxes and masks that all classes share are repeated for each; the
/// anchors of a place in C4 go from sizes to ratios first.
public struct Detectron2Import: Sendable {
    public let weights: Checkpoint
    public let configuration: ModelConfiguration

    /// What a checkpoint does not tell about how it was trained.
    public struct Options: Sendable {
        /// Whether 80 classes are COCO's.
        public var hasCOCOCategories = true
        /// Whether the network was trained on red, green, blue (`INPUT.FORMAT: RGB`) and not on Detectron2's usual blue, green, red. Such
        /// ones begin with torchvision's backbones, and have their scale of pictures and their strides unless the file says otherwise.
        public var isRGB = false

        public init() {}
    }

    /// The means of red, green and blue, in 0...255 (`MODEL.PIXEL_MEAN`).
    private static let mean: [Float] = [123.675, 116.28, 103.53]
    /// The standard deviations that ResNeXts and torchvision's backbones were trained with (`MODEL.PIXEL_STD`).
    private static let std: [Float] = [58.395, 57.12, 57.375]
    /// Far enough below any logit that its exponential is 0.
    private static let never: Float = -10_000

    public static func isRecognized(_ checkpoint: Checkpoint) -> Bool {
        TensorNames(stored: checkpoint.tensors.keys).isDetectron2
    }

    /// - Throws: `ModelConfiguration.Unrecognized` for what is missing or has an impossible shape, `FileError` where there is no memory.
    public init(_ checkpoint: Checkpoint, options: Options = Options()) throws {
        func unrecognized(_ problem: String) -> ModelConfiguration.Unrecognized {
            .init(path: checkpoint.path, problem: problem)
        }
        let names = Detectron2Names(checkpoint.tensors.keys)
        var tensors: [String: StoredTensor] = [:]
        for (stored, tensor) in checkpoint.tensors where !Detectron2Names.isSetting(stored) {
            let name = names.current(for: stored)
            guard tensors.updateValue(tensor.renamed(name), forKey: name) == nil else {
                throw unrecognized("two tensors stand for \(name)")
            }
        }
        let conversion = Conversion(path: checkpoint.path, tensors: tensors)
        guard let logits = tensors["roi_heads.box_predictor.cls_score.weight"]?.shape, logits.count == 2,
            (2...10_000).contains(logits[0])
        else {
            throw unrecognized("roi_heads.box_predictor.cls_score.weight is missing, or has not two rows or more")
        }
        let classes = logits[0] - 1
        let isCOCO = options.hasCOCOCategories && classes == COCOCategories.all.count
        let ids = isCOCO ? COCOCategories.all.map(\.id) : Array(1...classes)
        let slots = isCOCO ? COCOCategories.classes : classes + 1

        if !options.isRGB { try conversion.reverseInputs("backbone.body.conv1.weight") }
        // Rows of the old layer by class; nil for classes that there are not.
        var rows = [Int?](repeating: nil, count: slots)
        for (index, id) in ids.enumerated() { rows[id] = index }
        var logitRows = rows
        logitRows[0] = classes
        try conversion.arrange("roi_heads.box_predictor.cls_score", logitRows, otherwise: Self.never)
        try conversion.arrange("roi_heads.box_predictor.bbox_pred", rows, rowsEach: 4, of: classes)
        try conversion.arrange("roi_heads.mask_predictor.mask_fcn_logits", rows, of: classes)

        let settings = Settings(checkpoint)
        let sizes = try names.isC4 ? conversion.singleLevelSizes(settings) : settings.pyramidSizes
        weights = Checkpoint(path: checkpoint.path, format: checkpoint.format, tensors: conversion.tensors)
        var found = try ModelConfiguration(recognizing: weights, anchorSizes: sizes)
        found.rules = .detectron2
        found.categories = isCOCO ? COCOCategories.all : []
        // Only the networks that were taken over from Caffe have the stride there.
        let isOfCaffe = !options.isRGB && found.backbone.groups == 1 && found.backbone.normalization == .batch
        found.backbone.stridesFirst = isOfCaffe && found.backbone.block == .bottleneck
        if found.architecture == .c4 { found.transform.sizeDivisor = 1 }
        /// What the file says, in the order of the network's input, or a default; a 255th of it in red, green, blue.
        func scaled(_ name: String, default values: [Float]) -> [Float] {
            let stored = settings.values(name).map { options.isRGB ? $0 : $0.reversed() }
            return (stored ?? values).map { $0 / 255 }
        }
        found.transform.mean = scaled("pixel_mean", default: Self.mean)
        // Those see pictures as they are, and so do the ones with group normalisation.
        found.transform.std = scaled(
            "pixel_std", default: options.isRGB || found.backbone.groups > 1 ? Self.std : [1, 1, 1])
        configuration = found
    }
}

/// What Detectron2 may store beside weights.
private struct Settings {
    let checkpoint: Checkpoint

    init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    /// Three numbers, one a channel.
    func values(_ name: String) -> [Float]? {
        guard let values = checkpoint.tensors[name]?.floats(), values.count == 3, values.allSatisfy(\.isFinite) else {
            return nil
        }
        return values
    }

    /// Sides of the square anchors of one level, in Detectron2's order: by size, then by ratio.
    func anchorSizes(level: Int) -> [Float]? {
        let name = "proposal_generator.anchor_generator.cell_anchors.\(level)"
        guard let tensor = checkpoint.tensors[name], tensor.shape.count == 2, tensor.shape[1] == 4 else { return nil }
        let values = tensor.floats()
        var sizes: [Float] = []
        for i in stride(from: 0, to: values.count, by: 4) {
            let area = (values[i + 2] - values[i]) * (values[i + 3] - values[i + 1])
            // Rounding leaves a little of the root.
            let size = (area.squareRoot() * 64).rounded() / 64
            if sizes.last != size { sizes.append(size) }
        }
        return sizes
    }

    /// One size for each of five levels.
    var pyramidSizes: [Float]? {
        let sizes = (0..<5).compactMap { anchorSizes(level: $0) }
        guard sizes.count == 5, sizes.allSatisfy({ $0.count == 1 }) else { return nil }
        return sizes.map { $0[0] }
    }
}

/// Weights while they are being changed.
private final class Conversion {
    let path: String
    private(set) var tensors: [String: StoredTensor]

    init(path: String, tensors: [String: StoredTensor]) {
        self.path = path
        self.tensors = tensors
    }

    private func tensor(_ name: String) throws -> StoredTensor {
        guard let tensor = tensors[name] else {
            throw ModelConfiguration.Unrecognized(path: path, problem: "\(name) is missing")
        }
        return tensor
    }

    private func impossible(_ tensor: StoredTensor) -> ModelConfiguration.Unrecognized {
        .init(path: path, problem: "\(tensor.name) has the shape \(tensor.shape)")
    }

    private func replace(_ name: String, _ shape: [Int], _ values: [Float]) throws {
        tensors[name] = try StoredTensor(name: name, shape: shape, floats: values, path: path)
    }

    /// Turns the order of a convolution's three input channels round.
    func reverseInputs(_ name: String) throws {
        let old = try tensor(name)
        guard old.shape.count == 4, old.shape[1] == 3, old.elementCount > 0 else { throw impossible(old) }
        let (values, area) = (old.floats(), old.shape[2] * old.shape[3])
        try replace(
            name, old.shape,
            values.indices.map { index in
                let channel = index / area % 3
                return values[index + (2 - 2 * channel) * area]
            })
    }

    /// Puts a layer's outputs into another order.
    ///
    /// - Parameters:
    ///   - rows: By new class the old one; nil for one that gets weights of 0.
    ///   - otherwise: The bias of those.
    ///   - rowsEach: Outputs of each class.
    ///   - classes: The old classes, where one that stands for all is repeated; nil where there are as many as outputs.
    func arrange(
        _ layer: String, _ rows: [Int?], otherwise: Float = 0, rowsEach: Int = 1, of classes: Int? = nil
    ) throws {
        for (part, fill) in [("weight", 0), ("bias", otherwise)] {
            let old = try tensor("\(layer).\(part)")
            guard let count = old.shape.first, count > 0, old.elementCount > 0 else { throw impossible(old) }
            let isShared = classes != nil && count == rowsEach
            guard isShared || count == (classes ?? (rows.compactMap(\.self).max() ?? 0) + 1) * rowsEach else {
                throw impossible(old)
            }
            let (values, size) = (old.floats(), old.elementCount / count * rowsEach)
            let (total, overflow) = size.multipliedReportingOverflow(by: rows.count)
            guard !overflow, total <= 1 << 32 else { throw impossible(old) }
            var new: [Float] = []
            new.reserveCapacity(total)
            for row in rows {
                guard let row else {
                    new += repeatElement(fill, count: size)
                    continue
                }
                let first = isShared ? 0 : row * size
                new += values[first..<first + size]
            }
            try replace("\(layer).\(part)", [rows.count * rowsEach] + old.shape.dropFirst(), new)
        }
    }

    /// Puts the anchors of C4's one level into the order of ratios, then sizes.
    ///
    /// - Returns: The sizes.
    func singleLevelSizes(_ settings: Settings) throws -> [Float] {
        let standard = ModelConfiguration.Proposals()
        let sizes = settings.anchorSizes(level: 0) ?? standard.anchorSizes
        let ratios = standard.aspectRatios.count
        let rows: [Int?] = (0..<ratios).flatMap { ratio in sizes.indices.map { $0 * ratios + ratio } }
        // A model with other anchors is refused where its architecture is recognised.
        guard try tensor("rpn.head.cls_logits.weight").shape.first == rows.count else { return sizes }
        try arrange("rpn.head.cls_logits", rows)
        try arrange("rpn.head.bbox_pred", rows, rowsEach: 4)
        return sizes
    }
}
