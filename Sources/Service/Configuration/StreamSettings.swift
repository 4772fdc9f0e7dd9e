import Annotation
import Configuration
import Tracking

/// What the configuration says about one stream.
public struct StreamSettings: Sendable, Equatable {
    /// `name`: 1 to 64 letters of A-Z, a-z, 0-9, `.`, `_` and `-`; no other stream has it.
    public var name: String
    /// `source`: where the frames come from.
    public var source: Source
    /// `threshold`: the score that an object must once reach to be reported, 0...1.
    public var threshold = 0.5
    /// `classes`: the categories to report; all where nil. The model says later which it knows.
    public var classes: [WrittenName]?
    /// `policy`: what happens to frames that come faster than they can be worked on; by the source where nil.
    public var policy: Policy?
    /// `max_fps`: frames a second that are inferred at most; nil for no limit.
    public var maximumRate: Double?
    /// `motion_gate`: when inference is left out; nil for never.
    public var motionGate: MotionGate?
    /// `tracker`: follows from `threshold` where a key is left out.
    public var tracker: TrackerConfiguration
    /// `annotate`: what is drawn into pictures.
    public var annotation = AnnotationOptions()
    /// `encoding`: how pictures become video, for all outputs of video.
    public var encoding = Encoding()
    /// `zones`: parts of the picture that tracks enter and leave.
    public var zones: [Zone] = []
    /// `lines`: lines that tracks cross.
    public var lines: [Line] = []
    /// `events`: when events are told.
    public var events = Events()
    /// `frames`: whether there is a record for every frame, beside those of events.
    public var frames = true
    /// `outputs`: where the results go.
    public var outputs: [StreamOutput] = []

    public init(name: String, source: Source) {
        self.name = name
        self.source = source
        tracker = TrackerConfiguration(threshold: threshold)
    }

    /// The policy, or what follows from the source where none is given.
    ///
    /// - Parameter isLive: Whether the source goes on while nobody looks.
    public func policy(isLive: Bool) -> Policy { policy ?? (isLive || source.nativeRate ? .latency : .everyFrame) }

    public enum Policy: String, Sendable, CaseIterable {
        /// The newest frame wins; what was dropped is counted.
        case latency
        /// Whoever is faster waits.
        case everyFrame = "every-frame"
    }

    /// Skips inference while the picture stands still. What is nil keeps the gate's own default.
    public struct MotionGate: Sendable, Equatable {
        /// `threshold`: the mean difference of a block's luma from which it has changed, 0...255.
        public var threshold: Double?
        /// `area`: the part of the picture's blocks that must have changed, 0...1.
        public var area: Double?
        /// `refresh`: how long inference is left out at most.
        public var refresh: Duration?

        public init(threshold: Double? = nil, area: Double? = nil, refresh: Duration? = nil) {
            self.threshold = threshold
            self.area = area
            self.refresh = refresh
        }
    }

    public struct Encoding: Sendable, Equatable {
        /// `codec`: FFmpeg's name of a codec or an encoder.
        public var codec = "h264"
        /// `quality`: the encoder's constant quality; nil for a default.
        public var quality: Int?
        /// `preset`: the encoder's preset; nil for a quick one.
        public var preset: String?

        public init() {}
    }

    /// What coordinates are counted in; (0, 0) is the picture's top left corner.
    public enum Units: String, Sendable, CaseIterable {
        /// Parts of the picture's width and height, 0...1.
        case fraction
        case pixels
    }

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
        /// `polygon`: at least 3 corners that do not lie on one line.
        public var polygon: [Point]
        public var units = Units.fraction
        /// `classes`: the categories that it is about; all where nil.
        public var classes: [WrittenName]?
        /// `dwell`: the stay after which `dwell` is told; nil for never.
        public var dwell: Duration?

        public init(name: String, polygon: [Point]) {
            self.name = name
            self.polygon = polygon
        }
    }

    /// A named line between two points.
    public struct Line: Sendable, Equatable {
        public var name: String
        public var from: Point
        public var to: Point
        public var units = Units.fraction
        /// `classes`: the categories that it is about; all where nil.
        public var classes: [WrittenName]?

        public init(name: String, from: Point, to: Point) {
            self.name = name
            self.from = from
            self.to = to
        }
    }

    public struct Events: Sendable, Equatable {
        /// `update`: between a track's `update` events; nil for none but those of a changed category.
        public var update: Duration? = .seconds(5)
        /// `lost_after`: how long a track may be out of sight before it ends.
        public var lostAfter = Duration.seconds(2)
        /// `anchor`: the point of an object's box that counts as its place.
        public var anchor = Anchor.bottom
        /// `margin`: how far a place must be beyond a border before that counts, over the object's size.
        public var margin = 0.1

        public init() {}

        public enum Anchor: String, Sendable, CaseIterable {
            case bottom, center
        }
    }
}
