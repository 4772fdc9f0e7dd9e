import Checkpoints
import Foundation
import Instances
import Testing

@testable import MaskRCNN
@testable import Tensors

/// Tiny Detectron2 checkpoints against Detectron2's rules as Tests/Fixtures/make_detectron2.py states them.
@Suite struct Detectron2Tests {
    static let names = ["r50_fpn", "x101_fpn", "gn_fpn", "r50_c4"]

    /// A checkpoint that was imported, and what is to come out.
    private struct Loaded {
        let fixture: ParityFixture
        let imported: Detectron2Import
        let model: Model

        init(_ name: String, options: Detectron2Import.Options = .init()) throws {
            let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../Fixtures/detectron2").standardized.path
            fixture = try ParityFixture("../detectron2/\(name)")
            imported = try Detectron2Import(Checkpoint.open("\(folder)/\(name).pkl"), options: options)
            let text = try #require(fixture.checkpoint.metadata["configuration"])
            model = try Model(
                ModelConfiguration(json: text, over: imported.configuration), weights: imported.weights)
        }

        func input() throws -> ImageTransform.Input {
            let (size, image) = (try fixture.integers("transformed_size"), try fixture.shape("image"))
            return ImageTransform.Input(
                tensor: try fixture.map("transformed"), size: .init(height: size[0], width: size[1]),
                originalSize: .init(height: image[0], width: image[1]))
        }

        func levels() throws -> [Tensor] {
            try (0..<(model.configuration.architecture == .c4 ? 1 : 5)).map { try fixture.map("levels/\($0)") }
        }

        /// The class of our outputs that one of Detectron2's is.
        func id(_ label: Int) -> Int {
            model.configuration.classes == COCOCategories.classes ? COCOCategories.all[label].id : label + 1
        }
    }

    @Test(arguments: names) func `a picture becomes Detectron2's input`(name: String) throws {
        let loaded = try Loaded(name)
        let transform = ImageTransform(loaded.model.configuration.transform, rules: .detectron2)
        let input = transform(try loaded.fixture.image("image"), Compute(threads: 2))
        let expected = try loaded.input()
        #expect(input.size == expected.size)
        #expect(input.tensor.shape == expected.tensor.shape)
        // Resized pixels are whole numbers, so that one that is off by 1 would show.
        #expect(relativeError(input.tensor.elements, expected.tensor.elements) < 1e-5)
    }

    @Test(arguments: names) func `levels are Detectron2's`(name: String) throws {
        let loaded = try Loaded(name)
        let (network, weights) = (loaded.model.network, loaded.model.weights)
        let inference = try Inference(network, weights: weights, compute: Compute(threads: 2))
        let levels = network.levels(network.backbone(try loaded.input().tensor, inference), inference)
        for (level, expected) in zip(levels, try loaded.levels()) {
            #expect(level.shape == expected.shape)
            #expect(relativeError(level.elements, expected.elements) < parity)
        }
    }

    @Test(arguments: names) func `proposals are Detectron2's`(name: String) throws {
        let loaded = try Loaded(name)
        let detector = try Detector(loaded.model, threads: 2)
        let found = detector.propose(try loaded.levels(), try loaded.input(), detector.inference)
        #expect(relativeError(found.boxes, try loaded.fixture.boxes("proposals")) < parity)
    }

    @Test(arguments: names) func `regions are pooled as Detectron2 pools them`(name: String) throws {
        let loaded = try Loaded(name)
        let network = loaded.model.network
        let expected = try loaded.fixture.map("pooled", batched: true)
        let boxes = Array(try loaded.fixture.boxes("proposals").prefix(expected.shape[0]))
        let pooling = RegionPooling(
            size: network.boxPoolSize, rules: .detectron2, strides: loaded.model.configuration.architecture.strides)
        let pooled = pooling(
            boxes, network.pooledLevels(try loaded.levels()), inputSize: try loaded.input().size, Compute(threads: 2))
        #expect(relativeError(pooled.elements, expected.elements) < parity)
    }

    @Test(arguments: names) func `a picture's objects are Detectron2's`(name: String) throws {
        let loaded = try Loaded(name)
        let found = try Detector(loaded.model, threads: 2).detect(try loaded.fixture.image("image"))
        #expect(found.map(\.categoryID) == (try loaded.fixture.integers("output/labels").map { loaded.id($0) }))
        #expect(relativeError(found.map(\.score), try loaded.fixture.floats("output/scores")) < parity)
        #expect(relativeError(found.map(\.box), try loaded.fixture.boxes("output/boxes")) < parity)
        let (shape, masks) = (try loaded.fixture.shape("output/masks"), try loaded.fixture.floats("output/masks"))
        let pixels = shape[1] * shape[2]
        for (index, object) in found.enumerated() {
            let expected = Mask(
                width: shape[2], height: shape[1],
                bitmap: masks[index * pixels..<(index + 1) * pixels].map { UInt8($0) })
            let mask = try #require(object.mask)
            #expect(mask == expected || mask.intersectionOverUnion(expected) >= 0.995)
        }
    }

    @Test func `80 classes are COCO's under their ids, unless they have names of their own`() throws {
        let coco = try Loaded("x101_fpn").model.configuration
        #expect(coco.classes == 91 && coco.categories == COCOCategories.all)
        var options = Detectron2Import.Options()
        options.hasCOCOCategories = false
        let other = try Loaded("x101_fpn", options: options).model.configuration
        #expect(other.classes == 81 && other.categories.isEmpty)
    }

    @Test func `a checkpoint of its kind says where strides are and how pictures are scaled`() throws {
        let caffe = try Loaded("r50_fpn").imported.configuration
        let resNeXt = try Loaded("x101_fpn").imported.configuration
        #expect(caffe.rules == .detectron2 && resNeXt.rules == .detectron2)
        #expect(caffe.backbone.stridesFirst && !resNeXt.backbone.stridesFirst)
        #expect(caffe.transform.mean == [123.675, 116.28, 103.53].map { $0 / 255 })
        #expect(caffe.transform.std == [1, 1, 1].map { $0 / 255 })
        #expect(resNeXt.transform.std == [58.395, 57.12, 57.375].map { $0 / 255 })
        let group = try Loaded("gn_fpn").imported.configuration
        #expect(group.backbone.normalization == .group && group.boxHead.normalization == .group)
        #expect(!group.backbone.stridesFirst)
    }

    @Test func `a single-level checkpoint's anchors are read where it has them`() throws {
        let configuration = try Loaded("r50_c4").imported.configuration
        #expect(configuration.architecture == .c4)
        #expect(configuration.proposals.anchorSizes == [8, 16, 24, 40, 64])
        #expect(configuration.transform.sizeDivisor == 1)
    }

    @Test func `a network of red, green, blue keeps the order of its first weights`() throws {
        var options = Detectron2Import.Options()
        options.isRGB = true
        let name = "backbone.body.conv1.weight"
        let (rgb, bgr) = (try Loaded("r50_fpn", options: options).imported, try Loaded("r50_fpn").imported)
        let (kept, turned) = (
            try #require(rgb.weights.tensors[name]).floats(), try #require(bgr.weights.tensors[name]).floats()
        )
        // [outputs, 3, 7, 7]
        #expect(Array(kept[0..<49]) == Array(turned[98..<147]) && Array(kept[49..<98]) == Array(turned[49..<98]))
        // Torchvision's backbones have the same means, a deviation, and the stride in the 3x3.
        #expect(rgb.configuration.transform.mean == bgr.configuration.transform.mean)
        #expect(rgb.configuration.transform.std == [58.395, 57.12, 57.375].map { $0 / 255 })
        #expect(!rgb.configuration.backbone.stridesFirst)
    }

    @Test func `sizes are rounded to the nearest whole number`() {
        let transform = ImageTransform(ModelConfiguration.Transform(), rules: .detectron2)
        // 161x200 becomes 800x993.79, and 720x1280 becomes 749.81x1333.
        #expect(transform.resizedSize(.init(height: 161, width: 200)) == .init(height: 800, width: 994))
        #expect(transform.resizedSize(.init(height: 720, width: 1280)) == .init(height: 750, width: 1333))
    }

    @Test func `a missing layer is named`() throws {
        var tensors = try Loaded("r50_fpn").imported.weights.tensors
        // Names that are torchvision's already stay as they are.
        tensors["roi_heads.box_predictor.cls_score.weight"] = nil
        let checkpoint = Checkpoint(path: "model.pkl", format: .numpyPickle, tensors: tensors)
        let failure = #expect(throws: ModelConfiguration.Unrecognized.self) { try Detectron2Import(checkpoint) }
        #expect(failure?.problem.contains("roi_heads.box_predictor.cls_score.weight") == true)
    }

    @Test(arguments: [
        Box(x0: 0, y0: 5, x1: 9, y1: 5), Box(x0: 4, y0: 2, x1: 4, y1: 8), Box(x0: 2, y0: 15, x1: 8, y1: 20),
        Box(x0: -9, y0: 2, x1: -3, y1: 8), Box(x0: 3, y0: 2, x1: Float(3).nextUp, y1: 8),
        Box(x0: .nan, y0: 2, x1: 5, y1: 8), Box(x0: 0, y0: 0, x1: .infinity, y1: 8),
    ]) func `a mask on a box without a pixel's middle is empty`(box: Box) {
        let probabilities = [Float](repeating: 1, count: 28 * 28)
        let mask = probabilities.withUnsafeBufferPointer {
            MaskPasting.paste($0, side: 28, box: box, width: 10, height: 10, rules: .detectron2)
        }
        #expect(mask.area == 0 && mask.width == 10 && mask.height == 10)
    }
}
