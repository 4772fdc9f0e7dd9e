/// Says when a frame is due, so that frames come as fast as they were taken.
public struct Pacer: Sendable {
    /// A frame's moment, from which those of the next ones follow.
    private var anchor: (moment: ContinuousClock.Instant, seconds: Double)?

    /// Who is later than this goes on from there instead of hurrying through what was missed.
    private static let patience = Duration.seconds(1)
    /// The longest wait for one frame: a file's time may be damaged.
    static let longest = Duration.seconds(10)

    public init() {}

    /// The moment to wait for before the frame with this media time is shown.
    ///
    /// - Parameters:
    ///   - seconds: The frame's media time.
    ///   - now: The present moment.
    public mutating func moment(for seconds: Double, now: ContinuousClock.Instant = .now) -> ContinuousClock.Instant {
        if let anchor {
            let ahead = min(max(seconds - anchor.seconds, -1e6), 1e6)
            let due = anchor.moment + .seconds(ahead)
            if due + Self.patience >= now && due <= now + Self.longest { return max(due, now) }
            if due > now {
                self.anchor = (now + Self.longest, seconds)
                return now + Self.longest
            }
        }
        anchor = (now, seconds)
        return now
    }
}
