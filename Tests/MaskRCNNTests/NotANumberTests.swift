import Instances
import Testing

@testable import MaskRCNN
@testable import Tensors

/// Weights come from files, and may make a picture into anything; no stage may trap on it.
@Suite struct NotANumberTests {
    private static let values: [Float] = [.nan, .infinity, -.infinity, .greatestFiniteMagnitude, 0]

    private let compute = Compute(threads: 2)

    /// Every value at some place, in a row that fits none of the shapes.
    private func tensor(_ shape: [Int]) -> Tensor {
        let count = shape.reduce(1, *)
        return Tensor((0..<count).map { Self.values[($0 * 7 + $0 / 3) % Self.values.count] }, shape: shape)
    }

    @Test func `proposals of wild outputs are finite boxes inside of the picture`() {
        var configuration = ModelConfiguration.Proposals()
        configuration.preNmsTopN = 50
        let grids = [8, 4, 2, 1, 1].map { AnchorGenerator.Grid(height: $0, width: $0) }
        let anchors = AnchorGenerator(configuration).anchors(size: .init(height: 64, width: 64), grids: grids)
        let heads = grids.map {
            ProposalHead.Output(
                objectness: tensor([$0.height, $0.width, 3]), deltas: tensor([$0.height, $0.width, 12]))
        }
        let found = ProposalSelection(configuration)(
            heads, anchors: anchors, size: .init(height: 60, width: 50), compute)
        for box in found.boxes {
            #expect(box.x0 >= 0 && box.y0 >= 0 && box.x1 <= 50 && box.y1 <= 60 && box.x0 < box.x1 && box.y0 < box.y1)
        }
    }

    @Test func `detections of wild outputs are finite boxes with scores`() {
        let proposals = (0..<20).map { Box(x0: Float($0), y0: 0, x1: Float($0) + 10, y1: 10) }
        let found = DetectionSelection(ModelConfiguration.BoxHead())(
            BoxHead.Output(logits: tensor([20, 7]), deltas: tensor([20, 28])), proposals: proposals,
            size: .init(height: 60, width: 50), threshold: 0, compute)
        for detection in found {
            #expect(detection.score > 0 && detection.score <= 1)
            #expect(detection.box.x0 < detection.box.x1 && detection.box.y0 < detection.box.y1)
        }
    }

    @Test func `wild boxes are pooled from one of the levels`() {
        for number in Self.values {
            for box in [
                Box(x0: number, y0: 1, x1: 9, y1: 9), Box(x0: 1, y0: 1, x1: number, y1: number),
                Box(x0: number, y0: number, x1: number, y1: number), Box(x0: 5, y0: 0, x1: -number, y1: 4),
            ] {
                let scales: [Float] = [0.25, 0.125, 0.0625, 0.03125]
                #expect((0..<4).contains(RegionPooling.level(box, scales: scales)))
                #expect((0..<4).contains(RegionPooling.level(box, scales: scales, rules: .detectron2)))
            }
        }
    }

    @Test func `a mask of wild probabilities covers the picture's pixels`() {
        let mask = tensor([28, 28]).withElements {
            MaskPasting.paste($0, side: 28, box: Box(x0: 3, y0: 4, x1: 20, y1: 30), width: 40, height: 31)
        }
        #expect(mask.runs.reduce(0, +) == 40 * 31)
    }
}
