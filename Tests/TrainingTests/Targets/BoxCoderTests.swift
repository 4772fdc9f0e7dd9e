import Instances
import RandomNumbers
import Testing

@testable import MaskRCNN
@testable import Training

@Suite struct BoxCoderTests {
    private static let size = ImageTransform.Size(height: 600, width: 800)

    private func decode(_ coder: BoxCoder, _ deltas: [Float], _ reference: Box) -> Box {
        var box = Box(x0: 0, y0: 0, x1: 0, y1: 0)
        [reference].withUnsafeBufferPointer { coder.decode(deltas, $0, size: Self.size, into: &box) }
        return box
    }

    private func box(_ random: inout SplitMix64) -> Box {
        let (x, y) = (Float(random.uniform()) * 600, Float(random.uniform()) * 400)
        return Box(
            x0: x, y0: y, x1: x + 5 + Float(random.uniform()) * 190, y1: y + 5 + Float(random.uniform()) * 190)
    }

    @Test(arguments: [BoxCoder.proposals, .detections].indices)
    func `decoded differences lead back to the object's box`(coder: Int) {
        let coder = [BoxCoder.proposals, .detections][coder]
        var random = SplitMix64(seed: 9)
        for _ in 0..<200 {
            // Growths are at most 39, which is below where they are cut.
            let (object, reference) = (box(&random), box(&random))
            let (dx, dy, dw, dh) = coder.encode(object, from: reference)
            let found = decode(coder, [dx, dy, dw, dh], reference)
            for (a, b) in [
                (found.x0, object.x0), (found.y0, object.y0), (found.x1, object.x1), (found.y1, object.y1),
            ] {
                // Roundings of centres and sides of up to 800 pixels.
                #expect(abs(a - b) <= 1e-3, "\(object) from \(reference)")
            }
        }
    }

    @Test func `differences are those of the definition`() {
        let reference = Box(x0: 10, y0: 20, x1: 30, y1: 60)
        let object = Box(x0: 20, y0: 10, x1: 60, y1: 50)
        // Centres 20, 40 and 40, 30; sides 20, 40 and 40, 40.
        let found = BoxCoder.proposals.encode(object, from: reference)
        #expect(found.dx == 1 && found.dy == -0.25 && abs(found.dw - 0.693_147_2) < 1e-6 && found.dh == 0)
        let weighted = BoxCoder.detections.encode(object, from: reference)
        #expect(weighted.dx == 10 && weighted.dy == -2.5 && abs(weighted.dw - 3.465_736) < 1e-5 && weighted.dh == 0)
    }
}
