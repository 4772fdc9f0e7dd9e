import Locks

/// Lets several parties use one thing in turns, one at a time, in the order in which they ask, on one thread.
///
/// Who has had a turn stands behind all others who wait, so that those who always want one get equally many. That turns have a thread
/// of their own, on which one follows the other at once, spares the pause in which the next party's thread would wake up.
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
        /// Those who wait, the first one first.
        var line: [(party: Party, since: ContinuousClock.Instant)] = []
        var isEnding = false
        var metrics = Metrics()
    }

    /// What the turnstile's thread keeps while the turnstile itself may go.
    private final class Shared: Sendable {
        let state = Monitor(State())

        func serve() {
            while let party = next() {
                party.takeTurn()
                party.endTurn()
            }
        }

        private func next() -> Party? {
            state.update(when: { $0.isEnding || !$0.line.isEmpty }) { state -> Party? in
                guard !state.line.isEmpty else { return nil }
                let (party, since) = state.line.removeFirst()
                state.metrics.turns += 1
                state.metrics.waited += ContinuousClock.now - since
                return party
            }
        }

        func enter(_ party: Party) { state.update { $0.line.append((party, .now)) } }

        func leave(_ party: Party) { state.withLock { $0.line.removeAll { $0.party === party } } }
    }

    private let shared = Shared()

    /// - Parameter name: The thread's.
    /// - Throws: `NamedThread.Failure`.
    public init(name: String) throws {
        try NamedThread(name: name) { [shared] in shared.serve() }
    }

    deinit { shared.state.update { $0.isEnding = true } }

    /// Whoever wants turns; one thread at a time.
    // Sendable: work is lent for as long as the lender waits, and called by the turnstile's thread only.
    public final class Party: @unchecked Sendable {
        private struct Call {
            enum Progress { case none, waiting, inside, over }

            var progress = Progress.none
            var isCancelled = false
            var work: (() -> Void)?
        }

        private let turnstile: Turnstile
        // One for each party, so that the end of a turn wakes nobody else.
        private let call = Monitor(Call())

        fileprivate init(_ turnstile: Turnstile) { self.turnstile = turnstile }

        /// Waits for a turn and uses it.
        ///
        /// - Parameter body: Called on the turnstile's thread.
        /// - Returns: Nil where the party was cancelled before its turn came; `body` is then not called.
        public func withTurn<Result, Failure>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result? {
            let outcome = Outcome<Result, Failure>()
            withoutActuallyEscaping(body) { body in
                let isCancelled = call.withLock { call in
                    guard !call.isCancelled else { return true }
                    call.progress = .waiting
                    call.work = {
                        do throws(Failure) { outcome.result = .success(try body()) } catch {
                            outcome.result = .failure(error)
                        }
                    }
                    return false
                }
                guard !isCancelled else { return }
                turnstile.shared.enter(self)
                call.update(when: { $0.progress == .over || ($0.isCancelled && $0.progress == .waiting) }) { call in
                    call.progress = .none
                    call.work = nil
                }
                // Who was cancelled may stand in line still.
                if outcome.result == nil { turnstile.shared.leave(self) }
            }
            return try outcome.result?.get()
        }

        /// Ends the wait for a turn, and all later ones; a turn that has begun goes on.
        public func cancel() { call.update { $0.isCancelled = true } }

        // Never inlined: what was lent is let go of before the lender hears that its turn is over.
        @inline(never)
        fileprivate func takeTurn() {
            let work = call.withLock { call -> (() -> Void)? in
                guard call.progress == .waiting, !call.isCancelled else { return nil }
                call.progress = .inside
                defer { call.work = nil }
                return call.work
            }
            work?()
        }

        fileprivate func endTurn() {
            call.update { if $0.progress == .inside { $0.progress = .over } }
        }
    }

    /// Written by the turnstile's thread and read by the party's after the turn.
    private final class Outcome<Success, Failure: Error> {
        var result: Result<Success, Failure>?
    }

    /// A new party.
    public func party() -> Party { Party(self) }

    /// What happened so far.
    public var metrics: Metrics {
        shared.state.withLock { state in
            var metrics = state.metrics
            metrics.waiting = state.line.count
            return metrics
        }
    }
}
