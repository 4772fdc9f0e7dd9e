/// A zone's polygon in the pixels of one picture size.
struct ZoneShape: Sendable {
    private let corners: [EventConfiguration.Point]

    init(_ zone: EventConfiguration.Zone, width: Int, height: Int) {
        corners = zone.polygon.map { $0.inPixels(zone.units, width: width, height: height) }
    }

    /// Whether a point lies inside: a ray from it crosses the sides an odd number of times.
    func contains(_ point: EventConfiguration.Point) -> Bool {
        var inside = false
        forEachSide { a, b in
            // Half-open in y, so that a ray through a corner counts once.
            guard (a.y > point.y) != (b.y > point.y) else { return }
            if point.x < a.x + (point.y - a.y) / (b.y - a.y) * (b.x - a.x) { inside.toggle() }
        }
        return inside
    }

    /// The distance from a point to the nearest side, pixels.
    func distanceToBorder(_ point: EventConfiguration.Point) -> Double {
        var least = Double.infinity
        forEachSide { a, b in
            let (dx, dy) = (b.x - a.x, b.y - a.y)
            let (px, py) = (point.x - a.x, point.y - a.y)
            let length = dx * dx + dy * dy
            let t = length > 0 ? max(0, min(1, (px * dx + py * dy) / length)) : 0
            let (ex, ey) = (px - t * dx, py - t * dy)
            least = min(least, ex * ex + ey * ey)
        }
        return least.squareRoot()
    }

    private func forEachSide(_ body: (EventConfiguration.Point, EventConfiguration.Point) -> Void) {
        guard var previous = corners.last else { return }
        for corner in corners {
            body(previous, corner)
            previous = corner
        }
    }
}

extension EventConfiguration.Point {
    /// The same place in a picture's pixels.
    func inPixels(_ units: EventConfiguration.Units, width: Int, height: Int) -> Self {
        switch units {
        case .pixels: self
        case .fraction: Self(x: x * Double(width), y: y * Double(height))
        }
    }
}
