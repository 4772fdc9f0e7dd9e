import Instances
import Testing
import Video

@testable import Annotation

@Suite("Labels, their places and colours")
struct LabelTests {
    static func text(_ name: String, score: Float = 0.981, trackID: Int? = 7) -> String {
        let box = Box(x0: 0, y0: 0, x1: 1, y1: 1)
        var text = String.UnicodeScalarView()
        text += LabelText.scalars(
            for: Instance(trackID: trackID, categoryID: 1, category: name, score: score, box: box))
        return String(text)
    }

    @Test("A label has class, score and, where known, identity")
    func content() {
        #expect(Self.text("star") == "star 0.98 #7")
        #expect(Self.text("star", score: 1, trackID: nil) == "star 1.00")
        #expect(Self.text("", score: 0.049) == "0.05 #7")
        #expect(Self.text("star", score: .nan) == "star 0.00 #7")
    }

    @Test("Control characters become spaces, long names end in an ellipsis")
    func names() {
        #expect(Self.text("a\nb\u{1b}c\u{202e}d") == "a b cd 0.98 #7")
        #expect(LabelText.name(String(repeating: "x", count: 500)).count == LabelText.longestName + 1)
    }

    @Test("An identity keeps its colour, and neighbours in number have others")
    func identity() {
        let space = YUVColorSpace(matrix: .bt601, isFullRange: true)
        let fills = (0..<24).map { Palette.pair(of: $0, in: space).fill }
        #expect(fills == (0..<24).map { Palette.pair(of: $0, in: space).fill })
        for i in fills.indices {
            for j in fills.indices where j > i && j < i + 5 {
                let distance =
                    abs(Int(fills[i].y) - Int(fills[j].y)) + abs(Int(fills[i].u) - Int(fills[j].u))
                    + abs(Int(fills[i].v) - Int(fills[j].v))
                #expect(distance > 40, "\(i) and \(j)")
            }
        }
        _ = Palette.pair(of: .min, in: space)
        _ = Palette.pair(of: .max, in: space)
    }

    @Test("Every colour keeps away from white and black, and its text away from it")
    func contrast() {
        let space = YUVColorSpace(matrix: .bt601, isFullRange: true)
        for key in -500..<500 {
            let pair = Palette.pair(of: key, in: space)
            #expect((90...170).contains(pair.fill.y))
            #expect(abs(Int(pair.fill.y) - Int(pair.text.y)) > 110)
        }
    }

    @Test("A label sits above its box, or inside it where there is no room")
    func places() {
        var placement = LabelPlacement(bounds: PixelRegion(left: 0, top: 0, right: 200, bottom: 100))
        let above = placement.place(width: 50, height: 14, for: PixelRegion(left: 20, top: 40, right: 80, bottom: 90))
        #expect(above == PixelRegion(left: 20, top: 26, width: 50, height: 14))
        let inside = placement.place(width: 50, height: 14, for: PixelRegion(left: 90, top: 5, right: 150, bottom: 99))
        #expect(inside == PixelRegion(left: 90, top: 5, width: 50, height: 14))
    }

    @Test("Labels of one place move apart, and none leaves the picture")
    func crowd() {
        let bounds = PixelRegion(left: 0, top: 0, right: 200, bottom: 100)
        var placement = LabelPlacement(bounds: bounds)
        var places: [PixelRegion] = []
        for _ in 0..<5 {
            places.append(
                placement.place(width: 60, height: 14, for: PixelRegion(left: 180, top: 30, right: 260, bottom: 80)))
        }
        for i in places.indices {
            #expect(places[i].intersection(bounds) == places[i])
            for j in 0..<i { #expect(!places[i].overlaps(places[j])) }
        }
    }
}
