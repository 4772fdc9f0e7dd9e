import Foundation
import Instances
import Testing

@testable import MaskRCNN
@testable import Tensors

/// Every stage between the networks against torchvision's answers on the same inputs.
@Suite struct StageParityTests {
    private let compute = Compute(threads: 2)

    @Test(arguments: 0..<5) func `a picture is normalised, resized and padded as torchvision does it`(index: Int) throws
    {
        let fixture = try ParityFixture("transform")
        let cases = try #require(try fixture.metadata("cases") as? [[String: Int]])
        var configuration = ModelConfiguration.Transform()
        configuration.minSize = try #require(cases[index]["min_size"])
        configuration.maxSize = try #require(cases[index]["max_size"])
        let input = ImageTransform(configuration)(try fixture.image("\(index)/image"), compute)
        let size = try fixture.integers("\(index)/size")
        #expect(input.size == .init(height: size[0], width: size[1]))
        let expected = try fixture.map("\(index)/output")
        #expect(input.tensor.shape == expected.shape)
        #expect(relativeError(input.tensor.elements, expected.elements) < parity)
    }

    @Test func `two hundred sizes are resized to torchvision's sizes`() throws {
        let fixture = try ParityFixture("transform")
        let transform = ImageTransform(ModelConfiguration.Transform())
        let (original, resized) = (try fixture.integers("sizes/original"), try fixture.integers("sizes/resized"))
        for i in stride(from: 0, to: original.count, by: 2) {
            let size = transform.resizedSize(.init(height: original[i], width: original[i + 1]))
            #expect(size == .init(height: resized[i], width: resized[i + 1]), "\(original[i])x\(original[i + 1])")
        }
    }

    @Test(arguments: ["default", "shapes"]) func `anchors about a place are rounded as torchvision's`(name: String)
        throws
    {
        let fixture = try ParityFixture("anchors")
        var configuration = ModelConfiguration.Proposals()
        configuration.anchorSizes = try #require(try fixture.metadata("sizes") as? [String: [Double]])[name]!.map(
            Float.init)
        let generator = AnchorGenerator(configuration)
        for level in 0..<5 {
            #expect(generator.cells[level] == (try fixture.boxes("cells/\(name)/\(level)")))
        }
    }

    @Test func `anchors lie on the grids in torchvision's order`() throws {
        let fixture = try ParityFixture("anchors")
        let grids = try #require(try fixture.metadata("grids") as? [[Int]])
        let padded = try #require(try fixture.metadata("padded") as? [Int])
        let anchors = AnchorGenerator(ModelConfiguration.Proposals()).anchors(
            size: .init(height: padded[0], width: padded[1]), grids: grids.map { .init(height: $0[0], width: $0[1]) })
        #expect(Array(anchors.joined()) == (try fixture.boxes("anchors")))
    }

    @Test(arguments: 0..<2) func `proposals are torchvision's`(index: Int) throws {
        let fixture = try ParityFixture("proposals")
        let cases = try #require(try fixture.metadata("cases") as? [[String: Any]])
        var configuration = ModelConfiguration.Proposals()
        configuration.preNmsTopN = try #require(cases[index]["pre_nms_top_n"] as? Int)
        configuration.postNmsTopN = try #require(cases[index]["post_nms_top_n"] as? Int)
        configuration.anchorSizes = try #require(cases[index]["anchor_sizes"] as? [Double]).map(Float.init)
        let padded = try #require(cases[index]["padded"] as? [Int])
        let size = try #require(cases[index]["size"] as? [Int])
        let heads = try (0..<5).map {
            ProposalHead.Output(
                objectness: try fixture.map("\(index)/logits/\($0)"), deltas: try fixture.map("\(index)/deltas/\($0)"))
        }
        let anchors = AnchorGenerator(configuration).anchors(
            size: .init(height: padded[0], width: padded[1]),
            grids: heads.map { .init(height: $0.objectness.height, width: $0.objectness.width) })
        let found = ProposalSelection(configuration)(
            heads, anchors: anchors, size: .init(height: size[0], width: size[1]), compute)
        #expect(relativeError(found.boxes, try fixture.boxes("\(index)/boxes")) < parity)
        #expect(relativeError(found.scores, try fixture.floats("\(index)/scores")) < parity)
    }

    @Test(arguments: ["trick", "loop", "empty"]) func `suppression keeps what torchvision keeps`(name: String) throws {
        let fixture = try ParityFixture("nms")
        let kept = NonMaximumSuppression.suppress(
            try fixture.boxes("\(name)/boxes"), scores: try fixture.floats("\(name)/scores"),
            groups: try fixture.integers("\(name)/labels"), threshold: 0.5)
        #expect(kept == (try fixture.integers("\(name)/kept")))
    }

    @Test(arguments: ["0.3", "0.4", "0.5", "0.6", "0.7"])
    func `overlaps exactly at the threshold are decided as torchvision decides them`(threshold: String) throws {
        let fixture = try ParityFixture("nms")
        let kept = NonMaximumSuppression.suppress(
            try fixture.boxes("edge/boxes"), scores: try fixture.floats("edge/scores"),
            groups: try fixture.integers("edge/labels"), threshold: try #require(Double(threshold)))
        #expect(kept == (try fixture.integers("edge/kept/\(threshold)")))
    }

    @Test(arguments: [7, 14]) func `regions are pooled over the levels as by MultiScaleRoIAlign`(size: Int) throws {
        let fixture = try ParityFixture("roi_align")
        let inputSize = try #require(try fixture.metadata("size") as? [Int])
        let pooled = RegionPooling(size: size)(
            try fixture.boxes("boxes"), try (0..<4).map { try fixture.map("features/\($0)") },
            inputSize: .init(height: inputSize[0], width: inputSize[1]), compute)
        let expected = try fixture.map("pooled/\(size)", batched: true)
        #expect(relativeError(pooled.elements, expected.elements) < parity)
    }

    @Test(arguments: [7, 14]) func `regions of any length are pooled with as many samples as it takes`(size: Int) throws
    {
        let fixture = try ParityFixture("roi_align")
        let regions = try fixture.boxes("boxes").map { box in
            Compute.Region(
                level: 0, x0: box.x0 / 4 - 0.5, y0: box.y0 / 4 - 0.5, x1: box.x1 / 4 - 0.5, y1: box.y1 / 4 - 0.5)
        }
        let pooled = compute.roiAlignAdaptive([try fixture.map("features/0")], regions, size: size)
        let expected = try fixture.map("aligned/\(size)", batched: true)
        #expect(pooled.shape == expected.shape)
        #expect(relativeError(pooled.elements, expected.elements) < parity)
    }

    @Test(arguments: ["", "mapper/"]) func `boxes go to the levels that LevelMapper gives them`(prefix: String) throws {
        let fixture = try ParityFixture("roi_align")
        let scales = try #require(try fixture.metadata("scales") as? [Double]).map(Float.init)
        let levels = try fixture.boxes("\(prefix)boxes").map { RegionPooling.level($0, scales: scales) }
        #expect(levels == (try fixture.integers("\(prefix)levels")))
    }

    @Test(arguments: ["many", "few", "none", "no_proposals"])
    func `detections are those of postprocess_detections`(name: String) throws {
        let fixture = try ParityFixture("detections")
        let all = try #require(try fixture.metadata("cases") as? [String: [String: Any]])
        let size = try #require(all[name]?["size"] as? [Int])
        var configuration = ModelConfiguration.BoxHead()
        configuration.scoreThreshold = Float(try #require(all[name]?["score_threshold"] as? Double))
        let found = DetectionSelection(configuration)(
            BoxHead.Output(logits: try fixture.map("\(name)/logits"), deltas: try fixture.map("\(name)/deltas")),
            proposals: try fixture.boxes("\(name)/proposals"), size: .init(height: size[0], width: size[1]), compute)
        #expect(found.map(\.label) == (try fixture.integers("\(name)/labels")))
        #expect(relativeError(found.map(\.box), try fixture.boxes("\(name)/boxes")) < parity)
        #expect(relativeError(found.map(\.score), try fixture.floats("\(name)/scores")) < parity)
    }

    @Test(arguments: 0..<8) func `a mask is pasted onto torchvision's pixels`(index: Int) throws {
        let fixture = try ParityFixture("paste")
        let size = try #require(try fixture.metadata("size") as? [Int])
        let pixels = size[0] * size[1]
        let expected = try fixture.floats("binary")[index * pixels..<(index + 1) * pixels].map { UInt8($0) }
        let box = try fixture.boxes("boxes")[index]
        let mask = Array(try fixture.floats("masks")[index * 784..<(index + 1) * 784]).withUnsafeBufferPointer {
            MaskPasting.paste($0, side: 28, box: box, width: size[1], height: size[0])
        }
        let found = mask.bitmap()
        #expect(mask.runs.reduce(0, +) == UInt32(pixels))
        // A value within rounding of the threshold may fall on either side.
        #expect(zip(found, expected).filter { $0 != $1 }.count <= pixels / 5000)
    }
}
