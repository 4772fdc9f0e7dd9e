import Locks
import Files
import Instances
import Pipeline

/// Appends a stream's records to a file, one line of JSON each, and begins a new file by size or time.
///
/// The file grows line by line, each in one call of the system: a process that is killed cuts at most the last one, which is taken away
/// when the file is opened again. A full disk or a folder that has gone is told at once and tried again, with more and more time in between; when
/// it works again, a `gap` says what was lost meanwhile. A file that somebody moves or removes is begun anew under its name.
public final class RotatingJSONLines: RecordOutput {
    /// When what was written is made durable.
    public enum SyncPolicy: Sendable, Equatable {
        /// When the system sees fit.
        case never
        /// Before the next record.
        case everyRecord
        /// At least so often, while records come.
        case every(Duration)
    }

    /// How a file is written, and when the next one begins.
    public struct Options: Sendable, Equatable {
        /// The most bytes of a file; a single record may be larger. Without a limit if nil.
        public var maxSize: Int?
        /// How long a file is written, from one multiple of this since 1970-01-01 00:00 UTC to the next; at least a second. Without a limit if nil.
        public var every: Duration?
        /// How many files that were rotated away are kept, the newest ones; all if nil.
        public var keep: Int?
        public var sync = SyncPolicy.never
        /// What may wait while the disk is slow or does not work.
        public var queue = QueueLimit(records: 10_000, bytes: 64 << 20)
        /// What a full queue does. `.block` waits for a slow disk, but not for one that does not work.
        public var policy = FullPolicy.newestWins

        public init() {}
    }

    public let name: String

    private let writer: LinesWriter
    private let thread: NamedThread

    /// Opens the file, and makes it where there is none.
    ///
    /// - Parameters:
    ///   - path: `NAME.jsonl`; what is rotated away becomes `NAME-2026-11-24T12-00-00Z.jsonl`, by the time at which it was closed. `-` is
    ///     standard output, which, as pipes and devices, is not rotated.
    ///   - clock: Tells the time for rotation.
    ///   - onEvent: Told what belongs in a log, on the output's own thread.
    /// - Throws: `FileError` where the file cannot be opened, and `OutputError.wrongOption`.
    public convenience init(
        path: String, options: Options = Options(), clock: @escaping @Sendable () -> WallClock = { .now },
        onEvent: @escaping @Sendable (OutputEvent) -> Void = { _ in }
    ) throws {
        let open: @Sendable () throws -> LinesFile = { try LinesFile(path: path) }
        try self.init(path: path, options: options, clock: clock, open: open, onEvent: onEvent)
    }

    /// - Parameter open: Opens the file under its name.
    init(
        path: String, options: Options, clock: @escaping @Sendable () -> WallClock,
        open: @escaping @Sendable () throws -> LinesFile, onEvent: @escaping @Sendable (OutputEvent) -> Void
    ) throws {
        if let every = options.every, every < .seconds(1) {
            throw OutputError.wrongOption(
                option: "every", reason: "\(every) is too short; a file lasts at least a second")
        }
        if let size = options.maxSize, size < 1 {
            throw OutputError.wrongOption(option: "max_size", reason: "\(size) is too small; give at least 1 byte")
        }
        if let keep = options.keep, keep < 0 {
            throw OutputError.wrongOption(option: "keep", reason: "\(keep) is not a number of files")
        }
        name = "json \(path)"
        let writer = try LinesWriter(
            name: name, path: path, options: options, clock: clock, open: open, onEvent: onEvent)
        self.writer = writer
        thread = try NamedThread(name: "json") { writer.run() }
    }

    deinit { writer.queue.finish(by: .now + .seconds(1)) }

    public func publish(_ record: EncodedRecord) { writer.queue.publish(record) }

    /// Closes the file and opens it by its name again, as after logrotate has moved it.
    public func reopen() { writer.reopen() }

    public func finish(within time: Duration) {
        let deadline = ContinuousClock.now + time
        writer.queue.finish(by: deadline)
        // A write to a disk or pipe that hangs cannot be called back; then the thread is left behind.
        _ = thread.wait(until: deadline + .milliseconds(100))
    }

    public var status: OutputStatus { writer.status }
}
