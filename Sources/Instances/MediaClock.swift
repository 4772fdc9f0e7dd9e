/// Counts a stream's seconds so that they only go forwards, whatever its presentation times do.
///
/// A source that starts again, or gives a time that is none, goes on one frame later.
public struct MediaClock: Sendable {
    /// Seconds since the first frame.
    public private(set) var seconds = 0.0
    private var hasStarted = false
    private var last: Double?
    /// A presentation time and the seconds then. Seconds are counted from there and not summed up, which would round each time.
    private var origin = (presentationTime: 0.0, seconds: 0.0)
    /// The last step, as long as it was one that frames can have.
    private var interval = 1.0 / 30

    /// Frames further apart are a gap and no frame rate, seconds.
    private static let longestInterval = 1.0
    /// And further apart than this, a fault of the times: some thirty years, seconds.
    private static let longestGap = 1e9

    public init() {}

    /// Moves on to a frame's presentation time.
    public mutating func advance(to presentationTime: Double) {
        defer { if presentationTime.isFinite { last = presentationTime } }
        let elapsed = last.map { presentationTime - $0 } ?? .nan
        if elapsed > 0 && elapsed < Self.longestGap {
            interval = min(elapsed, Self.longestInterval)
            seconds = origin.seconds + (presentationTime - origin.presentationTime)
            return
        }
        if hasStarted { seconds += interval }
        hasStarted = true
        origin = (presentationTime.isFinite ? presentationTime : last ?? 0, seconds)
    }
}
