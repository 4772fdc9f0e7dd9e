import Instances
import RandomNumbers
import Testing

@testable import COCO

@Suite struct PolygonTests {
    @Test func `polygons have pycocotools' run lengths, to the last pixel`() throws {
        let cases = try COCOFixture.polygonCases()
        #expect(cases.count >= 2000)
        var wrong: [Int] = []
        for (number, entry) in cases.enumerated() {
            let packed = Polygons(entry.polygons)
            #expect(packed.coordinates == entry.polygons)
            let mask = Segmentation.polygons(packed).mask(height: entry.height, width: entry.width)
            if mask?.counts != entry.counts { wrong.append(number) }
        }
        #expect(wrong.isEmpty)
    }

    @Test func `a square of whole pixels is those pixels`() throws {
        let mask = try #require(Mask(polygons: [[2, 1, 5, 1, 5, 4, 2, 4]], width: 8, height: 6))
        #expect(mask.area == 9)
        #expect(mask.boundingBox == Box(x0: 2, y0: 1, x1: 5, y1: 4))
    }

    @Test func `the inner of two loops of one polygon is outside, and two polygons are united`() throws {
        let outer: [Double] = [0, 0, 9, 0, 9, 9, 0, 9]
        let inner: [Double] = [3, 3, 6, 3, 6, 6, 3, 6]
        // The way to the inner loop and back is the same, and so encloses nothing.
        let crossed = try #require(Mask(polygons: [outer + [0, 0] + inner + [3, 3]], width: 9, height: 9))
        #expect(crossed.area == 72)
        let united = try #require(Mask(polygons: [outer, inner], width: 9, height: 9))
        #expect(united.area == 81)
    }

    @Test func `what is no polygon of a picture has no mask`() {
        let square: [Double] = [2, 1, 5, 1, 5, 4, 2, 4]
        #expect(Mask(polygons: [], width: 8, height: 6) == nil)
        #expect(Mask(polygons: [[1]], width: 8, height: 6) == nil)
        for (width, height) in [(0, 6), (8, 0), (-1, 6), (Int.max, Int.max), (65537, 1), (65536, 65536)] {
            #expect(Mask(polygons: [square], width: width, height: height) == nil)
        }
        for value in [Double.nan, .infinity, -.infinity, 1e300, -1e7] {
            #expect(Mask(polygons: [square + [value, 1]], width: 8, height: 6) == nil)
        }
    }

    @Test func `corners far outside cost no time and fill what is inside`() throws {
        let far = Mask.coordinateLimit
        let mask = try #require(
            Mask(polygons: [[-far, -far, far, -far, far, far, -far, far]], width: 50, height: 40))
        #expect(mask.area == 2000)
        // Thousands of edges that cross the whole plane: step by step that would take minutes.
        let zigzag = (0..<4000).flatMap { [$0 % 2 == 0 ? -far : far, Double($0)] }
        #expect(Mask(polygons: [zigzag], width: 50, height: 40) != nil)
    }

    @Test func `an outline that crosses more columns than memory should hold has no mask`() {
        var endless: [Double] = []
        for corner in 0..<70000 { endless += [corner % 2 == 0 ? 0 : 300, Double(corner % 7)] }
        #expect(Mask(polygons: [endless], width: 300, height: 10) == nil)
    }

    @Test func `a union is that of the bitmaps`() {
        var random = SplitMix64(seed: 3)
        for _ in 0..<200 {
            let (width, height) = (Int.random(in: 1..<30, using: &random), Int.random(in: 1..<30, using: &random))
            func bitmap() -> [UInt8] {
                let rarity = Int.random(in: 1...6, using: &random)
                return (0..<width * height).map { _ in Int.random(in: 0..<rarity, using: &random) == 0 ? 1 : 0 }
            }
            let (a, b) = (bitmap(), bitmap())
            let union = Mask(width: width, height: height, bitmap: a)
                .union(Mask(width: width, height: height, bitmap: b))
            #expect(union == Mask(width: width, height: height, bitmap: zip(a, b).map { $0 | $1 }))
        }
    }

    @Test func `coordinates with more digits than hundredths are kept exactly`() {
        let polygons = [[0.1, 239.97, -3.25, 1e-7, 123456.789, 1 / 3.0], [], [1]]
        #expect(Polygons(polygons).coordinates == polygons)
        let short = [[0.1, 239.97, -3.25, 0, 1_000_000.01, 7], [], [1]]
        #expect(Polygons(short).coordinates == short)
    }
}
