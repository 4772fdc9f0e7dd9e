import Instances

/// What is known of one track between two frames.
struct TrackLife: Sendable {
    /// The object as it was last seen, without its mask.
    var object: Instance
    /// When it was first seen, seconds of the stream's clock, as are the times below.
    let appeared: Double
    var lastSeen: Double
    /// When `new` or the last `update` was told.
    var lastTold: Double
    /// For each zone, the stay that goes on.
    var stays: [Stay?]
    /// For each line, which side it is on.
    var sides: [Side]

    /// One stay in a zone.
    struct Stay: Sendable {
        let since: Double
        /// Whether `dwell` has been told.
        var hasDwelt = false
    }

    /// Where a track stands to a line.
    struct Side: Sendable {
        /// The side that it was last clearly on: 1 right, -1 left, 0 not known yet.
        var clear = 0
        /// The last place that was not exactly on the line, and its side.
        var last: (place: EventConfiguration.Point, side: Int)?
        /// Whether the last change from one side to the other, clear or not, went between the line's ends.
        var wentThrough = false
    }

    init(_ object: Instance, at seconds: Double, zones: Int, lines: Int) {
        self.object = object
        appeared = seconds
        lastSeen = seconds
        lastTold = seconds
        stays = Array(repeating: nil, count: zones)
        sides = Array(repeating: Side(), count: lines)
    }
}

extension TrackLife.Side {
    /// Takes in a place and returns the direction in which the line has been crossed, if it has.
    ///
    /// What counts is the last clear side and the next one, so that a track on the line tells nothing however it trembles, and
    /// one that goes round the line's end neither.
    mutating func move(
        to place: EventConfiguration.Point, line: LineShape, margin: Double
    ) -> StreamEvent.Direction? {
        guard let distance = line.signedDistance(place), distance.isFinite, distance != 0 else { return nil }
        let side = distance > 0 ? 1 : -1
        if let last, last.side != side { wentThrough = line.isCrossed(from: last.place, to: place) }
        last = (place, side)
        guard abs(distance) > margin, side != clear else { return nil }
        defer { clear = side }
        guard clear != 0, wentThrough else { return nil }
        return side > 0 ? .leftToRight : .rightToLeft
    }
}
