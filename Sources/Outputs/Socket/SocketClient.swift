import Locks
import Glibc
import Instances
import Pipeline

/// One consumer of a socket: its connection, and what waits for it.
///
/// Records come from any thread; everything else is called by the socket's own thread.
final class SocketClient: Sendable {
    /// What sending came to.
    enum Outcome {
        /// Nothing is left to send.
        case idle
        /// The client takes no more for now.
        case blocked
        /// There is more to send than one turn allows.
        case busy
        /// The connection is over.
        case gone
    }

    /// Counts of one client.
    struct Counts {
        var written = 0
        var dropped = 0
        var depth = 0
    }

    private struct State {
        var backlog: RecordBacklog
        /// A line that has been sent up to `offset`, and has to be completed.
        var begun: EncodedRecord?
        var offset = 0
        var written = 0
        /// Records dropped when the last notice of it was given.
        var noticed = 0
        var isLosing = false
    }

    let descriptor: CInt
    private let state: Monitor<State>

    /// Bytes for one call of the system, and for one turn of a client.
    private static let (callSize, turnSize) = (64 << 10, 1 << 20)

    /// - Parameter descriptor: The accepted connection; it is closed with the client.
    init(descriptor: CInt, limit: QueueLimit) {
        self.descriptor = descriptor
        state = Monitor(State(backlog: RecordBacklog(limit: limit, reason: "slow client")))
    }

    deinit { close(descriptor) }

    func publish(_ record: EncodedRecord) { state.withLock { $0.backlog.append(record) } }

    /// Sends what waits, as far as the client takes it.
    ///
    /// - Parameter scratch: Memory for collecting lines.
    func send(with scratch: inout [UInt8]) -> Outcome {
        state.withLock { state in
            var total = 0
            while total < Self.turnSize {
                guard let first = state.begun ?? state.backlog.next() else {
                    state.isLosing = false
                    return .idle
                }
                if state.begun == nil { state.offset = 0 }
                let sent = Self.send(first, from: state.offset, and: &state.backlog, scratch: &scratch, to: descriptor)
                state.begun = sent.begun
                state.offset = sent.offset
                state.written += sent.completed
                switch sent.code {
                case 0: total += sent.bytes
                case EAGAIN: return .blocked
                default: return .gone
                }
            }
            return .busy
        }
    }

    private struct Sent {
        var bytes = 0
        var completed = 0
        var begun: EncodedRecord?
        var offset = 0
        var code: CInt = 0
    }

    /// Sends the rest of a line and, in the same call, lines after it; those of which nothing was sent go back.
    private static func send(
        _ first: EncodedRecord, from offset: Int, and backlog: inout RecordBacklog, scratch: inout [UInt8],
        to descriptor: CInt
    ) -> Sent {
        var records = [first]
        var sent = Sent()
        let result: Int
        // The usual case, a client that is up to date, and a line larger than a call: without copying.
        if backlog.isEmpty || first.line.count - offset >= callSize {
            result = transfer(first.line, from: offset, to: descriptor)
        } else {
            scratch.removeAll(keepingCapacity: true)
            scratch.append(contentsOf: first.line[offset...])
            while scratch.count < callSize, let next = backlog.next() {
                records.append(next)
                scratch.append(contentsOf: next.line)
            }
            result = transfer(scratch, from: 0, to: descriptor)
        }
        if result < 0 { sent.code = errno }
        sent.bytes = max(0, result)
        var (rest, start) = (sent.bytes, offset)
        while let record = records.first, rest >= record.line.count - start {
            rest -= record.line.count - start
            start = 0
            sent.completed += 1
            records.removeFirst()
        }
        // Also where nothing at all was sent: a line that was begun before stays begun.
        if let record = records.first, start + rest > 0 {
            sent.begun = record
            sent.offset = start + rest
            records.removeFirst()
        }
        backlog.putBack(records)
        return sent
    }

    private static func transfer(_ bytes: [UInt8], from offset: Int, to descriptor: CInt) -> Int {
        bytes.withUnsafeBytes { bytes in
            let part = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            while true {
                let sent = Glibc.send(descriptor, part.baseAddress, part.count, CInt(MSG_NOSIGNAL))
                if sent >= 0 || errno != EINTR { return sent }
            }
        }
    }

    /// What reading came to.
    enum Reading {
        /// There is nothing more for now.
        case drained
        /// The client has sent more than one turn allows.
        case flooding
        /// The client will send nothing more; it may still read.
        case ended
        /// The connection is over.
        case gone
    }

    /// Reads what the client sends and throws it away.
    func discardInput(with scratch: inout [UInt8]) -> Reading {
        for _ in 0..<8 {
            let got = scratch.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, min($0.count, 8192), 0) }
            if got == 0 { return .ended }
            if got < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? .drained : .gone
            }
        }
        return .flooding
    }

    /// How many records the client has lost, where it has begun to since it was up to date last; nil otherwise.
    func takeNotice() -> Int? {
        state.withLock { state in
            defer { state.noticed = state.backlog.dropped }
            guard state.backlog.dropped > state.noticed, !state.isLosing else { return nil }
            state.isLosing = true
            return state.backlog.dropped
        }
    }

    var counts: Counts {
        state.withLock { state in
            Counts(
                written: state.written, dropped: state.backlog.dropped,
                depth: state.backlog.count + (state.begun == nil ? 0 : 1))
        }
    }
}
