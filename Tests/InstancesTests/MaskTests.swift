import Instances
import RandomNumbers
import Testing

@Suite struct MaskTests {
    /// A bitmap of random vertical streaks, so that runs of many lengths occur.
    private func randomBitmap(
        width: Int, height: Int, _ random: inout some RandomNumberGenerator
    ) -> [UInt8] {
        var pixels = [UInt8](repeating: 0, count: width * height)
        for x in 0..<width {
            var value: UInt8 = Bool.random(using: &random) ? 1 : 0
            for y in 0..<height {
                if Int.random(in: 0..<6, using: &random) == 0 { value = 1 - value }
                pixels[y * width + x] = value
            }
        }
        return pixels
    }

    @Test(arguments: [(1, 1), (1, 9), (9, 1), (5, 4), (64, 48), (33, 200)])
    func `a bitmap survives runs and text`(width: Int, height: Int) throws {
        var random = SplitMix64(seed: UInt64(width * 1000 + height))
        for _ in 0..<20 {
            let bitmap = randomBitmap(width: width, height: height, &random)
            let mask = Mask(width: width, height: height, bitmap: bitmap)
            #expect(mask.bitmap() == bitmap)
            #expect(mask.area == bitmap.count { $0 == 1 })
            let read = try Mask(width: width, height: height, counts: mask.counts)
            #expect(read == mask)
        }
    }

    /// The text is what pycocotools 2.0 writes for the same pixels.
    @Test(arguments: [
        ("d0", "...../...../...../....."), ("0d0", "#####/#####/#####/#####"), ("5220003", "...../.###./.###./....."),
        ("01c0", "#..../...../...../....."),
    ])
    func `small masks have pycocotools' text`(counts: String, picture: String) throws {
        let bitmap = picture.filter { $0 != "/" }.map { $0 == "#" ? UInt8(1) : 0 }
        let mask = Mask(width: 5, height: 4, bitmap: bitmap)
        #expect(mask.counts == counts)
        #expect(try Mask(width: 5, height: 4, counts: counts).bitmap() == bitmap)
    }

    @Test func `a disc has pycocotools' text, area and box`() {
        var bitmap = [UInt8](repeating: 0, count: 64 * 48)
        for y in 0..<48 {
            for x in 0..<64 where (x - 30) * (x - 30) + (y - 20) * (y - 20) <= 225 { bitmap[y * 64 + x] = 1 }
        }
        let mask = Mask(width: 64, height: 48, bitmap: bitmap)
        #expect(mask.counts == "Tg01Z1:I4L4M2N2N2O0O2O0O2O0000000O20N100000001N101N101N2N2N3L4L7Faj0")
        #expect(mask.area == 709)
        #expect(mask.boundingBox == Box(x0: 15, y0: 5, x1: 46, y1: 36))
    }

    @Test func `runs of many digits have pycocotools' text`() throws {
        var bitmap = [UInt8](repeating: 0, count: 640 * 480)
        for y in 100..<105 {
            for x in 200..<203 { bitmap[y * 640 + x] = 1 }
        }
        bitmap[479 * 640 + 639] = 1
        let mask = Mask(width: 640, height: 480, bitmap: bitmap)
        #expect(mask.counts == "Tkm25k>000kg\\6L")
        #expect(try Mask(width: 640, height: 480, counts: mask.counts) == mask)
    }

    @Test(arguments: ["é", "d0 ", "0", "1d0", "5220004", "522000", "", "U", "N", "ppppppppppppppppp0", "11N1N1N"])
    func `text that is not a mask of the picture throws`(counts: String) {
        #expect(throws: Mask.Failure.self) { try Mask(width: 5, height: 4, counts: counts) }
    }

    @Test func `sizes that no picture has throw`() {
        for (width, height) in [(-1, 4), (-4, -5), (Int.max, 2), (1 << 20, 1 << 20)] {
            #expect(throws: Mask.Failure.impossibleSize(width: width, height: height)) {
                try Mask(width: width, height: height, counts: "d0")
            }
        }
    }

    @Test func `random bytes throw or give a mask that covers the picture`() {
        var random = SplitMix64(seed: 5)
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 0..<8, using: &random)).map { _ in
                UInt8.random(in: 40..<120, using: &random)
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let mask = try? Mask(width: 7, height: 3, counts: text) else { continue }
            #expect(mask.runs.reduce(0, +) == 21)
            #expect(mask.bitmap().count { $0 == 1 } == mask.area)
        }
    }

    @Test func `intersection and union are those of the bitmaps`() {
        var random = SplitMix64(seed: 17)
        for _ in 0..<200 {
            let (width, height) = (Int.random(in: 1..<40, using: &random), Int.random(in: 1..<40, using: &random))
            let a = randomBitmap(width: width, height: height, &random)
            let b = randomBitmap(width: width, height: height, &random)
            let both = zip(a, b).count { $0 == 1 && $1 == 1 }
            let either = zip(a, b).count { $0 == 1 || $1 == 1 }
            let (first, second) = (
                Mask(width: width, height: height, bitmap: a), Mask(width: width, height: height, bitmap: b)
            )
            #expect(first.intersection(second) == both)
            #expect(first.intersectionOverUnion(second) == (either == 0 ? 0 : Float(both) / Float(either)))
        }
    }

    @Test func `runs of no length change nothing`() {
        let plain = Mask(width: 2, height: 5, runs: [2, 5, 3])
        let padded = Mask(width: 2, height: 5, runs: [0, 0, 2, 3, 0, 2, 0, 0, 3, 0])
        #expect(padded.bitmap() == plain.bitmap())
        #expect(padded.area == 5)
        #expect(padded.boundingBox == plain.boundingBox)
        #expect(padded.intersection(plain) == 5)
        #expect(plain.intersection(padded) == 5)
        #expect(padded.intersectionOverUnion(padded) == 1)
    }

    @Test func `empty masks have no box and overlap with nothing`() {
        let empty = Mask(width: 3, height: 3, runs: [9])
        #expect(empty.boundingBox == nil)
        #expect(empty.intersectionOverUnion(empty) == 0)
        #expect(Mask(width: 0, height: 0, bitmap: []).area == 0)
    }

    @Test func `a shifted mask is the bitmap moved, without what leaves the picture`() {
        var random = SplitMix64(seed: 23)
        for _ in 0..<200 {
            let (width, height) = (Int.random(in: 1..<20, using: &random), Int.random(in: 1..<20, using: &random))
            let bitmap = randomBitmap(width: width, height: height, &random)
            let (dx, dy) = (Int.random(in: -22...22, using: &random), Int.random(in: -22...22, using: &random))
            var moved = [UInt8](repeating: 0, count: width * height)
            for y in 0..<height {
                for x in 0..<width where (0..<height).contains(y - dy) && (0..<width).contains(x - dx) {
                    moved[y * width + x] = bitmap[(y - dy) * width + x - dx]
                }
            }
            let shifted = Mask(width: width, height: height, bitmap: bitmap).shifted(x: dx, y: dy)
            #expect(shifted == Mask(width: width, height: height, bitmap: moved))
        }
    }

    @Test func `a shift by any number is safe`() {
        let mask = Mask(width: 4, height: 4, bitmap: [UInt8](repeating: 1, count: 16))
        for (x, y) in [(Int.max, 0), (0, Int.min), (Int.min, Int.max)] {
            #expect(mask.shifted(x: x, y: y).area == 0)
        }
    }

    @Test func `the encoder gives the same runs for single pixels and for stretches`() {
        var single = RunLengthEncoder()
        var stretches = RunLengthEncoder()
        for (value, count) in [(true, 3), (true, 2), (false, 4), (true, 0), (false, 1), (true, 7)] {
            stretches.append(foreground: value, count: count)
            for _ in 0..<count { single.append(foreground: value) }
        }
        let runs = stretches.finish()
        #expect(runs == [0, 5, 5, 7])
        #expect(single.finish() == runs)
        #expect(stretches.finish() == [0])
    }

    @Test(arguments: [(1, 1), (1, 9), (9, 1), (5, 4), (33, 20)])
    func `a mirrored mask is the bitmap mirrored, and twice it is itself`(width: Int, height: Int) {
        var random = SplitMix64(seed: UInt64(width * 1000 + height))
        let area = width * height
        let bitmaps = (0..<20).map { _ in randomBitmap(width: width, height: height, &random) }
        let plain = [0, 1].map { [UInt8](repeating: $0, count: area) }
        for bitmap in bitmaps + plain {
            let mask = Mask(width: width, height: height, bitmap: bitmap)
            let expected = (0..<area).map { bitmap[$0 / width * width + width - 1 - $0 % width] }
            #expect(mask.mirrored.bitmap() == expected)
            #expect(mask.mirrored.runs.reduce(0, +) == area)
            #expect(mask.mirrored.mirrored == mask)
        }
    }
}
