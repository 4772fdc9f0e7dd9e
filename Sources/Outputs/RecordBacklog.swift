import Instances

/// Records that wait for one consumer, within a limit.
///
/// What is in the way of newer records is dropped, the oldest first, and replaced by one `gap` a stream. Frames and events go first: a
/// consumer that has fallen behind still sees which streams there are, and their ends.
struct RecordBacklog {
    /// Frames and events that a stream has lost.
    private struct Loss {
        var stream: String
        var frames = 0
        var events = 0
    }

    let limit: QueueLimit
    /// The reason that gaps give.
    let reason: String
    /// Bytes of all lines inside.
    private(set) var bytes = 0
    /// Records that have been dropped in all.
    private(set) var dropped = 0

    /// The records from `head` on; what is before was taken.
    private var records: [EncodedRecord?] = []
    private var head = 0
    private var losses: [Loss] = []

    init(limit: QueueLimit, reason: String) {
        self.limit = limit
        self.reason = reason
    }

    /// Records inside, without the gaps.
    var count: Int { records.count - head }

    /// Whether there is nothing to take.
    var isEmpty: Bool { count == 0 && losses.isEmpty }

    /// Whether one more record would push another one out.
    func isFull(for record: EncodedRecord) -> Bool {
        count > 0 && (count >= limit.records || bytes + record.line.count > limit.bytes)
    }

    /// Puts a record at the end.
    mutating func append(_ record: EncodedRecord) {
        while isFull(for: record) { dropOne() }
        records.append(record)
        bytes += record.line.count
    }

    /// Takes the oldest record, or the gap before it.
    mutating func next() -> EncodedRecord? {
        guard head < records.count, let first = records[head] else {
            return losses.isEmpty ? nil : takeGap()
        }
        if !losses.isEmpty && first.record.followsGaps { return takeGap() }
        records[head] = nil
        head += 1
        bytes -= first.line.count
        // What was taken is cut off rarely enough that it costs nothing, and often enough that it needs no room.
        if head == records.count || head >= 64 && head * 2 >= records.count {
            records.removeFirst(head)
            head = 0
        }
        return first
    }

    /// Puts records that were taken last back where they were; they may be dropped then.
    mutating func putBack(_ taken: [EncodedRecord]) {
        for record in taken.reversed() {
            if case .gap(let gap) = record.record {
                add(gap)
                continue
            }
            if head > 0 {
                head -= 1
                records[head] = record
            } else {
                records.insert(record, at: 0)
            }
            bytes += record.line.count
        }
        while count > 1 && (count > limit.records || bytes > limit.bytes) { dropOne() }
    }

    /// Gives up everything inside and remembers it for the gap.
    mutating func dropAll() {
        while count > 0 { dropOne() }
    }

    /// Counts a record as lost that never was inside, or was taken.
    mutating func lose(_ record: EncodedRecord) {
        dropped += 1
        switch record.record {
        case .frame(let frame): add(.init(stream: frame.stream, frames: 1, events: 0, reason: reason))
        case .event(let event): add(.init(stream: event.stream, frames: 0, events: 1, reason: reason))
        case .gap(let gap): add(gap)
        case .hello, .error, .end: break
        }
    }

    private mutating func dropOne() {
        let index = records[head...].firstIndex { $0?.record.isExpendable == true } ?? head
        guard let record = records.remove(at: index) else { return }
        bytes -= record.line.count
        lose(record)
    }

    private mutating func add(_ gap: StreamRecord.Gap) {
        guard gap.frames > 0 || gap.events > 0 else { return }
        let index = losses.firstIndex { $0.stream == gap.stream } ?? losses.count
        if index == losses.count { losses.append(Loss(stream: gap.stream)) }
        losses[index].frames += gap.frames
        losses[index].events += gap.events
    }

    private mutating func takeGap() -> EncodedRecord {
        let loss = losses.removeFirst()
        return EncodedRecord(
            .gap(.init(stream: loss.stream, frames: loss.frames, events: loss.events, reason: reason)))
    }
}

extension StreamRecord {
    /// Whether this may be left out for a consumer that is slow before anything else is.
    fileprivate var isExpendable: Bool {
        switch self {
        case .frame, .event, .gap: true
        case .hello, .error, .end: false
        }
    }

    /// Whether a gap is told before this, and not after: a stream's hello stays its first line.
    fileprivate var followsGaps: Bool {
        switch self {
        case .frame, .event, .gap, .end: true
        case .hello, .error: false
        }
    }

    /// The stream that the record is about.
    var stream: String {
        switch self {
        case .hello(let hello): hello.stream
        case .frame(let frame): frame.stream
        case .event(let event): event.stream
        case .gap(let gap): gap.stream
        case .error(let stream, _, _), .end(let stream, _, _): stream
        }
    }
}
