import Foundation
import Instances
import Testing

@testable import MaskRCNN
@testable import Tensors

/// Tiny whole networks, stage by stage, each stage on torchvision's own input.
@Suite struct NetworkParityTests {
    static let names = [
        "basic_v1", "bottleneck_v1", "bottleneck_v2", "resnext_v1", "vgg", "vgg_bn", "group", "c4",
    ]

    /// A fixture's network with its weights laid out.
    private struct Loaded {
        let fixture: ParityFixture
        let model: Model
        let inference: Inference

        init(_ name: String) throws {
            fixture = try ParityFixture("backbone_\(name)")
            model = try fixture.model()
            inference = try Inference(model.network, weights: model.weights, compute: Compute(threads: 2))
        }

        /// Torchvision's own input of the network.
        func input() throws -> ImageTransform.Input {
            let size = try fixture.integers("transformed_size")
            let image = try fixture.shape("image")
            return ImageTransform.Input(
                tensor: try fixture.map("transformed"), size: .init(height: size[0], width: size[1]),
                originalSize: .init(height: image[0], width: image[1]))
        }

        /// The backbone's outputs: of C4 the last is the heads'.
        func stages() throws -> [Tensor] {
            try (1...(model.configuration.architecture == .c4 ? 3 : 4)).map { try fixture.map("layer\($0)") }
        }

        func levels() throws -> [Tensor] {
            let names = model.configuration.architecture == .c4 ? ["0"] : ["0", "1", "2", "3", "pool"]
            return try names.map { try fixture.map("pyramid/\($0)") }
        }

        /// Regions as the box head takes them.
        func pooled(_ boxes: [Box]) throws -> Tensor {
            RegionPooling(size: model.network.boxPoolSize)(
                boxes, model.network.pooledLevels(try levels()), inputSize: try input().size, inference.compute)
        }
    }

    @Test(arguments: names) func `a picture becomes torchvision's input`(name: String) throws {
        let loaded = try Loaded(name)
        let input = ImageTransform(loaded.model.configuration.transform)(
            try loaded.fixture.image("image"), loaded.inference.compute)
        let expected = try loaded.input()
        #expect(input.size == expected.size)
        #expect(relativeError(input.tensor.elements, expected.tensor.elements) < parity)
    }

    @Test(arguments: names) func `the backbone's stages agree`(name: String) throws {
        let loaded = try Loaded(name)
        let stages = loaded.model.network.backbone(try loaded.input().tensor, loaded.inference)
        let all = try loaded.stages()
        #expect(stages.count == all.count)
        for (index, (stage, expected)) in zip(stages, all).enumerated() {
            #expect(stage.shape == expected.shape)
            #expect(relativeError(stage.elements, expected.elements) < parity, "layer\(index + 1)")
        }
    }

    @Test(arguments: names) func `the levels agree`(name: String) throws {
        let loaded = try Loaded(name)
        let levels = loaded.model.network.levels(try loaded.stages(), loaded.inference)
        let all = try loaded.levels()
        #expect(levels.count == all.count)
        for (level, expected) in zip(levels, all) {
            #expect(level.shape == expected.shape)
            #expect(relativeError(level.elements, expected.elements) < parity)
        }
    }

    @Test(arguments: names) func `the proposal head agrees on every level`(name: String) throws {
        let loaded = try Loaded(name)
        for (index, level) in try loaded.levels().enumerated() {
            let head = loaded.model.network.proposalHead(level, loaded.inference)
            let logits = try loaded.fixture.map("rpn/logits/\(index)").elements
            let deltas = try loaded.fixture.map("rpn/deltas/\(index)").elements
            #expect(relativeError(head.objectness.elements, logits) < parity, "logits of level \(index)")
            #expect(relativeError(head.deltas.elements, deltas) < parity, "deltas of level \(index)")
        }
    }

    @Test(arguments: names) func `regions are pooled from the levels alike`(name: String) throws {
        let loaded = try Loaded(name)
        let expected = try loaded.fixture.map("box_features", batched: true)
        let boxes = Array(try loaded.fixture.boxes("proposals").prefix(expected.shape[0]))
        #expect(relativeError(try loaded.pooled(boxes).elements, expected.elements) < parity)
    }

    @Test(arguments: names) func `the box head agrees on torchvision's proposals`(name: String) throws {
        let loaded = try Loaded(name)
        let pooled = try loaded.pooled(try loaded.fixture.boxes("proposals"))
        let head = loaded.model.network.boxes(pooled, loaded.inference)
        #expect(relativeError(head.logits.elements, try loaded.fixture.floats("class_logits")) < parity)
        #expect(relativeError(head.deltas.elements, try loaded.fixture.floats("box_deltas")) < parity)
    }

    @Test(arguments: names) func `a picture's detections and masks are torchvision's`(name: String) throws {
        let loaded = try Loaded(name)
        let detector = try Detector(loaded.model, threads: 2)
        let found = detector.detect(try loaded.fixture.image("image"))
        #expect(found.map(\.categoryID) == (try loaded.fixture.integers("output/labels")))
        #expect(relativeError(found.map(\.score), try loaded.fixture.floats("output/scores")) < parity)
        #expect(relativeError(found.map(\.box), try loaded.fixture.boxes("output/boxes")) < parity)
        let shape = try loaded.fixture.shape("output/masks")
        let masks = try loaded.fixture.floats("output/masks")
        let pixels = shape[1] * shape[2]
        for index in 0..<shape[0] {
            let expected = Mask(
                width: shape[2], height: shape[1],
                bitmap: masks[index * pixels..<(index + 1) * pixels].map { UInt8($0) })
            let mask = try #require(found[index].mask)
            #expect(mask == expected || mask.intersectionOverUnion(expected) >= 0.995)
        }
    }

    @Test(arguments: names) func `mask probabilities are those of the detection's own class`(name: String) throws {
        let loaded = try Loaded(name)
        let detector = try Detector(loaded.model, threads: 2)
        let boxes = try loaded.fixture.boxes("detections/boxes")
        let (labels, scores) = (
            try loaded.fixture.integers("detections/labels"), try loaded.fixture.floats("detections/scores")
        )
        let detections = boxes.indices.map {
            DetectionSelection.Detection(box: boxes[$0], label: labels[$0], score: scores[$0])
        }
        let masks = detector.maskProbabilities(
            detections, try loaded.levels(), try loaded.input(), detector.inference)
        #expect(relativeError(masks.elements, try loaded.fixture.floats("detections/masks")) < parity)
    }

    @Test(arguments: names) func `the architecture is read off the tensors`(name: String) throws {
        let model = try ParityFixture("backbone_\(name)").model()
        let recognized = try ModelConfiguration(recognizing: model.weights)
        var expected = model.configuration
        // Those that tensors do not tell keep their defaults.
        expected.transform = recognized.transform
        expected.backbone.batchNormEpsilon = recognized.backbone.batchNormEpsilon
        expected.proposals.anchorSizes = recognized.proposals.anchorSizes
        (expected.proposals.preNmsTopN, expected.proposals.postNmsTopN) = (name == "c4" ? 6000 : 1000, 1000)
        (expected.boxHead.scoreThreshold, expected.boxHead.detectionsPerImage) = (0.05, 100)
        expected.categories = []
        // Of C4, which has no pyramid, they say nothing of one.
        if name == "c4" { expected.pyramid = recognized.pyramid }
        #expect(recognized == expected)
    }
}
