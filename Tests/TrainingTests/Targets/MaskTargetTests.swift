import Instances
import RandomNumbers
import Testing

@testable import MaskRCNN
@testable import Training

@Suite struct MaskTargetTests {
    private static let boxes = [
        Box(x0: 10.3, y0: 5.7, x1: 60.9, y1: 49.2), Box(x0: 3.1, y0: 4.2, x1: 3.4, y1: 4.5),
        Box(x0: 0, y0: 0, x1: 120, y1: 80), Box(x0: 100.5, y0: 70.25, x1: 119.75, y1: 79.9),
        Box(x0: -8.25, y0: -5.5, x1: 20, y1: 30), Box(x0: 90, y0: 60, x1: 150, y1: 95), Box(x0: 7, y0: 7, x1: 7, y1: 7),
        Box(x0: 200, y0: 10, x1: 230, y1: 20), Box(x0: 20, y0: 0, x1: 21, y1: 80),
    ]

    /// Blobs, and some noise.
    private func mask(width: Int, height: Int, seed: UInt64) -> Mask {
        var random = SplitMix64(seed: seed)
        let bitmap = (0..<width * height).map { place -> UInt8 in
            let (x, y) = (place % width, place / width)
            let isInside = (x / 9 + y / 7) % 2 == 0
            return isInside != (random.uniform() < 0.1) ? 1 : 0
        }
        return Mask(width: width, height: height, bitmap: bitmap)
    }

    /// RoIAlign of a map in double precision, a sample after the other, as many a bin as it has pixels (He et al. 2017, section 3).
    private func aligned(_ map: [[Double]], _ box: Box, side: Int) -> [Double] {
        let (height, width) = (map.count, map[0].count)
        func value(_ y: Double, _ x: Double) -> Double {
            guard y >= -1, y <= Double(height), x >= -1, x <= Double(width) else { return 0 }
            let (y, x) = (min(max(y, 0), Double(height - 1)), min(max(x, 0), Double(width - 1)))
            let (top, left) = (Int(y), Int(x))
            let (bottom, right) = (min(top + 1, height - 1), min(left + 1, width - 1))
            let (v, u) = (y - Double(top), x - Double(left))
            return (1 - v) * ((1 - u) * map[top][left] + u * map[top][right])
                + v * ((1 - u) * map[bottom][left] + u * map[bottom][right])
        }
        let (binWidth, binHeight) = (
            Double(max(box.width, 1)) / Double(side), Double(max(box.height, 1)) / Double(side)
        )
        let (across, down) = (Int(binWidth.rounded(.up)), Int(binHeight.rounded(.up)))
        return (0..<side * side).map { bin in
            var sum = 0.0
            for i in 0..<down {
                for j in 0..<across {
                    sum += value(
                        Double(box.y0) + binHeight * (Double(bin / side) + (Double(i) + 0.5) / Double(down)),
                        Double(box.x0) + binWidth * (Double(bin % side) + (Double(j) + 0.5) / Double(across)))
                }
            }
            return sum / Double(across * down)
        }
    }

    @Test(arguments: [(120, 80), (53, 37), (241, 163), (7, 3), (1, 1)], [28, 14, 5])
    func `a target is RoIAlign of the resized mask`(of: (width: Int, height: Int), side: Int) {
        let mask = mask(width: of.width, height: of.height, seed: 5)
        let size = ImageTransform.Size(height: 80, width: 120)
        let bitmap = mask.bitmap()
        let resized = (0..<size.height).map { y in
            (0..<size.width).map { x in
                // The nearest pixel, as PyTorch finds it.
                let row = Int(Float(y) * (Float(of.height) / Float(size.height)))
                let column = Int(Float(x) * (Float(of.width) / Float(size.width)))
                return Double(bitmap[min(row, of.height - 1) * of.width + min(column, of.width - 1)])
            }
        }
        let target = MaskTarget(mask, size: size)
        for box in Self.boxes {
            var found = [Float](repeating: .nan, count: side * side)
            found.withUnsafeMutableBufferPointer { target(box, side: side, into: $0.baseAddress!) }
            for (a, b) in zip(found, aligned(resized, box, side: side)) {
                // Places of up to 120 pixels are rounded by 4e-6, and neighbours differ by 1.
                #expect(abs(Double(a) - b) <= 3e-5, "\(box)")
            }
        }
    }

    @Test func `a full mask is one everywhere inside the picture`() {
        let mask = Mask(width: 20, height: 10, bitmap: [UInt8](repeating: 1, count: 200))
        let target = MaskTarget(mask, size: .init(height: 50, width: 100))
        var found = [Float](repeating: 0, count: 784)
        found.withUnsafeMutableBufferPointer {
            target(Box(x0: 0, y0: 0, x1: 100, y1: 50), side: 28, into: $0.baseAddress!)
        }
        #expect(found.allSatisfy { abs($0 - 1) <= 1e-6 })
    }

    @Test func `a box outside the picture shows nothing`() {
        let mask = Mask(width: 20, height: 10, bitmap: [UInt8](repeating: 1, count: 200))
        let target = MaskTarget(mask, size: .init(height: 50, width: 100))
        var found = [Float](repeating: .nan, count: 196)
        found.withUnsafeMutableBufferPointer {
            target(Box(x0: -40, y0: -40, x1: -10, y1: -10), side: 14, into: $0.baseAddress!)
        }
        #expect(found.allSatisfy { $0 == 0 })
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 1e12])
    func `a box of no picture has a target that is not a number`(number: Float) {
        let target = MaskTarget(mask(width: 12, height: 8, seed: 9), size: .init(height: 80, width: 120))
        for corner in [\Box.x0, \.y0, \.x1, \.y1] {
            var box = Box(x0: 10, y0: 12, x1: 30, y1: 40)
            box[keyPath: corner] = number
            let drawn = [Float](unsafeUninitializedCapacity: 28 * 28) { buffer, count in
                target(box, side: 28, into: buffer.baseAddress!)
                count = 28 * 28
            }
            #expect(drawn.allSatisfy { $0.isNaN })
        }
    }
}
