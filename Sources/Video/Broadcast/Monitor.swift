import Glibc

/// A value behind a lock, on whose changes threads can wait.
// Sendable: the value is only ever touched while the mutex is held.
final class Monitor<Value>: @unchecked Sendable {
    private var value: Value
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>

    init(_ value: Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        changed = .allocate(capacity: 1)
        changed.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // The wall clock may be set while somebody waits.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        changed.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Reads the value, or changes it without waking anyone.
    func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Changes the value and wakes those who wait for it.
    func update<Result>(_ body: (inout Value) -> Result) -> Result {
        withLock { value in
            defer { pthread_cond_broadcast(changed) }
            return body(&value)
        }
    }

    /// Waits until the condition holds, changes the value, and wakes the others who wait.
    func update<Result>(when condition: (Value) -> Bool, _ body: (inout Value) -> Result) -> Result {
        withLock { value in
            while !condition(value) { pthread_cond_wait(changed, mutex) }
            defer { pthread_cond_broadcast(changed) }
            return body(&value)
        }
    }

    /// Waits until the condition holds or the moment has come.
    ///
    /// - Returns: Whether the condition holds.
    func wait(until moment: ContinuousClock.Instant, for condition: (Value) -> Bool) -> Bool {
        withLock { value in
            while !condition(value) {
                let left = ContinuousClock.now.duration(to: moment)
                guard left > .zero else { return false }
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
                pthread_cond_timedwait(changed, mutex, &end)
            }
            return true
        }
    }
}
