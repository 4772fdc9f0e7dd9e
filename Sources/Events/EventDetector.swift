import Instances

/// Tells the events of a stream's tracks from one frame to the next.
///
/// A track's life begins with `new` when it is first reported, goes on with `update`, and finishes with `end` once it has been
/// out of sight for `lostAfter`. A track that comes back after that begins anew, under its old number.
///
/// Places count in frames that the detector saw: a prediction may run past the place where an object stops. A track is in a
/// zone from the first of these frames that has its anchor inside, and until one has it outside by the margin. It has crossed a
/// line when it was clearly on one side, is clearly on the other, and went through between the line's ends.
/// Every `enter` has one `leave`, before the track's `end` at the latest.
///
/// Time is the media's. The same frames give the same events.
public struct EventDetector: Sendable {
    public let configuration: EventConfiguration
    public let stream: String
    private var clock = MediaClock()
    private var lives: [Int: TrackLife] = [:]
    private var shapes = Shapes()

    /// Tracks that are followed at once; then the one longest out of sight gives way.
    static let greatestCount = 4096

    /// - Parameter configuration: One that `validate()` accepts; what it does not accept tells no events.
    public init(configuration: EventConfiguration, stream: String) {
        self.configuration = configuration
        self.stream = stream
    }

    /// Takes in one frame, whether seen by the detector, predicted or held, and returns what happened in it.
    public mutating func update(with result: FrameResult) -> [StreamEvent] {
        clock.advance(to: result.pts)
        fitShapes(to: result)
        var report = Report(stream: stream, frame: result.frame, pts: result.pts, time: result.time)
        var seen = Set<Int>()
        for object in result.objects {
            guard let id = object.trackID, object.box.isFinite, seen.insert(id).inserted else { continue }
            see(object, id: id, inferred: result.inferred, &report)
        }
        let lost = lives.filter { clock.seconds - $0.value.lastSeen > max(0, configuration.lostAfter) }
        for id in lost.keys.sorted() { end(id, &report) }
        return report.events
    }

    /// Ends all tracks, because the stream has ended; the frame is the last one's.
    public mutating func finish(frame: Int, pts: Double, time: String?) -> [StreamEvent] {
        var report = Report(stream: stream, frame: frame, pts: pts, time: time)
        for id in lives.keys.sorted() { end(id, &report) }
        return report.events
    }

    /// The tracks that have begun and not ended.
    public var trackCount: Int { lives.count }

    /// The polygons and lines in the pixels of the last frame's size.
    private struct Shapes: Sendable {
        var width: Int?
        var height: Int?
        var zones: [ZoneShape] = []
        var lines: [LineShape] = []

        /// The place, or the nearest one that is half a pixel inside the picture: what the picture's edge cuts off ends on that edge, on
        /// which the side of a zone may lie.
        func inside(_ point: EventConfiguration.Point) -> EventConfiguration.Point {
            guard let width, let height else { return point }
            return .init(
                x: max(0.5, min(point.x, Double(width) - 0.5)), y: max(0.5, min(point.y, Double(height) - 0.5)))
        }
    }

    private mutating func fitShapes(to result: FrameResult) {
        let (width, height) = (result.width, result.height)
        guard width != shapes.width || height != shapes.height else { return }
        shapes = Shapes(
            width: width, height: height,
            zones: configuration.zones.map { ZoneShape($0, width: width, height: height) },
            lines: configuration.lines.map { LineShape($0, width: width, height: height) })
        // Places in two picture sizes make no way from one to the other.
        for id in lives.keys {
            lives[id]?.sides = Array(repeating: TrackLife.Side(), count: configuration.lines.count)
        }
    }

    private mutating func see(_ object: Instance, id: Int, inferred: Bool, _ report: inout Report) {
        var object = object
        object.mask = nil
        // The dictionary gives the life up while it is changed, so that it is not copied.
        guard var life = lives.removeValue(forKey: id) ?? begin(object, &report) else { return }
        defer { lives[id] = life }
        let changed = life.object.categoryID != object.categoryID
        life.object = object
        life.lastSeen = clock.seconds
        if inferred { move(&life, &report) }
        dwell(&life, &report)
        let isDue = configuration.updateInterval.map { clock.seconds - life.lastTold >= $0 } ?? false
        if changed || isDue {
            life.lastTold = clock.seconds
            report.tell(.update, object)
        }
    }

    /// A new track's life, or nil where there is no room for it.
    private mutating func begin(_ object: Instance, _ report: inout Report) -> TrackLife? {
        if lives.count >= Self.greatestCount {
            let oldest = lives.min { ($0.value.lastSeen, $0.key) < ($1.value.lastSeen, $1.key) }
            guard let oldest, oldest.value.lastSeen < clock.seconds else { return nil }
            end(oldest.key, &report)
        }
        report.tell(.new, object)
        return TrackLife(
            object, at: clock.seconds, zones: configuration.zones.count, lines: configuration.lines.count)
    }

    /// Zones and lines, by the place in the current frame.
    private func move(_ life: inout TrackLife, _ report: inout Report) {
        let (box, object) = (life.object.box, life.object)
        let place = shapes.inside(configuration.anchor.place(in: box))
        let margin = max(configuration.margin * Double(max(0, box.width) * max(0, box.height)).squareRoot(), 1)
        for (index, zone) in configuration.zones.enumerated() {
            let counts = zone.categories?.contains(object.categoryID) ?? true
            let shape = shapes.zones[index]
            if let stay = life.stays[index] {
                if counts && (shape.contains(place) || shape.distanceToBorder(place) <= margin) { continue }
                life.stays[index] = nil
                report.tell(.leave(zone: zone.name, seconds: clock.seconds - stay.since), object)
            } else if counts && shape.contains(place) {
                life.stays[index] = TrackLife.Stay(since: clock.seconds)
                report.tell(.enter(zone: zone.name), object)
            }
        }
        for (index, line) in configuration.lines.enumerated() {
            let direction = life.sides[index].move(to: place, line: shapes.lines[index], margin: margin / 2)
            guard let direction, line.categories?.contains(object.categoryID) ?? true else { continue }
            report.tell(.cross(line: line.name, direction: direction), object)
        }
    }

    private func dwell(_ life: inout TrackLife, _ report: inout Report) {
        for (index, zone) in configuration.zones.enumerated() {
            guard let asked = zone.dwell, let stay = life.stays[index], !stay.hasDwelt,
                clock.seconds - stay.since >= asked
            else { continue }
            life.stays[index]?.hasDwelt = true
            report.tell(.dwell(zone: zone.name, seconds: asked), life.object)
        }
    }

    private mutating func end(_ id: Int, _ report: inout Report) {
        guard let life = lives.removeValue(forKey: id) else { return }
        for (stay, zone) in zip(life.stays, configuration.zones) {
            guard let stay else { continue }
            report.tell(.leave(zone: zone.name, seconds: life.lastSeen - stay.since), life.object)
        }
        report.tell(.end(seconds: life.lastSeen - life.appeared), life.object)
    }

    /// The events of one frame.
    private struct Report {
        let stream: String
        let frame: Int
        let pts: Double
        let time: String?
        var events: [StreamEvent] = []

        mutating func tell(_ kind: StreamEvent.Kind, _ object: Instance) {
            events.append(
                StreamEvent(stream: stream, frame: frame, pts: pts, time: time, kind: kind, object: object))
        }
    }
}

extension EventConfiguration.Anchor {
    /// The point of a box.
    func place(in box: Box) -> EventConfiguration.Point {
        EventConfiguration.Point(
            x: (Double(box.x0) + Double(box.x1)) / 2,
            y: self == .bottom ? Double(box.y1) : (Double(box.y0) + Double(box.y1)) / 2)
    }
}

extension Box {
    fileprivate var isFinite: Bool { x0.isFinite && y0.isFinite && x1.isFinite && y1.isFinite }
}
