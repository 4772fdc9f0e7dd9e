import Instances
import Testing
import Video

@testable import Annotation

@Suite("Annotations on a picture")
struct AnnotatorTests {
    static let boxesOnly = AnnotationOptions(masks: false, labels: false)
    static let labelsOnly = AnnotationOptions(masks: false, boxes: false)

    @Test("Nothing found leaves the picture as it was")
    func empty() throws {
        let picture = Picture(320, 240)
        try Annotator().draw([], on: picture.canvas)
        #expect(picture.samples == Picture(320, 240).samples)
    }

    @Test("Switched off, nothing of an object is drawn")
    func switchedOff() throws {
        let picture = Picture(320, 240)
        let options = AnnotationOptions(masks: false, boxes: false, labels: false)
        try Annotator(options: options).draw(
            [object(picture, mask: picture.canvas.bounds, box: Box(x0: 9, y0: 9, x1: 90, y1: 90))], on: picture.canvas)
        #expect(picture.samples == Picture(320, 240).samples)
    }

    @Test("A box's lines lie just inside its edges and have its colour in luma and chroma")
    func boxLines() throws {
        let picture = Picture(320, 240)
        try Annotator(options: Self.boxesOnly).draw(
            [object(picture, box: Box(x0: 20, y0: 30.4, x1: 99.6, y1: 81))], on: picture.canvas)
        let ink = Palette.pair(of: 7, in: picture.colorSpace).fill
        #expect(picture.changed == PixelRegion(left: 20, top: 30, right: 100, bottom: 81))
        #expect(picture.sample(0, 60, 30) == ink.y)
        #expect(picture.sample(0, 60, 31) == Picture.luma)
        #expect(picture.sample(1, 30, 15) == ink.u)
        #expect(picture.sample(2, 30, 40) == ink.v)
        #expect(picture.sample(1, 30, 25) == Picture.chroma)
    }

    @Test(
        "Boxes at and beyond the border write nothing outside", arguments: [(1, 1), (1, 0), (0, 0), (2, 2)])
    func borders(shiftX: Int, shiftY: Int) throws {
        let annotator = try Annotator()
        let boxes = [
            Box(x0: -50, y0: -60, x1: 700, y1: 600), Box(x0: -5, y0: -5, x1: 3, y1: 3),
            Box(x0: 60, y0: 40, x1: 9e30, y1: 9e30), Box(x0: -.infinity, y0: 3, x1: .infinity, y1: 9),
            Box(x0: 500, y0: 500, x1: 600, y1: 600), Box(x0: 30, y0: 30, x1: 20, y1: 20),
            Box(x0: .nan, y0: 0, x1: 9, y1: 9), Box(x0: 0, y0: 0, x1: 63, y1: 41), Box(x0: 62, y0: 0, x1: 63, y1: 41),
        ]
        for (width, height) in [(63, 41), (16, 16), (1, 1), (2, 7), (320, 241)] {
            let picture = Picture(width, height, shiftX: shiftX, shiftY: shiftY)
            annotator.draw(
                boxes.enumerated().map { object(picture, mask: picture.canvas.bounds, box: $1, trackID: $0) },
                on: picture.canvas)
            #expect(picture.isGuardIntact, "\(width)x\(height)")
        }
    }

    @Test("A box that is not a number is left out")
    func notANumber() throws {
        let picture = Picture(320, 240)
        try Annotator(options: AnnotationOptions(masks: false)).draw(
            [object(picture, box: Box(x0: 9, y0: .nan, x1: 90, y1: 90))], on: picture.canvas)
        #expect(picture.changed == nil)
    }

    @Test("Labels lie inside the picture and are legible on their plates")
    func plates() throws {
        for (width, height) in [(320, 240), (1280, 720), (81, 61)] {
            for box in [
                Box(x0: 2, y0: 2, x1: 40, y1: 40), Box(x0: Float(width) - 20, y0: 30, x1: Float(width), y1: 60),
            ] {
                let picture = Picture(width, height)
                try Annotator(options: Self.labelsOnly).draw([object(picture, box: box)], on: picture.canvas)
                let plate = try #require(picture.changed)
                #expect(picture.isGuardIntact)
                #expect(plate.height >= 12)
                let colors = Palette.pair(of: 7, in: picture.colorSpace)
                var (background, text) = (0, 0)
                for y in plate.top..<plate.bottom {
                    for x in plate.left..<plate.right {
                        background += picture.sample(0, x, y) == colors.fill.y ? 1 : 0
                        text += abs(Int(picture.sample(0, x, y)) - Int(colors.text.y)) < 30 ? 1 : 0
                    }
                }
                #expect(background > plate.width * plate.height / 4)
                #expect(text > plate.width * plate.height / 50)
            }
        }
    }

    @Test("Names in any script are drawn, characters without a glyph and control characters among them")
    func scripts() throws {
        let annotator = try Annotator(options: Self.labelsOnly)
        let names = [
            "Hündchen", "u\u{308}", "犬", "кошка", "🐕", "\u{10fffd}\u{1b}[31m\n\0", "", "مرحبا",
            String(repeating: "very long name ", count: 99),
        ]
        for name in names {
            for size in [16, 240] {
                let picture = Picture(size, size)
                annotator.draw(
                    [object(picture, box: Box(x0: 5, y0: 50, x1: 90, y1: 90), category: name)], on: picture.canvas)
                #expect(picture.changed != nil, "\(name.debugDescription) at \(size)")
                #expect(picture.isGuardIntact, "\(name.debugDescription) at \(size)")
            }
        }
    }

    @Test("One annotator draws the same on a picture whatever it drew before")
    func reuse() throws {
        let annotator = try Annotator()
        func drawn(_ annotator: Annotator) -> [UInt8] {
            let picture = Picture(200, 120)
            annotator.draw(
                [
                    object(
                        picture, mask: PixelRegion(left: 31, top: 33, right: 92, bottom: 77),
                        box: Box(x0: 31, y0: 33, x1: 92, y1: 77))
                ], on: picture.canvas)
            return picture.samples
        }
        let first = drawn(annotator)
        let large = Picture(1280, 720)
        annotator.draw([object(large, mask: large.canvas.bounds)], on: large.canvas)
        #expect(drawn(annotator) == first)
        #expect(drawn(try Annotator()) == first)
    }
}
