import Instances

/// Somewhere that a stream's records go to.
///
/// Records may come from several threads at once, those of one stream in order. A stream's `hello` comes before its other records and its
/// `end` after them.
public protocol RecordOutput: AnyObject, Sendable {
    /// What and where, for logs and metrics, such as `socket /run/segmentd/door.sock`.
    var name: String { get }

    /// Takes a record. Waits only where the output's policy is to block, and then only for room in its queue.
    func publish(_ record: EncodedRecord)

    /// Delivers what is queued as far as the time allows, and closes. Records that come afterwards are dropped.
    func finish(within time: Duration)

    /// How the output is doing.
    var status: OutputStatus { get }
}

/// How an output is doing, at one moment.
public struct OutputStatus: Sendable, Equatable {
    /// What the output is able to do.
    public enum State: String, Sendable {
        /// Records go where they should.
        case running
        /// The output will go on by itself, and waits for something: a broker, room on a disk.
        case waiting
        /// The output has ended.
        case failed
    }

    public var state: State
    /// The last fault in words, also when it is over.
    public var lastError: String?
    /// Records that have been handed over; on a socket, summed over its clients.
    public var recordsWritten = 0
    /// Records that were given up; on a socket, summed over its clients.
    public var recordsDropped = 0
    /// Records that wait; on a socket, those of the client with the most.
    public var queueDepth = 0
    /// Clients connected now.
    public var clients = 0
    /// Connections made or accepted so far.
    public var connections = 0

    public init(state: State) { self.state = state }
}

/// Something about an output that belongs in a log.
public struct OutputEvent: Sendable, Equatable, CustomStringConvertible {
    /// What kind of thing happened; also what repeating messages can be counted by.
    public enum Kind: String, Sendable {
        /// The output is ready.
        case opened
        /// A client has come, or the broker has accepted us.
        case connected
        /// A client has gone, or the broker.
        case disconnected
        /// A client was turned away.
        case refused
        /// A consumer begins to lose records.
        case lost
        /// Something does not work; the output tries again.
        case failed
        /// What did not work works again.
        case recovered
        /// A file was closed and the next one begun.
        case rotated
        /// The output has ended.
        case closed
    }

    /// The output's name.
    public var output: String
    public var kind: Kind
    public var message: String

    public init(output: String, kind: Kind, message: String) {
        self.output = output
        self.kind = kind
        self.message = message
    }

    /// Whether somebody may have to do something about it.
    public var isFault: Bool { kind == .refused || kind == .lost || kind == .failed }

    public var description: String { "\(output): \(message)" }
}

/// The most that one queue of records holds.
public struct QueueLimit: Sendable, Equatable {
    /// Records.
    public var records: Int
    /// Bytes of the records' lines. A single record may be larger.
    public var bytes: Int

    public init(records: Int, bytes: Int) {
        precondition(records > 0 && bytes > 0, "a queue holds at least one record")
        self.records = records
        self.bytes = bytes
    }
}
