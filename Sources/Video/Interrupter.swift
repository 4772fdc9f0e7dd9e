import Glibc

/// Ends, from any thread, the waiting of a source for bytes; and ends it by itself where a deadline has passed.
///
/// It exists apart from the source since opening a source may wait as well.
// Sendable: the state is only ever touched while the mutex is held, and the pointers never change.
public final class Interrupter: @unchecked Sendable {
    private struct State {
        var isInterrupted = false
        var deadline: ContinuousClock.Instant?
    }

    private var state = State()
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    public init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // The wall clock may be set while somebody waits.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    private func withLock<Result>(_ body: (inout State) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&state)
    }

    /// Makes the source's present wait and all later ones throw `VideoError.interrupted`.
    public func interrupt() {
        withLock { $0.isInterrupted = true }
        pthread_cond_broadcast(condition)
    }

    /// Whether `interrupt` has been called.
    public var isInterrupted: Bool { withLock { $0.isInterrupted } }

    /// Waits for a moment to come.
    ///
    /// - Returns: Whether it came; false where `interrupt` was called before, or meanwhile.
    @discardableResult
    public func wait(until moment: ContinuousClock.Instant) -> Bool {
        withLock { state in
            while !state.isInterrupted {
                let left = ContinuousClock.now.duration(to: moment)
                guard left > .zero else { return true }
                // A bound on one wait, so that no sum below can overflow.
                let (seconds, attoseconds) = min(left, .seconds(3600)).components
                var end = timespec()
                clock_gettime(CLOCK_MONOTONIC, &end)
                end.tv_sec += Int(seconds)
                end.tv_nsec += Int(attoseconds / 1_000_000_000)
                if end.tv_nsec >= 1_000_000_000 {
                    end.tv_sec += 1
                    end.tv_nsec -= 1_000_000_000
                }
                pthread_cond_timedwait(condition, mutex, &end)
            }
            return false
        }
    }

    /// The moment from which FFmpeg's waits end as if interrupted; none where nil.
    var deadline: ContinuousClock.Instant? {
        get { withLock { $0.deadline } }
        set { withLock { $0.deadline = newValue } }
    }

    /// Sets the deadline so far from now; none where nil.
    func limit(to timeout: Duration?) { deadline = timeout.map { .now + $0 } }

    /// Whether the deadline has passed.
    var hasExpired: Bool { deadline.map { $0 <= .now } ?? false }

    /// What FFmpeg's callback asks: whether whoever waits has to return.
    var endsWaits: Bool {
        withLock { $0.isInterrupted || ($0.deadline.map { $0 <= .now } ?? false) }
    }
}
