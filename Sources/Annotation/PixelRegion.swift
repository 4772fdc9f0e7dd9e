import Video

/// A rectangle of whole pixels; right and bottom are exclusive.
struct PixelRegion: Equatable {
    var left: Int
    var top: Int
    var right: Int
    var bottom: Int

    var width: Int { right - left }
    var height: Int { bottom - top }
    var isEmpty: Bool { right <= left || bottom <= top }

    init(left: Int, top: Int, right: Int, bottom: Int) {
        (self.left, self.top, self.right, self.bottom) = (left, top, right, bottom)
    }

    init(left: Int, top: Int, width: Int, height: Int) {
        self.init(left: left, top: top, right: left + width, bottom: top + height)
    }

    func intersection(_ other: PixelRegion) -> PixelRegion {
        PixelRegion(
            left: max(left, other.left), top: max(top, other.top), right: min(right, other.right),
            bottom: min(bottom, other.bottom))
    }

    func overlaps(_ other: PixelRegion) -> Bool { !intersection(other).isEmpty }

    /// The smallest region of whole chroma samples around this one, which may reach beyond an odd picture.
    func aligned(toChromaOf canvas: Canvas) -> PixelRegion {
        let (x, y) = (canvas.chromaShiftX, canvas.chromaShiftY)
        return PixelRegion(
            left: (left >> x) << x, top: (top >> y) << y, right: ((right + (1 << x) - 1) >> x) << x,
            bottom: ((bottom + (1 << y) - 1) >> y) << y)
    }
}
