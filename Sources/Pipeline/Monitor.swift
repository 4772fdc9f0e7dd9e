import Glibc

/// A value behind a lock, on whose changes threads can wait.
///
/// On POSIX threads, which the thread sanitizer understands; it does not see the standard library's `Mutex`, which has nothing to wait for
/// either.
// Sendable: the value is only ever touched while the mutex is held.
final class Monitor<State>: @unchecked Sendable {
    private var state: State
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>

    init(_ state: State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        changed.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Reads or changes the value without waking anyone.
    func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Changes the value and wakes those who wait for it.
    func update<Result>(_ body: (inout State) -> Result) -> Result {
        withLock { state in
            defer { pthread_cond_broadcast(changed) }
            return body(&state)
        }
    }

    /// Waits until the condition holds, changes the value, and wakes the others who wait.
    ///
    /// `body` is told how long the wait took, zero where there was none.
    func update<Result>(when condition: (State) -> Bool, _ body: (inout State, Duration) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        var waited = Duration.zero
        if !condition(state) {
            let start = ContinuousClock.now
            repeat { pthread_cond_wait(changed, mutex) } while !condition(state)
            waited = ContinuousClock.now - start
        }
        defer { pthread_cond_broadcast(changed) }
        return body(&state, waited)
    }
}
