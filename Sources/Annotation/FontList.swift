import CText

/// The installed fonts that can draw text at any size, the best for labels first, each with the characters that it has.
final class FontList {
    /// Where a face is to be found.
    struct Location: Hashable {
        var path: String
        /// The face's number in the file and, in the upper 16 bits, its named instance.
        var index: Int
    }

    private let configuration: OpaquePointer
    private let fonts: UnsafeMutablePointer<FcFontSet>

    /// The families to look for; fontconfig goes on from the last to whatever is nearest, and then to every other font
    /// that has more characters.
    private static let families = ["DejaVu Sans", "Noto Sans", "sans-serif"]

    /// - Throws: `AnnotationError.textLibrary` where fontconfig fails, `AnnotationError.noFont` where it knows none.
    init() throws {
        guard let configuration = FcInitLoadConfigAndFonts() else {
            throw AnnotationError.textLibrary(name: "fontconfig")
        }
        guard let pattern = FcPatternCreate() else {
            FcConfigDestroy(configuration)
            throw AnnotationError.textLibrary(name: "fontconfig")
        }
        defer { FcPatternDestroy(pattern) }
        for family in Self.families { FcPatternAddString(pattern, FC_FAMILY, family) }
        FcPatternAddInteger(pattern, FC_WEIGHT, CInt(FC_WEIGHT_MEDIUM))
        FcConfigSubstitute(configuration, pattern, FcMatchPattern)
        FcDefaultSubstitute(pattern)
        var result = FcResultMatch
        guard let fonts = FcFontSort(configuration, pattern, FcBool(1), nil, &result) else {
            FcConfigDestroy(configuration)
            throw AnnotationError.noFont
        }
        self.configuration = configuration
        self.fonts = fonts
        guard (0..<count).contains(where: { location(at: $0) != nil }) else { throw AnnotationError.noFont }
    }

    deinit {
        FcFontSetDestroy(fonts)
        FcConfigDestroy(configuration)
    }

    var count: Int { Int(fonts.pointee.nfont) }

    /// The font's place, or nil where it has only bitmaps of certain sizes, as fonts of colour pictures do.
    func location(at index: Int) -> Location? {
        guard let font = fonts.pointee.fonts[index] else { return nil }
        var hasOutlines = FcBool(0)
        var file: UnsafeMutablePointer<FcChar8>?
        var face: CInt = 0
        guard FcPatternGetBool(font, FC_OUTLINE, 0, &hasOutlines) == FcResultMatch, hasOutlines != 0,
            FcPatternGetString(font, FC_FILE, 0, &file) == FcResultMatch, let file
        else { return nil }
        if FcPatternGetInteger(font, FC_INDEX, 0, &face) != FcResultMatch { face = 0 }
        return Location(path: String(cString: file), index: Int(face))
    }

    /// Whether the font has a glyph for a character.
    func font(at index: Int, has scalar: Unicode.Scalar) -> Bool {
        guard let font = fonts.pointee.fonts[index] else { return false }
        var characters: OpaquePointer?
        guard FcPatternGetCharSet(font, FC_CHARSET, 0, &characters) == FcResultMatch, let characters else {
            return false
        }
        return FcCharSetHasChar(characters, scalar.value) != 0
    }
}
