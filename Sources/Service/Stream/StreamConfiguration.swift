import Annotation
import Events
import Tracking

/// What is to be found in a stream, how often, and how it is shown.
public struct StreamConfiguration: Sendable {
    /// What happens where frames come faster than the detector takes them.
    public enum Policy: Sendable, Equatable {
        /// The source waits; the detector sees every frame.
        case everyFrame
        /// The newest frame is the next one that the detector sees; the tracker predicts those between.
        case latency
    }

    /// The stream's name in its results.
    public var name: String
    /// The score that an object must once reach to be reported, 0...1.
    public var threshold: Double
    /// Ids of the categories to report; all where nil.
    public var categories: Set<Int>?
    public var tracker: TrackerConfiguration
    public var annotation: AnnotationOptions
    public var policy: Policy
    /// Frames a second of media time that the detector sees at most; no limit where nil.
    public var inferenceRate: Double?
    /// When the detector may rest because nothing moves; it never does where nil.
    public var motionGate: MotionGateConfiguration?
    /// What happens to tracks is told where this is not nil.
    public var events: EventConfiguration?
    /// Whether results carry the wall clock's time of capture.
    public var isLive: Bool

    public init(
        name: String, threshold: Double = 0.5, categories: Set<Int>? = nil, tracker: TrackerConfiguration? = nil,
        annotation: AnnotationOptions = AnnotationOptions(), policy: Policy = .everyFrame,
        inferenceRate: Double? = nil, motionGate: MotionGateConfiguration? = nil, events: EventConfiguration? = nil,
        isLive: Bool = false
    ) {
        self.name = name
        self.threshold = threshold
        self.categories = categories
        self.tracker = tracker ?? TrackerConfiguration(threshold: threshold)
        self.annotation = annotation
        self.policy = policy
        self.inferenceRate = inferenceRate
        self.motionGate = motionGate
        self.events = events
        self.isLive = isLive
    }

    /// Whether the detector sees every frame: none is left out by the policy, a rate or the motion gate.
    var isEveryFrameSeen: Bool { policy == .everyFrame && inferenceRate == nil && motionGate == nil }
}
