import Instances
import Testing
import Video

@testable import Annotation

@Suite("Masks on a picture")
struct MaskTests {
    static let masksOnly = AnnotationOptions(boxes: false, labels: false)

    @Test(
        "The fill blends by its opacity, the contour covers, and the rest stays",
        arguments: [(1, 1), (1, 0), (0, 0), (2, 2)])
    func blending(shiftX: Int, shiftY: Int) throws {
        let picture = Picture(63, 41, shiftX: shiftX, shiftY: shiftY)
        let area = PixelRegion(left: 8, top: 4, right: 40, bottom: 28)
        try Annotator(options: Self.masksOnly).draw([object(picture, mask: area)], on: picture.canvas)
        let ink = Palette.pair(of: 7, in: picture.colorSpace).fill
        func blended(_ below: UInt8, _ above: UInt8) -> UInt8 {
            // 0.4 is 102 of 255, which the blend takes as 102 of 256; 154 are left.
            let (below, above) = (Int(below), Int(above))
            let sum = below * 154 + above * 102
            return UInt8((sum + 128) / 256)
        }
        for y in 0..<picture.height {
            for x in 0..<picture.width {
                let isInside = (area.left..<area.right).contains(x) && (area.top..<area.bottom).contains(y)
                let isCore =
                    (area.left + 1..<area.right - 1).contains(x) && (area.top + 1..<area.bottom - 1).contains(y)
                let expected = isCore ? blended(Picture.luma, ink.y) : isInside ? ink.y : Picture.luma
                #expect(picture.sample(0, x, y) == expected, "luma at \(x), \(y)")
            }
        }
        // Sample (4, 4) of 4:1:0's chroma covers pixels 16...19, wholly inside; the last one is outside.
        let (x, y) = (18 >> shiftX, 16 >> shiftY)
        #expect(picture.sample(1, x, y) == blended(Picture.chroma, ink.u))
        #expect(picture.sample(2, x, y) == blended(Picture.chroma, ink.v))
        #expect(picture.sample(1, 62 >> shiftX, 40 >> shiftY) == Picture.chroma)
        #expect(picture.isGuardIntact)
    }

    @Test("Chroma blends in proportion to the pixels of it that are covered")
    func partialChroma() throws {
        let picture = Picture(32, 32)
        let ink = Palette.pair(of: 7, in: picture.colorSpace).fill
        let painter = MaskPainter()
        // Begins at odd pixels: the corner's chroma sample has one covered pixel of four, the edges' two.
        let mask = try #require(object(picture, mask: PixelRegion(left: 5, top: 5, right: 21, bottom: 21)).mask)
        painter.paint(mask, opacity: 255, contour: 0, ink, on: picture.canvas)
        func expected(_ covered: Double) -> Double { 128 + (Double(ink.u) - 128) * covered / 4 }
        // Rounding of the mean coverage and of the mix, one level in all.
        #expect(abs(Double(picture.sample(1, 2, 2)) - expected(1)) <= 1)
        #expect(abs(Double(picture.sample(1, 5, 2)) - expected(2)) <= 1)
        #expect(picture.sample(1, 5, 5) == ink.u)
        #expect(picture.sample(1, 1, 5) == Picture.chroma)
        #expect(picture.sample(0, 5, 5) == ink.y)
        #expect(picture.sample(0, 4, 5) == Picture.luma)
    }

    @Test("Masks up to the border of odd pictures write nothing outside", arguments: [(1, 1), (1, 0), (0, 0), (2, 2)])
    func borders(shiftX: Int, shiftY: Int) throws {
        let annotator = try Annotator(options: Self.masksOnly)
        for (width, height) in [(1, 1), (1, 9), (17, 1), (33, 19), (34, 22)] {
            let picture = Picture(width, height, shiftX: shiftX, shiftY: shiftY)
            annotator.draw([object(picture, mask: picture.canvas.bounds)], on: picture.canvas)
            #expect(picture.isGuardIntact)
            #expect(picture.changed == picture.canvas.bounds)
        }
    }

    @Test("The contour follows holes, and a wide one leaves only what is farther inside")
    func contour() throws {
        let picture = Picture(64, 64)
        var bitmap = [UInt8](repeating: 0, count: 64 * 64)
        for y in 10..<50 {
            for x in 10..<50 where !((26..<34).contains(x) && (26..<34).contains(y)) { bitmap[y * 64 + x] = 1 }
        }
        let ink = Palette.pair(of: 1, in: picture.colorSpace).fill
        MaskPainter().paint(
            Mask(width: 64, height: 64, bitmap: bitmap), opacity: 0, contour: 3, ink, on: picture.canvas)
        for (x, expected) in [(9, false), (10, true), (12, true), (13, false), (22, false), (23, true), (25, true)] {
            #expect((picture.sample(0, x, 30) == ink.y) == expected, "pixel \(x)")
        }
        #expect(picture.sample(0, 30, 30) == Picture.luma)
    }

    @Test("A mask of another size is left out")
    func otherSize() throws {
        let picture = Picture(32, 32)
        let other = object(Picture(16, 16), mask: PixelRegion(left: 0, top: 0, right: 16, bottom: 16))
        try Annotator(options: Self.masksOnly).draw([other], on: picture.canvas)
        #expect(picture.changed == nil)
    }
}
