/// What a stream's events are told about.
public struct EventConfiguration: Sendable, Equatable {
    /// Parts of the picture that tracks come into and leave.
    public var zones: [Zone]
    /// Lines that tracks cross.
    public var lines: [Line]
    /// Seconds between a track's `update` events; nil for updates only when its category changes.
    public var updateInterval: Double?
    /// Seconds for which a track may be out of sight before it ends.
    public var lostAfter: Double
    /// The point of an object that counts as its place.
    public var anchor: Anchor
    /// How far a place must be beyond a border or line before that counts, over the object's size (the square root of its
    /// box's area): wider than boxes jitter.
    public var margin: Double

    public init(
        zones: [Zone] = [], lines: [Line] = [], updateInterval: Double? = 5, lostAfter: Double = 2,
        anchor: Anchor = .bottom, margin: Double = 0.1
    ) {
        self.zones = zones
        self.lines = lines
        self.updateInterval = updateInterval
        self.lostAfter = lostAfter
        self.anchor = anchor
        self.margin = margin
    }

    /// The point of an object's box that counts as its place.
    public enum Anchor: String, Sendable, Equatable, CaseIterable {
        /// The middle of the lower edge, where what stands on the ground touches it.
        case bottom
        /// The middle.
        case center
    }

    /// What the coordinates of zones and lines are counted in; (0, 0) is the picture's top left corner.
    public enum Units: String, Sendable, Equatable, CaseIterable {
        /// Parts of the picture's width and height, 0...1.
        case fraction
        case pixels
    }

    /// A place in the picture.
    public struct Point: Sendable, Equatable {
        public var x: Double
        public var y: Double

        public init(x: Double, y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// A named part of the picture.
    public struct Zone: Sendable, Equatable {
        public var name: String
        /// Its corners; the last is joined to the first. Where its sides cross, what is enclosed an even number of times is
        /// outside.
        public var polygon: [Point]
        public var units: Units
        /// The categories that it is about; nil for all.
        public var categories: Set<Int>?
        /// Seconds of stay after which `dwell` is told; nil for never.
        public var dwell: Double?

        public init(
            name: String, polygon: [Point], units: Units = .fraction, categories: Set<Int>? = nil, dwell: Double? = nil
        ) {
            self.name = name
            self.polygon = polygon
            self.units = units
            self.categories = categories
            self.dwell = dwell
        }
    }

    /// A named line from one point to another.
    public struct Line: Sendable, Equatable {
        public var name: String
        public var from: Point
        public var to: Point
        public var units: Units
        /// The categories that it is about; nil for all.
        public var categories: Set<Int>?

        public init(
            name: String, from: Point, to: Point, units: Units = .fraction, categories: Set<Int>? = nil
        ) {
            self.name = name
            self.from = from
            self.to = to
            self.units = units
            self.categories = categories
        }
    }

    /// Why a configuration cannot be used.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case repeatedName(String)
        case tooFewCorners(zone: String, corners: Int)
        case noArea(zone: String)
        case noLength(line: String)
        case notANumber(name: String)
        case outOfRange(key: String, value: Double, expected: String)

        public var description: String {
            switch self {
            case .repeatedName(let name): "two zones or two lines are named '\(name)'; give each a name of its own"
            case .tooFewCorners(let zone, let corners):
                "zone '\(zone)' has \(corners) corners; a polygon needs at least 3"
            case .noArea(let zone): "zone '\(zone)' has no area; its corners lie on one line"
            case .noLength(let line): "line '\(line)' has no length; its two points are one"
            case .notANumber(let name): "'\(name)' has a coordinate that is not a finite number"
            case .outOfRange(let key, let value, let expected): "\(key) is \(value); it must be \(expected)"
            }
        }
    }

    /// - Throws: `EventConfiguration.Failure` for the first value that cannot be used.
    public func validate() throws {
        for names in [zones.map(\.name), lines.map(\.name)] {
            var known = Set<String>()
            for name in names where !known.insert(name).inserted { throw Failure.repeatedName(name) }
        }
        for zone in zones {
            guard zone.polygon.count >= 3 else {
                throw Failure.tooFewCorners(zone: zone.name, corners: zone.polygon.count)
            }
            guard zone.polygon.allSatisfy({ $0.x.isFinite && $0.y.isFinite }) else {
                throw Failure.notANumber(name: zone.name)
            }
            guard zone.hasExtent else { throw Failure.noArea(zone: zone.name) }
            try Self.check("dwell", zone.dwell ?? 1, positive: true)
        }
        for line in lines {
            guard [line.from.x, line.from.y, line.to.x, line.to.y].allSatisfy(\.isFinite) else {
                throw Failure.notANumber(name: line.name)
            }
            guard line.from != line.to else { throw Failure.noLength(line: line.name) }
        }
        try Self.check("update", updateInterval ?? 1, positive: true)
        try Self.check("lost_after", lostAfter, positive: false)
        try Self.check("margin", margin, positive: false)
    }

    private static func check(_ key: String, _ value: Double, positive: Bool) throws {
        guard value.isFinite, positive ? value > 0 : value >= 0 else {
            throw Failure.outOfRange(key: key, value: value, expected: positive ? "above 0" : "0 or more")
        }
    }
}

extension EventConfiguration.Zone {
    /// Whether the corners do not all lie on one line. A bow tie's signed area may be 0, so that is not asked for.
    var hasExtent: Bool {
        guard let first = polygon.first, let other = polygon.first(where: { $0 != first }) else { return false }
        let (dx, dy) = (other.x - first.x, other.y - first.y)
        return polygon.contains { abs(dx * ($0.y - first.y) - dy * ($0.x - first.x)) > 1e-12 * (dx * dx + dy * dy) }
    }
}
