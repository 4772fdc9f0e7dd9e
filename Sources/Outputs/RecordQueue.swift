import Locks
import Instances
import Pipeline

/// The records that wait for the thread of one output, within a limit.
final class RecordQueue: Sendable {
    private struct State {
        var backlog: RecordBacklog
        /// Whether a full queue makes publishers wait now.
        var blocks: Bool
        /// When to be done at the latest; nil while the queue is open.
        var deadline: ContinuousClock.Instant?
        /// Whether the thread is asked to look up from waiting.
        var isNudged = false
    }

    private let blocks: Bool
    private let state: Monitor<State>

    /// - Parameter reason: The reason that gaps give.
    init(limit: QueueLimit, policy: FullPolicy = .newestWins, reason: String) {
        blocks = policy == .block
        state = Monitor(State(backlog: RecordBacklog(limit: limit, reason: reason), blocks: policy == .block))
    }

    // MARK: For publishers

    /// Puts a record in; waits for room where the policy is to block. Without effect after `finish`.
    func publish(_ record: EncodedRecord) {
        state.update(when: { !$0.blocks || $0.deadline != nil || !$0.backlog.isFull(for: record) }) { state, _ in
            if state.deadline == nil { state.backlog.append(record) }
        }
    }

    /// Closes the entrance; what is inside should be taken by the deadline.
    func finish(by deadline: ContinuousClock.Instant) {
        state.update { state in
            state.deadline = min(deadline, state.deadline ?? deadline)
            state.isNudged = true
        }
    }

    /// Makes the thread look up, whatever it waits for.
    func nudge() { state.update { $0.isNudged = true } }

    // MARK: For the thread

    /// Waits for records, for `finish`, for a nudge or for a time.
    func wait(until time: ContinuousClock.Instant?) {
        let condition: (State) -> Bool = { !$0.backlog.isEmpty || $0.deadline != nil || $0.isNudged }
        guard let time else { return state.update(when: condition) { state, _ in state.isNudged = false } }
        state.update(when: condition, until: time) { $0.isNudged = false }
    }

    /// Waits for a time, whatever comes in; only `finish`, once, and a nudge end it early.
    func pause(until time: ContinuousClock.Instant) {
        state.update(when: { $0.isNudged }, until: time) { $0.isNudged = false }
    }

    /// Takes the oldest records, gaps among them; never waits.
    func take(records: Int, bytes: Int) -> [EncodedRecord] {
        state.update { state in
            var (taken, size) = ([EncodedRecord](), 0)
            while taken.count < records, size < bytes, let record = state.backlog.next() {
                taken.append(record)
                size += record.line.count
            }
            return taken
        }
    }

    /// Puts back what was taken last and could not be used.
    func putBack(_ records: [EncodedRecord]) {
        state.withLock { $0.backlog.putBack(records) }
    }

    /// Counts records as lost that were taken.
    func lose(_ records: some Sequence<EncodedRecord>) {
        state.withLock { state in records.forEach { state.backlog.lose($0) } }
    }

    /// Gives up all that waits.
    func dropAll() { state.update { $0.backlog.dropAll() } }

    /// Lets nobody wait for room while the output does not work, whatever the policy.
    func setWorking(_ isWorking: Bool) { state.update { $0.blocks = blocks && isWorking } }

    /// When to be done at the latest; nil while the queue is open.
    var deadline: ContinuousClock.Instant? { state.withLock { $0.deadline } }

    var count: Int { state.withLock { $0.backlog.count } }

    var isEmpty: Bool { state.withLock { $0.backlog.isEmpty } }

    /// Records that were given up.
    var dropped: Int { state.withLock { $0.backlog.dropped } }
}
