import Foundation
import Instances
import Tensors

/// A Mask R-CNN (He et al. 2017, arXiv 1703.06870) ready to look at pictures.
// Every stored property is immutable and Sendable; several threads may detect at once, and take turns at each operator.
public final class Detector: Sendable {
    public let configuration: ModelConfiguration
    /// What products are computed in.
    public let precision: Precision
    private let network: Network
    let inference: Inference
    private let transform: ImageTransform
    private let anchors: AnchorGenerator
    private let proposals: ProposalSelection
    private let detections: DetectionSelection
    private let names: [Int: String]

    /// Lays the weights out for computing.
    ///
    /// - Parameters:
    ///   - threads: Threads that compute; all processors where nil.
    ///   - precision: What products are computed in.
    /// - Throws: `CheckpointError` for weights that are infinite or not a number, `Model.Failure` where the precision needs a
    ///   calibration that the model does not have.
    public init(_ model: Model, threads: Int? = nil, precision: Precision = .fp32) throws {
        configuration = model.configuration
        self.precision = precision
        network = model.network
        let calibration = precision == .int8 ? try model.calibration() : nil
        if precision == .int8 && calibration == nil { throw Model.Failure.noCalibration(path: model.weights.path) }
        inference = try Inference(
            model.network, weights: model.weights, compute: Compute(threads: threads), precision: precision,
            calibration: calibration)
        let rules = configuration.rules
        transform = ImageTransform(configuration.transform, rules: rules)
        anchors = AnchorGenerator(
            configuration.proposals, architecture: configuration.architecture, rules: rules)
        proposals = ProposalSelection(configuration.proposals, rules: rules)
        detections = DetectionSelection(configuration.boxHead, rules: rules)
        names = Dictionary(uniqueKeysWithValues: configuration.categories.map { ($0.id, $0.name) })
    }

    /// What products run on: kernels, by their instruction set (`avx512bf16`, `avx512vnni`, `avx512`, `avxvnni`, `avx2` or `portable`), or
    /// `openblas`.
    public static var engine: String { Compute.engine }

    /// The names that `SEGMENTD_SIMD` may have in the environment on this processor, the best first.
    public static var engines: [String] { Compute.engines }

    /// What this machine can do at most with as many threads; measured anew.
    public func roofline() -> Roofline { inference.compute.roofline(isBF16: precision == .bf16) }

    /// Processor time that the computing threads have taken so far, beside those that call.
    public var processorTime: Duration { inference.compute.workers.processorTime }

    /// Threads that compute.
    public var threads: Int { inference.compute.workers.count }

    /// Finds the objects in a picture.
    ///
    /// - Parameters:
    ///   - threshold: The score that an object must exceed, 0...1; the model's own where nil.
    ///   - categories: The category ids to report; all where nil.
    ///   - clock: Told how long each stage takes.
    ///   - recorder: Told what each layer is given.
    /// - Returns: Objects by descending score, with boxes and masks in the picture's pixels.
    public func detect(
        _ image: RGBImage, threshold: Float? = nil, categories: Set<Int>? = nil, clock: FrameClock? = nil,
        recorder: ActivationRecorder? = nil
    ) -> [Instance] {
        let inference = inference.measured(by: clock).recorded(by: recorder)
        let input = clock.measure(stage: "transform") {
            let samples = image.width * image.height * 3
            return clock.measure(operator: "resize", .moving("resize", values: samples / 4)) {
                transform(image, inference.compute)
            }
        }
        let stages = clock.measure(stage: "backbone") { network.backbone(input.tensor, inference) }
        let levels = clock.measure(stage: "pyramid") { network.levels(stages, inference) }
        let regions = clock.measure(stage: "proposals") { propose(levels, input, inference) }
        let found = clock.measure(stage: "boxes") {
            classify(regions.boxes, levels, input, inference, threshold: threshold, categories: categories)
        }
        return clock.measure(stage: "masks") { segment(found, levels, input, inference) }
    }

    func propose(
        _ levels: [Tensor], _ input: ImageTransform.Input, _ inference: Inference
    ) -> ProposalSelection.Proposals {
        let heads = levels.map { network.proposalHead($0, inference) }
        let boxes = anchors.anchors(
            size: .init(height: input.tensor.height, width: input.tensor.width),
            grids: levels.map { .init(height: $0.height, width: $0.width) })
        let candidates = heads.reduce(0) { $0 + $1.objectness.count }
        return inference.clock.measure(operator: "selection", .moving("sort, NMS", values: candidates)) {
            proposals(heads, anchors: boxes, size: input.size, inference.compute)
        }
    }

    func classify(
        _ regions: [Box], _ levels: [Tensor], _ input: ImageTransform.Input, _ inference: Inference,
        threshold: Float?, categories: Set<Int>?
    ) -> [DetectionSelection.Detection] {
        guard !regions.isEmpty else { return [] }
        let head = network.boxes(pooled(regions, levels, input, inference, size: network.boxPoolSize), inference)
        return inference.clock.measure(operator: "selection", .moving("softmax, NMS", values: head.logits.count)) {
            detections(
                head, proposals: regions, size: input.size, threshold: threshold, categories: categories,
                inference.compute)
        }
    }

    /// Adds masks, and brings everything back to the picture.
    func segment(
        _ found: [DetectionSelection.Detection], _ levels: [Tensor], _ input: ImageTransform.Input,
        _ inference: Inference
    ) -> [Instance] {
        guard !found.isEmpty else { return [] }
        let masks = maskProbabilities(found, levels, input, inference)
        return inference.clock.measure(operator: "pasting", .moving("paste, RLE", values: masks.count)) {
            pasted(masks, found, input)
        }
    }

    /// Masks in the picture's own pixels.
    private func pasted(
        _ masks: Tensor, _ found: [DetectionSelection.Detection], _ input: ImageTransform.Input
    ) -> [Instance] {
        let size = input.originalSize
        let (side, rules) = (network.maskSize, configuration.rules)
        var instances = [Instance?](repeating: nil, count: found.count)
        masks.withElements { masks in
            instances.withUnsafeMutableBufferPointer { instances in
                inference.compute.workers.run(found.count) { index in
                    let detection = found[index]
                    var box = ImageTransform.restored(detection.box, input)
                    if rules == .detectron2 {
                        box = box.clipped(to: size)
                        // Like Detectron2, nothing is made of a box without a side.
                        guard box.width > 0, box.height > 0 else { return }
                    }
                    let mask = MaskPasting.paste(
                        UnsafeBufferPointer(rebasing: masks[index * side * side..<(index + 1) * side * side]),
                        side: side, box: box, width: size.width, height: size.height, rules: rules)
                    instances[index] = Instance(
                        categoryID: detection.label, category: names[detection.label] ?? "class \(detection.label)",
                        score: detection.score, box: box, mask: mask)
                }
            }
        }
        return instances.compactMap(\.self)
    }

    /// The probabilities of each detection's own class, `[detections, maskSize, maskSize]`.
    func maskProbabilities(
        _ found: [DetectionSelection.Detection], _ levels: [Tensor], _ input: ImageTransform.Input,
        _ inference: Inference
    ) -> Tensor {
        inference.maskProbabilities(
            network.maskFeatures(
                pooled(found.map(\.box), levels, input, inference, size: network.maskPoolSize), inference),
            labels: found.map(\.label))
    }

    private func pooled(
        _ boxes: [Box], _ levels: [Tensor], _ input: ImageTransform.Input, _ inference: Inference, size: Int
    ) -> Tensor {
        let maps = network.pooledLevels(levels)
        let values = boxes.count * size * size * maps[0].channels
        return inference.clock.measure(operator: "roi_align \(size)x\(size)", .moving("roi_align", values: 2 * values))
        {
            RegionPooling(size: size, rules: configuration.rules, strides: configuration.architecture.strides)(
                boxes, maps, inputSize: input.size, inference.compute)
        }
    }
}

extension Box {
    /// The part of it that lies in a picture; not a number stays so.
    fileprivate func clipped(to size: ImageTransform.Size) -> Box {
        let (width, height) = (Float(size.width), Float(size.height))
        func cut(_ edge: Float, _ limit: Float) -> Float { edge < 0 ? 0 : edge > limit ? limit : edge }
        return Box(x0: cut(x0, width), y0: cut(y0, height), x1: cut(x1, width), y1: cut(y1, height))
    }
}
