import Instances
import MaskRCNN
import RandomNumbers
import Tensors

/// A Mask R-CNN that learns: it runs batches forwards, computes the losses, and runs backwards, which adds to the parameters' gradients.
public final class LossNetwork {
    /// How many boxes a step looks at; torchvision's defaults.
    public struct Sampling: Sendable, Equatable {
        /// Anchors of a picture, and the greatest part that stands for objects.
        public var anchors = BalancedSampler(size: 256, positiveFraction: 0.5)
        /// Proposals of a picture, likewise.
        public var regions = BalancedSampler(size: 512, positiveFraction: 0.25)
        /// Candidates that each level keeps before suppression.
        public var preNmsTopN = 2000
        /// Proposals that a picture keeps.
        public var postNmsTopN = 2000

        public init() {}
    }

    /// Pictures on their way through the network.
    struct Batch {
        /// `[pictures, height, width, 3]`.
        var input: Tensor
        /// Height and width of each picture in it without padding.
        var sizes: [ImageTransform.Size]
        /// The known objects' boxes in the network's input, by picture.
        var objects: [[Box]]
        /// Likewise their classes.
        var labels: [[Int]]
        /// Likewise their masks.
        var masks: [[Mask]]

        /// The greatest height and width of the pictures.
        var size: ImageTransform.Size {
            ImageTransform.Size(height: sizes.map(\.height).max() ?? 0, width: sizes.map(\.width).max() ?? 0)
        }
    }

    /// What the first half of the network makes of a batch.
    struct Levels {
        var levels: [Variable]
        var heads: [ProposalHead.Output<Variable>]
        var anchors: [[Box]]
    }

    public let configuration: ModelConfiguration
    public let network: Network
    public let parameters: ParameterStore
    public let compute: Compute
    public var sampling: Sampling
    private let weights: LaidOutWeights
    private let transform: ImageTransform
    private let anchorGenerator: AnchorGenerator
    /// The anchors of all levels in a row, for the size of the last batch: as with their generator, most have the same.
    private var lastRow: (size: ImageTransform.Size, anchors: [Box])?

    public init(
        _ configuration: ModelConfiguration, freezing: ParameterStore.Freezing, sampling: Sampling = Sampling(),
        compute: Compute
    ) {
        self.configuration = configuration
        self.sampling = sampling
        self.compute = compute
        network = Network(configuration)
        parameters = ParameterStore(network, freezing: freezing)
        weights = LaidOutWeights(parameters, compute)
        transform = ImageTransform(configuration.transform)
        anchorGenerator = AnchorGenerator(configuration.proposals, architecture: configuration.architecture)
    }

    /// Tells that parameters have changed.
    public func parametersChanged() { weights.forget() }

    /// Computes the losses of a batch and adds their gradients to the parameters'. Where an object's box is not finite, neither are the
    /// losses, and there are no gradients.
    ///
    /// - Parameters:
    ///   - minSizes: What each picture's shorter side becomes; the configuration's where nil.
    ///   - scale: What gradients are multiplied by, such as a part where several batches make a step.
    public func learn(
        _ pictures: [TrainingPicture], minSizes: [Int]? = nil, scale: Float = 1, using random: inout SplitMix64
    ) -> Losses {
        let batch = batch(pictures, minSizes: minSizes)
        guard batch.objects.joined().allSatisfy(\.isFinite) else {
            // Nothing matches such a box, so that no loss would tell of it.
            var losses = Losses()
            losses.boxes = .nan
            return losses
        }
        let tape = tape()
        let levels = levels(of: batch, tape)
        var losses = Losses()

        let row = row(levels.anchors, size: .init(height: batch.input.height, width: batch.input.width))
        let anchorSamples = batch.objects.map { objects in
            let matches = BoxMatcher.anchors(row, objects: objects)
            return ProposalLoss.Sample(
                places: sampling.anchors(matches, using: &random), matches: matches, objects: objects)
        }
        (losses.objectness, losses.proposalBoxes) = ProposalLoss(anchors: levels.anchors)(
            levels.heads, samples: anchorSamples, scale: scale, compute)

        let proposals = proposals(levels, batch)
        let samples = proposals.enumerated().flatMap { picture, boxes in
            regionSamples(boxes, picture: picture, batch, using: &random)
        }
        (losses.classes, losses.boxes, losses.masks) = learnRegions(samples, levels.levels, batch, scale: scale, tape)
        tape.runBackwards()
        return losses
    }

    // MARK: Parts

    func batch(_ pictures: [TrainingPicture], minSizes: [Int]? = nil) -> Batch {
        let sizes = pictures.enumerated().map { index, picture in
            transform.resizedSize(
                .init(height: picture.image.height, width: picture.image.width), minSize: minSizes?[index])
        }
        let objects = zip(pictures, sizes).map { picture, size in
            let x = Float(size.width) / Float(picture.image.width)
            let y = Float(size.height) / Float(picture.image.height)
            return picture.objects.map { object in
                Box(x0: object.box.x0 * x, y0: object.box.y0 * y, x1: object.box.x1 * x, y1: object.box.y1 * y)
            }
        }
        return Batch(
            input: transform.batch(pictures.map(\.image), sizes: sizes, compute), sizes: sizes, objects: objects,
            labels: pictures.map { $0.objects.map(\.label) }, masks: pictures.map { $0.objects.map(\.mask) })
    }

    private func row(_ anchors: [[Box]], size: ImageTransform.Size) -> [Box] {
        if let lastRow, lastRow.size == size { return lastRow.anchors }
        let row = Array(anchors.joined())
        lastRow = (size, row)
        return row
    }

    func tape() -> Tape { Tape(parameters, weights: weights, compute) }

    func levels(of batch: Batch, _ tape: Tape) -> Levels {
        let stages = network.backbone(Variable(batch.input), tape)
        let levels = network.levels(stages, tape)
        let heads = levels.map { network.proposalHead($0, tape) }
        let anchors = anchorGenerator.anchors(
            size: .init(height: batch.input.height, width: batch.input.width),
            grids: levels.map { .init(height: $0.value.height, width: $0.value.width) })
        return Levels(levels: levels, heads: heads, anchors: anchors)
    }

    /// The proposals of each picture, with the known objects' boxes behind them; they have no part in gradients.
    func proposals(_ levels: Levels, _ batch: Batch) -> [[Box]] {
        var selection = configuration.proposals
        (selection.preNmsTopN, selection.postNmsTopN) = (sampling.preNmsTopN, sampling.postNmsTopN)
        let select = ProposalSelection(selection)
        return batch.sizes.indices.map { picture in
            let heads = levels.heads.map { head in
                ProposalHead.Output(
                    objectness: head.objectness.value.part(picture), deltas: head.deltas.value.part(picture))
            }
            let found = select(heads, anchors: levels.anchors, size: batch.sizes[picture], compute)
            return found.boxes + batch.objects[picture]
        }
    }

    func regionSamples(
        _ boxes: [Box], picture: Int, _ batch: Batch, using random: inout SplitMix64
    ) -> [RegionLoss.Sample] {
        let matches = BoxMatcher.proposals(boxes, objects: batch.objects[picture])
        return sampling.regions(matches, using: &random).map { place in
            guard case .object(let object) = matches[place] else {
                return RegionLoss.Sample(picture: picture, box: boxes[place], label: 0)
            }
            return RegionLoss.Sample(
                picture: picture, box: boxes[place], label: batch.labels[picture][object], object: object)
        }
    }

    /// The losses of the heads of regions, whose gradients are given to the levels' maps when the tape runs backwards.
    func learnRegions(
        _ samples: [RegionLoss.Sample], _ levels: [Variable], _ batch: Batch, scale: Float, _ tape: Tape
    ) -> (classes: Double, boxes: Double, masks: Double) {
        let maps = network.pooledLevels(levels)
        func pooled(_ samples: [RegionLoss.Sample], size: Int) -> Variable {
            let regions = RegionPooling(size: size).regions(
                samples.map { ($0.picture, $0.box) }, maps.map(\.value), inputSize: batch.size)
            return tape.roiAlign(maps, regions, size: size, samples: RegionPooling.samples)
        }
        guard !samples.isEmpty else { return (0, 0, 0) }
        let loss = RegionLoss()
        // What C4's heads begin with looks at every region once, as in Detectron2: masks are learned from what boxes are, and live
        // normalisation has one batch, whose statistics are those that are kept.
        let regions = pooled(samples, size: network.boxPoolSize)
        let shared = network.sharedHead.map { $0(regions, tape) }
        let head = network.boxHead(shared ?? regions, tape)
        let (classes, boxes) = loss.boxes(
            head, samples: samples, objects: batch.objects, scale: scale, compute)
        let places = samples.indices.filter { samples[$0].object != nil }
        guard !places.isEmpty else { return (classes, boxes, 0) }
        let positives = places.map { samples[$0] }
        let features = network.maskHead.features(
            shared.map { tape.selected($0, places) } ?? pooled(positives, size: network.maskPoolSize), tape)
        let logits = tape.selectedLogits(features, network.maskHead.logits, rows: positives.map(\.label))
        let targets = zip(batch.masks, batch.sizes).map { masks, size in masks.map { MaskTarget($0, size: size) } }
        let masks = loss.masks(logits, samples: positives, scale: scale, compute) { sample, target in
            guard let object = sample.object else { return }
            targets[sample.picture][object](sample.box, side: network.maskSize, into: target)
        }
        return (classes, boxes, masks)
    }
}
