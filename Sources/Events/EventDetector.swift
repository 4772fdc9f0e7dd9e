import Instances

/// Tells the events of a stream's tracks from one frame to the next.
public struct EventDetector: Sendable {
    public init() {}
}
