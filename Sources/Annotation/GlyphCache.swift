import CText

/// One character as a picture of how much of each pixel it covers.
struct Glyph {
    /// Pixels, likewise `height`.
    var width: Int
    var height: Int
    /// From the pen to the picture's left edge, pixels.
    var left: Int
    /// From the base line up to the picture's top edge, pixels.
    var top: Int
    /// From this pen to the next one, pixels.
    var advance: Int
    /// `[height, width]`, 0...255.
    var coverage: [UInt8]
}

/// Characters drawn by FreeType at one size, each kept once drawn.
///
/// A character is one glyph: there is no shaping (ligatures, Arabic joining, Indic clusters), and text runs left to right.
final class GlyphCache {
    /// Above and below the base line, pixels; whole and positive, and set by the first font alone.
    private(set) var ascent = 0
    private(set) var descent = 0

    private let library: FT_Library
    private let fonts: FontList
    private var faces: [FontList.Location: FT_Face] = [:]
    private var broken: Set<FontList.Location> = []
    private var glyphs: [Unicode.Scalar: Glyph] = [:]
    private var size = 0

    /// Names in any language need some hundred; more mean that a stream names things at random.
    private static let mostGlyphs = 1024
    /// Open fonts hold parts of their files in memory.
    private static let mostFaces = 8

    /// - Throws: `AnnotationError` where there is no font or no library.
    init() throws {
        fonts = try FontList()
        var library: FT_Library?
        guard FT_Init_FreeType(&library) == 0, let library else {
            throw AnnotationError.textLibrary(name: "FreeType")
        }
        self.library = library
        select(size: 12)
        guard ascent > 0 else { throw AnnotationError.noFont }
    }

    deinit {
        for face in faces.values { FT_Done_Face(face) }
        FT_Done_FreeType(library)
    }

    /// Makes glyphs `size` pixels an em from now on.
    func select(size: Int) {
        guard size != self.size else { return }
        self.size = size
        glyphs.removeAll(keepingCapacity: true)
        for face in faces.values { FT_Set_Pixel_Sizes(face, 0, FT_UInt(size)) }
        for index in 0..<fonts.count {
            guard let face = face(at: index), let metrics = face.pointee.size?.pointee.metrics else { continue }
            // FreeType counts in 64ths of a pixel.
            ascent = max(1, (Int(metrics.ascender) + 63) >> 6)
            descent = max(1, (63 - Int(metrics.descender)) >> 6)
            return
        }
    }

    /// The character's glyph, or that of U+FFFD, or the first font's sign for what is missing.
    func glyph(for scalar: Unicode.Scalar) -> Glyph {
        if let known = glyphs[scalar] { return known }
        let glyph = draw(scalar) ?? draw("\u{fffd}") ?? drawMissing()
        if glyphs.count >= Self.mostGlyphs { glyphs.removeAll(keepingCapacity: true) }
        glyphs[scalar] = glyph
        return glyph
    }

    private func draw(_ scalar: Unicode.Scalar) -> Glyph? {
        for index in 0..<fonts.count where fonts.font(at: index, has: scalar) {
            guard let face = face(at: index) else { continue }
            let number = FT_Get_Char_Index(face, FT_ULong(scalar.value))
            if number != 0, let glyph = Self.render(number, of: face) { return glyph }
        }
        return nil
    }

    private func drawMissing() -> Glyph {
        for index in 0..<fonts.count {
            if let face = face(at: index), let glyph = Self.render(0, of: face) { return glyph }
        }
        return Glyph(width: 0, height: 0, left: 0, top: 0, advance: size / 2, coverage: [])
    }

    private func face(at index: Int) -> FT_Face? {
        guard let location = fonts.location(at: index), !broken.contains(location) else { return nil }
        if let open = faces[location] { return open }
        if faces.count >= Self.mostFaces, let (other, face) = faces.first {
            FT_Done_Face(face)
            faces[other] = nil
        }
        var face: FT_Face?
        guard FT_New_Face(library, location.path, FT_Long(location.index), &face) == 0, let face else {
            broken.insert(location)
            return nil
        }
        guard FT_Set_Pixel_Sizes(face, 0, FT_UInt(size)) == 0 else {
            FT_Done_Face(face)
            broken.insert(location)
            return nil
        }
        faces[location] = face
        return face
    }

    private static func render(_ number: FT_UInt, of face: FT_Face) -> Glyph? {
        // FT_LOAD_TARGET_LIGHT, a macro with arguments: stems snap to rows, widths stay as designed.
        let light = FT_Int32(FT_RENDER_MODE_LIGHT.rawValue & 15) << 16
        guard FT_Load_Glyph(face, number, FT_Int32(FT_LOAD_RENDER) | light) == 0, let slot = face.pointee.glyph else {
            return nil
        }
        let bitmap = slot.pointee.bitmap
        let (width, height) = (Int(bitmap.width), Int(bitmap.rows))
        var coverage = [UInt8](repeating: 0, count: width * height)
        if let rows = bitmap.buffer, width > 0 {
            guard bitmap.pixel_mode == FT_PIXEL_MODE_GRAY.rawValue else { return nil }
            for y in 0..<height {
                for x in 0..<width { coverage[y * width + x] = rows[y * Int(bitmap.pitch) + x] }
            }
        }
        return Glyph(
            width: width, height: height, left: Int(slot.pointee.bitmap_left), top: Int(slot.pointee.bitmap_top),
            advance: (Int(slot.pointee.advance.x) + 32) >> 6, coverage: coverage)
    }
}
