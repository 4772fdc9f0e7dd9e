/// Something that happened to one track of a stream.
public struct StreamEvent: Sendable, Equatable {
    /// What happened.
    public enum Kind: Sendable, Equatable {
        /// The track appeared.
        case new
        /// The track is still there, some time after `new` or the last `update`.
        case update
        /// The track is gone; `seconds` after it appeared.
        case end(seconds: Double)
        /// The track came into a zone.
        case enter(zone: String)
        /// The track left a zone, or ended in it, `seconds` after it came.
        case leave(zone: String, seconds: Double)
        /// The track has been in a zone for `seconds`, as long as was asked for.
        case dwell(zone: String, seconds: Double)
        /// The track crossed a line.
        case cross(line: String, direction: Direction)
    }

    /// The side that a line was crossed to, seen from its first point to its second in the picture, where y grows downwards.
    public enum Direction: String, Sendable, Equatable {
        case leftToRight = "left_to_right"
        case rightToLeft = "right_to_left"
    }

    /// The stream's name.
    public var stream: String
    /// The frame's number in its source, from 0.
    public var frame: Int
    /// Presentation time in the source, seconds.
    public var pts: Double
    /// Wall-clock time of capture, RFC 3339, where the source is live.
    public var time: String?
    public var kind: Kind
    /// The object as it was last seen; `trackID` is set.
    public var object: Instance

    public init(
        stream: String, frame: Int, pts: Double, time: String? = nil, kind: Kind, object: Instance
    ) {
        self.stream = stream
        self.frame = frame
        self.pts = pts
        self.time = time
        self.kind = kind
        self.object = object
    }
}

extension StreamEvent.Kind {
    /// The kind's name in JSON.
    public var name: String {
        switch self {
        case .new: "new"
        case .update: "update"
        case .end: "end"
        case .enter: "enter"
        case .leave: "leave"
        case .dwell: "dwell"
        case .cross: "cross"
        }
    }
}

extension StreamEvent {
    /// One line of JSON, without the line's end. The mask is left out: the frame's own line has it.
    public func jsonLine() -> String {
        var json = JSONText()
        json.object { json in
            json.string("type", "event")
            json.string("event", kind.name)
            json.string("stream", stream)
            json.integer("frame", frame)
            json.number("pts", pts, decimals: 6)
            if let time { json.string("time", time) }
            switch kind {
            case .new, .update: break
            case .end(let seconds): json.number("seconds", seconds, decimals: 3)
            case .enter(let zone): json.string("zone", zone)
            case .leave(let zone, let seconds), .dwell(let zone, let seconds):
                json.string("zone", zone)
                json.number("seconds", seconds, decimals: 3)
            case .cross(let line, let direction):
                json.string("line", line)
                json.string("direction", direction.rawValue)
            }
            var object = object
            object.mask = nil
            object.appendFields(to: &json)
        }
        return json.text
    }
}
