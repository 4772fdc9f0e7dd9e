import Foundation
import Instances
import Tensors

/// A Mask R-CNN (He et al. 2017, arXiv 1703.06870) ready to look at pictures.
// Every stored property is immutable and Sendable; several threads may detect at once, and take turns at each operator.
public final class Detector: Sendable {
    public let configuration: ModelConfiguration
    private let network: Network
    private let inference: Inference
    private let transform: ImageTransform
    private let anchors: AnchorGenerator
    private let proposals: ProposalSelection
    private let detections: DetectionSelection
    private let names: [Int: String]

    /// Lays the weights out for computing.
    ///
    /// - Parameter threads: Threads that compute; all processors where nil.
    /// - Throws: `CheckpointError` for weights that are infinite or not a number.
    public init(_ model: Model, threads: Int? = nil) throws {
        configuration = model.configuration
        network = model.network
        inference = try Inference(model.network, weights: model.weights, compute: Compute(threads: threads))
        transform = ImageTransform(configuration.transform)
        anchors = AnchorGenerator(configuration.proposals)
        proposals = ProposalSelection(configuration.proposals)
        detections = DetectionSelection(configuration.boxHead)
        names = Dictionary(uniqueKeysWithValues: configuration.categories.map { ($0.id, $0.name) })
    }

    /// What products run on: `avx512`, `avx2` or `portable` kernels, or `openblas`.
    public static var engine: String { Compute.engine }

    /// Threads that compute.
    public var threads: Int { inference.compute.workers.count }

    /// Finds the objects in a picture.
    ///
    /// - Parameters:
    ///   - threshold: The score that an object must exceed, 0...1; the model's own where nil.
    ///   - categories: The category ids to report; all where nil.
    ///   - clock: Told how long each stage takes.
    /// - Returns: Objects by descending score, with boxes and masks in the picture's pixels.
    public func detect(
        _ image: RGBImage, threshold: Float? = nil, categories: Set<Int>? = nil, clock: StageClock? = nil
    ) -> [Instance] {
        let input = clock.measure("transform") { transform(image, inference.compute) }
        let stages = clock.measure("backbone") { network.backbone(input.tensor, inference) }
        let levels = clock.measure("pyramid") { network.pyramid(stages, inference) }
        let regions = clock.measure("proposals") { propose(levels, input) }
        let found = clock.measure("boxes") {
            classify(regions.boxes, levels, input, threshold: threshold, categories: categories)
        }
        return clock.measure("masks") { segment(found, levels, input) }
    }

    func propose(_ levels: [Tensor], _ input: ImageTransform.Input) -> ProposalSelection.Proposals {
        let heads = levels.map { network.proposalHead($0, inference) }
        let boxes = anchors.anchors(
            size: .init(height: input.tensor.height, width: input.tensor.width),
            grids: levels.map { .init(height: $0.height, width: $0.width) })
        return proposals(heads, anchors: boxes, size: input.size, inference.compute)
    }

    func classify(
        _ regions: [Box], _ levels: [Tensor], _ input: ImageTransform.Input, threshold: Float?,
        categories: Set<Int>?
    ) -> [DetectionSelection.Detection] {
        guard !regions.isEmpty else { return [] }
        let pooled = RegionPooling(size: BoxHead.poolSize)(
            regions, Array(levels.dropLast()), inputSize: input.size, inference.compute)
        return detections(
            network.boxHead(pooled, inference), proposals: regions, size: input.size, threshold: threshold,
            categories: categories, inference.compute)
    }

    /// Adds masks, and brings everything back to the picture.
    func segment(
        _ found: [DetectionSelection.Detection], _ levels: [Tensor], _ input: ImageTransform.Input
    ) -> [Instance] {
        guard !found.isEmpty else { return [] }
        let masks = maskProbabilities(found, levels, input)
        let size = input.originalSize
        let area = MaskHead.maskSize * MaskHead.maskSize
        var instances = [Instance?](repeating: nil, count: found.count)
        masks.withElements { masks in
            instances.withUnsafeMutableBufferPointer { instances in
                inference.compute.workers.run(found.count) { index in
                    let detection = found[index]
                    let box = ImageTransform.restored(detection.box, input)
                    let mask = MaskPasting.paste(
                        UnsafeBufferPointer(rebasing: masks[index * area..<(index + 1) * area]),
                        side: MaskHead.maskSize, box: box, width: size.width, height: size.height)
                    instances[index] = Instance(
                        categoryID: detection.label, category: names[detection.label] ?? "class \(detection.label)",
                        score: detection.score, box: box, mask: mask)
                }
            }
        }
        return instances.compactMap(\.self)
    }

    /// The probabilities of each detection's own class, `[detections, 28, 28]`.
    func maskProbabilities(
        _ found: [DetectionSelection.Detection], _ levels: [Tensor], _ input: ImageTransform.Input
    ) -> Tensor {
        let pooled = RegionPooling(size: MaskHead.poolSize)(
            found.map(\.box), Array(levels.dropLast()), inputSize: input.size, inference.compute)
        return inference.maskProbabilities(
            network.maskHead.features(pooled, inference), labels: found.map(\.label))
    }
}
