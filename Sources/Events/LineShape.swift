/// A line in the pixels of one picture size.
struct LineShape: Sendable {
    private let from: EventConfiguration.Point
    private let to: EventConfiguration.Point

    init(_ line: EventConfiguration.Line, width: Int, height: Int) {
        from = line.from.inPixels(line.units, width: width, height: height)
        to = line.to.inPixels(line.units, width: width, height: height)
    }

    /// How far a point is from the line, prolonged beyond its ends, pixels: positive on its right, negative on its left, as
    /// seen from the first point to the second; nil for a line without length.
    func signedDistance(_ point: EventConfiguration.Point) -> Double? {
        let (dx, dy) = (to.x - from.x, to.y - from.y)
        let length = (dx * dx + dy * dy).squareRoot()
        guard length > 0 else { return nil }
        // y grows downwards, so that a positive cross product is a turn to the right.
        return (dx * (point.y - from.y) - dy * (point.x - from.x)) / length
    }

    /// Whether the way from one point to another, which lie on different sides, passes between the line's ends.
    func isCrossed(from a: EventConfiguration.Point, to b: EventConfiguration.Point) -> Bool {
        guard let before = signedDistance(a), let after = signedDistance(b), before != after else { return false }
        let t = before / (before - after)
        let (x, y) = (a.x + t * (b.x - a.x), a.y + t * (b.y - a.y))
        let (dx, dy) = (to.x - from.x, to.y - from.y)
        return (0...(dx * dx + dy * dy)).contains((x - from.x) * dx + (y - from.y) * dy)
    }
}
