import Glibc

/// A value behind a lock, on whose changes threads can wait.
///
/// Conditions are read from the property anew after every wait, and never through an `inout` that lasts over one: the compiler may take what
/// is lent exclusively for unchanged.
///
/// On POSIX threads, which the thread sanitizer understands; it does not see the standard library's `Mutex`, which has nothing to wait for
/// either.
// Sendable: the value is only ever touched while the mutex is held.
package final class Monitor<State>: @unchecked Sendable {
    private var state: State
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>

    package init(_ state: State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        changed.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        // Waits with a time-out do not care when somebody sets the wall clock.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Reads or changes the value without waking anyone.
    package func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Changes the value and wakes those who wait for it.
    package func update<Result>(_ body: (inout State) -> Result) -> Result {
        withLock { state in
            defer { pthread_cond_broadcast(changed) }
            return body(&state)
        }
    }

    /// Waits until the condition holds, changes the value, and wakes the others who wait.
    ///
    /// `body` is told how long the wait took, zero where there was none.
    package func update<Result>(when condition: (State) -> Bool, _ body: (inout State, Duration) -> Result) -> Result {
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

    /// Waits until the condition holds or the time has come, whichever is first, changes the value, and wakes the others who wait.
    package func update<Result>(
        when condition: (State) -> Bool, until deadline: ContinuousClock.Instant, _ body: (inout State) -> Result
    ) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !condition(state) {
            let (seconds, attoseconds) = (deadline - .now).components
            guard seconds > 0 || attoseconds > 0 else { break }
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            let nanoseconds = time.tv_nsec + Int(attoseconds / 1_000_000_000)
            // A wait that is cut at some years begins again.
            time.tv_sec += Int(min(seconds, 1 << 30)) + nanoseconds / 1_000_000_000
            time.tv_nsec = nanoseconds % 1_000_000_000
            pthread_cond_timedwait(changed, mutex, &time)
        }
        defer { pthread_cond_broadcast(changed) }
        return body(&state)
    }

    /// Waits until the condition holds, changes the value, and wakes the others who wait.
    package func update<Result>(when condition: (State) -> Bool, _ body: (inout State) -> Result) -> Result {
        update(when: condition) { state, _ in body(&state) }
    }

    /// Waits until the condition holds or the moment has come.
    ///
    /// - Returns: Whether the condition holds.
    package func wait(until moment: ContinuousClock.Instant, for condition: (State) -> Bool) -> Bool {
        update(when: condition, until: moment) { condition($0) }
    }
}
