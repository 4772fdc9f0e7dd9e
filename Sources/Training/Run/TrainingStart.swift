import COCO
import Checkpoints
import Instances
import MaskRCNN
import Tensors

/// The network that a training begins with, and the classes that it gives the data set's categories.
public struct TrainingStart {
    public let network: LossNetwork
    /// The class of each category of the data set, by its id.
    public let labels: [Int: Int]
    /// Whether the heads' last layers begin anew, for categories that the checkpoint does not know.
    public let hasNewHeads: Bool

    /// Why a training cannot begin.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case otherCategories(missing: [String], known: [String])
        case noCategories(path: String)
        /// A length of `augment.scales` in a configuration's file above the greatest that the checkpoint's model takes, pixels.
        case tooLongScale(Int, file: String, checkpoint: String, greatest: Int)

        public var description: String {
            switch self {
            case .otherCategories(let missing, let known):
                "the model's categories lack \(missing.map { "'\($0)'" }.joined(separator: ", ")) of the data set; the model "
                    + "has \(known.prefix(20).joined(separator: ", ")). Leave categories and classes out of the model, and "
                    + "they are the data set's"
            case .noCategories(let path): "\(path): has no categories"
            case .tooLongScale(let scale, let file, let checkpoint, let greatest):
                "\(file): scales of augment holds \(scale), and the model of \(checkpoint) takes at most \(greatest) pixels; "
                    + "leave out what is above"
            }
        }
    }

    /// The layers whose outputs are the categories'.
    private static let categoryLayers = [
        "roi_heads.box_predictor.cls_score.", "roi_heads.box_predictor.bbox_pred.",
        "roi_heads.mask_predictor.mask_fcn_logits.",
    ]

    /// Reads what the configuration names; the weights that come from nowhere are random, by its seed.
    ///
    /// - Throws: `Failure`, `CheckpointError`, `Model.Failure`, `ModelConfiguration.Unrecognized` and `FileError`.
    public init(_ configuration: TrainingConfiguration, dataset: COCODataset, compute: Compute) throws {
        guard !dataset.categories.isEmpty else { throw Failure.noCategories(path: dataset.path) }
        var checkpoint: Checkpoint?
        var model: ModelConfiguration
        switch configuration.start {
        case .model(let given): model = given
        case .checkpoint(let path):
            var opened = try Checkpoint.open(path)
            if Detectron2Import.isRecognized(opened) {
                let imported = try Detectron2Import(opened)
                (opened, model) = (imported.weights, imported.configuration)
            } else if let text = opened.metadata[Model.metadataKey] {
                model = try ModelConfiguration(json: text)
            } else {
                model = try ModelConfiguration(recognizing: opened)
                if ModelConfiguration.isPublished(path: path) { model.backbone.batchNormEpsilon = 0 }
            }
            checkpoint = opened
        }
        // As it is refused with `model`, where the configuration alone tells.
        let greatest = model.transform.maxSize
        if case .checkpoint(let path) = configuration.start,
            let scale = configuration.augmentation.scales.first(where: { $0 > greatest })
        {
            throw Failure.tooLongScale(
                scale, file: configuration.file, checkpoint: path, greatest: greatest)
        }
        // Detectron2's pooling and anchors are a little elsewhere, which weights learn within a few steps.
        model.rules = .torchvision
        // A channel that is constant in a batch has no deviation to be divided by.
        if !configuration.freezing.batchNorm {
            model.backbone.batchNormEpsilon = max(model.backbone.batchNormEpsilon, 1e-5)
        }
        let known = Dictionary(model.categories.map { ($0.name, $0.id) }) { first, _ in first }
        let missing = dataset.categories.filter { known[$0.name] == nil }.map(\.name)
        if checkpoint == nil, !model.categories.isEmpty, !missing.isEmpty {
            throw Failure.otherCategories(missing: missing, known: model.categories.map(\.name))
        }
        hasNewHeads = checkpoint != nil && !missing.isEmpty
        if missing.isEmpty {
            labels = Dictionary(uniqueKeysWithValues: dataset.categories.map { ($0.id, known[$0.name] ?? 0) })
        } else {
            let ordered = dataset.categories.sorted { $0.id < $1.id }
            labels = Dictionary(uniqueKeysWithValues: ordered.enumerated().map { ($1.id, $0 + 1) })
            model.classes = ordered.count + 1
            model.categories = ordered.enumerated().map { Instances.Category(id: $0 + 1, name: $1.name) }
        }
        try model.validate()
        network = LossNetwork(
            model, freezing: configuration.freezing, sampling: configuration.sampling, compute: compute)
        guard let checkpoint else {
            network.parameters.initialize(seed: configuration.seed)
            return
        }
        let isNew = hasNewHeads ? Self.categoryLayers : []
        func isOfHead(_ name: String) -> Bool { isNew.contains { name.hasPrefix($0) } }
        try network.parameters.load(checkpoint, except: isOfHead)
        network.parameters.initialize(seed: configuration.seed) { !isOfHead($0) }
    }
}
