/// Counts a stream's seconds so that they only go forwards, whatever its presentation times do.
///
/// A source that starts again, or gives a time that is none, goes on one frame later.
public struct MediaClock: Sendable {
    /// Seconds since the first frame.
    public private(set) var seconds = 0.0
    private var hasStarted = false
    private var last: Double?
    /// The last step, as long as it was one that frames can have.
    private var interval = 1.0 / 30

    public init() {}

    /// Moves on to a frame's presentation time and returns the seconds since the frame before.
    @discardableResult
    public mutating func advance(to presentationTime: Double) -> Double {
        defer { if presentationTime.isFinite { last = presentationTime } }
        guard hasStarted else {
            hasStarted = true
            return 0
        }
        var elapsed = presentationTime - (last ?? .infinity)
        if elapsed.isFinite && elapsed > 0 {
            interval = min(elapsed, Self.longestInterval)
        } else {
            elapsed = interval
        }
        seconds += elapsed
        return elapsed
    }

    /// Frames further apart are a gap and no frame rate.
    private static let longestInterval = 1.0
}
