import Instances
import Video

/// Writes labels on plates.
final class LabelPainter {
    private let glyphs: GlyphCache
    private let alpha = ScratchMemory<UInt8>()
    private let sums = ScratchMemory<UInt16>()
    private var placement = LabelPlacement(bounds: PixelRegion(left: 0, top: 0, right: 0, bottom: 0))

    /// - Throws: `AnnotationError` where there is no font.
    init() throws { glyphs = try GlyphCache() }

    /// Makes ready for a picture's labels.
    func begin(on canvas: Canvas, fontSize: Int) {
        glyphs.select(size: fontSize)
        placement.restart(bounds: canvas.bounds)
    }

    /// Writes an object's label.
    ///
    /// - Parameter box: The outer edges of the object's outline.
    func paint(_ instance: Instance, box: PixelRegion, _ colors: Palette.Pair, on canvas: Canvas) {
        let padding = max(2, glyphs.ascent / 5)
        let room = canvas.width - 2 * padding
        let text = fitted(LabelText.scalars(for: instance), nameLength: LabelText.name(instance.category).count, room)
        let width = min(canvas.width, self.width(of: text) + 2 * padding)
        let height = min(canvas.height, glyphs.ascent + glyphs.descent)
        let plate = placement.place(width: width, height: height, for: box)
        canvas.fill(plate, colors.fill)
        write(text, on: plate, padding: padding, colors.text, canvas)
    }

    private func width(of text: [Unicode.Scalar]) -> Int {
        text.reduce(0) { $0 + glyphs.glyph(for: $1).advance }
    }

    /// The text with as much of its name as the room allows: score and identity are worth more than a name's end.
    private func fitted(_ text: [Unicode.Scalar], nameLength: Int, _ room: Int) -> [Unicode.Scalar] {
        var excess = width(of: text) - room
        guard excess > 0, nameLength > 0 else { return text }
        var kept = nameLength
        excess += glyphs.glyph(for: "…").advance
        while kept > 0, excess > 0 {
            kept -= 1
            excess -= glyphs.glyph(for: text[kept]).advance
        }
        // Without a name the space after it goes too.
        return kept > 0
            ? text[..<kept] + ["…"] + text[nameLength...] : Array(text[min(text.count, nameLength + 1)...])
    }

    private func write(
        _ text: [Unicode.Scalar], on plate: PixelRegion, padding: Int, _ ink: Ink, _ canvas: Canvas
    ) {
        let region = plate.aligned(toChromaOf: canvas)
        let coverage = Coverage(
            alpha: alpha.cleared(region.width * region.height, to: 0), stride: region.width, region: region)
        var pen = plate.left + padding
        let baseline = plate.top + glyphs.ascent
        for scalar in text {
            let glyph = glyphs.glyph(for: scalar)
            Self.add(glyph, left: pen + glyph.left, top: baseline - glyph.top, within: plate, to: coverage)
            pen += glyph.advance
            guard pen < plate.right else { break }
        }
        canvas.blend(ink, coverage, scratch: sums)
    }

    private static func add(_ glyph: Glyph, left: Int, top: Int, within plate: PixelRegion, to coverage: Coverage) {
        let visible = PixelRegion(left: left, top: top, width: glyph.width, height: glyph.height).intersection(plate)
        guard !visible.isEmpty else { return }
        for y in visible.top..<visible.bottom {
            let row = coverage.alpha + (y - coverage.region.top) * coverage.stride - coverage.region.left
            let source = (y - top) * glyph.width - left
            for x in visible.left..<visible.right { row[x] = max(row[x], glyph.coverage[source + x]) }
        }
    }
}
