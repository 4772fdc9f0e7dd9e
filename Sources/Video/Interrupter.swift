import Locks

/// Ends, from any thread, the waiting of a source for bytes; and ends it by itself where a deadline has passed.
///
/// It exists apart from the source since opening a source may wait as well.
public final class Interrupter: Sendable {
    private struct State {
        var isInterrupted = false
        var deadline: ContinuousClock.Instant?
    }

    private let state = Monitor(State())

    public init() {}

    /// Makes the source's present wait and all later ones throw `VideoError.interrupted`.
    public func interrupt() { state.update { $0.isInterrupted = true } }

    /// Takes `interrupt` back, for waits that begin from now on.
    func reset() { state.withLock { $0.isInterrupted = false } }

    /// Whether `interrupt` has been called.
    public var isInterrupted: Bool { state.withLock { $0.isInterrupted } }

    /// Waits for a moment to come.
    ///
    /// - Returns: Whether it came; false where `interrupt` was called before, or meanwhile.
    @discardableResult
    public func wait(until moment: ContinuousClock.Instant) -> Bool {
        !state.wait(until: moment) { $0.isInterrupted }
    }

    /// The moment from which FFmpeg's waits end as if interrupted; none where nil.
    var deadline: ContinuousClock.Instant? {
        get { state.withLock { $0.deadline } }
        set { state.withLock { $0.deadline = newValue } }
    }

    /// Sets the deadline so far from now; none where nil.
    func limit(to timeout: Duration?) { deadline = timeout.map { .now + $0 } }

    /// Whether the deadline has passed.
    var hasExpired: Bool { deadline.map { $0 <= .now } ?? false }

    /// What FFmpeg's callback asks: whether whoever waits has to return.
    var endsWaits: Bool {
        state.withLock { $0.isInterrupted || ($0.deadline.map { $0 <= .now } ?? false) }
    }
}
