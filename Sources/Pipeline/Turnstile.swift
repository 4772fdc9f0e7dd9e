import Locks

/// Lets several parties use one thing in turns, one at a time, in the order in which they ask.
///
/// Who has had a turn stands behind all others who wait, so that those who always want one get equally many.
public final class Turnstile: Sendable {
    /// What happened so far.
    public struct Metrics: Sendable, Equatable {
        /// Turns that were given.
        public var turns = 0
        /// Parties that wait now.
        public var waiting = 0
        /// How long parties have waited, in all.
        public var waited = Duration.zero
    }

    private struct State {
        /// Tickets of those who wait, the first one first.
        var line: [Int] = []
        var nextTicket = 0
        var isTaken = false
        var metrics = Metrics()
    }

    private let monitor = Monitor(State())

    public init() {}

    /// Whoever wants turns; one thread at a time.
    public final class Party: Sendable {
        private let turnstile: Turnstile
        private let isCancelled = Monitor(false)

        fileprivate init(_ turnstile: Turnstile) { self.turnstile = turnstile }

        /// Waits for a turn and uses it.
        ///
        /// - Returns: Nil where the party was cancelled before its turn came; `body` is then not called.
        public func withTurn<Result>(
            waiting: (() -> Bool) -> Bool = { $0() }, _ body: () throws -> Result
        ) rethrows -> Result? {
            guard waiting({ turnstile.enter(isCancelled: { self.isCancelled.withLock { $0 } }) }) else { return nil }
            defer { turnstile.leave() }
            return try body()
        }

        /// Ends the wait for a turn, and all later ones; a turn that has begun goes on.
        public func cancel() {
            isCancelled.withLock { $0 = true }
            turnstile.monitor.update { _ in }
        }
    }

    /// A new party.
    public func party() -> Party { Party(self) }

    /// What happened so far.
    public var metrics: Metrics {
        monitor.withLock { state in
            var metrics = state.metrics
            metrics.waiting = state.line.count
            return metrics
        }
    }

    private func enter(isCancelled: () -> Bool) -> Bool {
        let ticket = monitor.withLock { state in
            state.nextTicket += 1
            state.line.append(state.nextTicket)
            return state.nextTicket
        }
        return monitor.update(when: { isCancelled() || (!$0.isTaken && $0.line.first == ticket) }) { state, waited in
            state.metrics.waited += waited
            state.line.removeAll { $0 == ticket }
            guard !isCancelled(), !state.isTaken else { return false }
            state.isTaken = true
            state.metrics.turns += 1
            return true
        }
    }

    private func leave() { monitor.update { $0.isTaken = false } }
}
