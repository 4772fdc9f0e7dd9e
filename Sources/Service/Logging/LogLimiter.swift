import Logging
import Synchronization

/// Keeps faults that repeat from filling the log: each is written at once when it is new, then at most once a minute with how often it
/// came.
final class LogLimiter: Sendable {
    private struct Entry {
        var lastWritten: ContinuousClock.Instant
        var silenced = 0
    }

    private let interval: Duration
    private let capacity: Int
    private let entries = Mutex<[String: Entry]>([:])

    /// - Parameters:
    ///   - interval: The least time between two lines of one key.
    ///   - capacity: The most keys that are known; the one that was written longest ago is forgotten for a new one.
    init(interval: Duration = .seconds(60), capacity: Int = 1000) {
        self.interval = interval
        self.capacity = capacity
    }

    /// Writes the message, or counts it.
    ///
    /// - Parameter key: What makes two messages the same fault.
    func log(
        _ logger: Logger, _ level: Logger.Level, key: String, _ message: Logger.Message,
        metadata: Logger.Metadata = [:], at now: ContinuousClock.Instant = .now
    ) {
        let silenced = entries.withLock { entries -> Int? in
            if var entry = entries[key], now - entry.lastWritten < interval {
                entry.silenced += 1
                entries[key] = entry
                return nil
            }
            let silenced = entries[key]?.silenced ?? 0
            if entries[key] == nil, entries.count >= capacity,
                let oldest = entries.min(by: { $0.value.lastWritten < $1.value.lastWritten })
            {
                entries[oldest.key] = nil
            }
            entries[key] = Entry(lastWritten: now)
            return silenced
        }
        guard let silenced else { return }
        logger.log(
            level: level, silenced > 0 ? "\(message) (and \(silenced) more like it)" : message, metadata: metadata)
    }

    /// Forgets a fault that is over, so that the next one is written at once.
    func clear(key: String) { entries.withLock { $0[key] = nil } }
}
