import Locks
import Files
import Glibc
import Instances
import Pipeline
import Video

/// The thread behind `RotatingJSONLines`.
// Sendable: what is not behind the monitor, the queue's lock or immutable is touched by the thread of `run()` only, after the initialiser.
final class LinesWriter: @unchecked Sendable {
    /// What others may ask for.
    private struct Report {
        var state = OutputStatus.State.running
        var lastError: String?
        var written = 0
        var isReopening = false
    }

    let queue: RecordQueue

    private let name: String
    private let path: String
    private let options: RotatingJSONLines.Options
    private let clock: @Sendable () -> WallClock
    private let open: @Sendable () throws -> LinesFile
    private let onEvent: @Sendable (OutputEvent) -> Void
    private let report = Monitor(Report())
    private let rotated: RotatedName
    private let backoff = Backoff(initial: .milliseconds(500), maximum: .seconds(30))
    private var generator = SystemRandomNumberGenerator()

    private var file: LinesFile?
    /// The multiple of the options' `every` that the file's lines are of.
    private var period = 0
    /// When what was written has to be durable.
    private var syncDue: ContinuousClock.Instant?
    /// Until when a file that cannot be renamed goes on.
    private var rotatesAfter: ContinuousClock.Instant?
    /// Failures in a row.
    private var failures = 0

    /// Lines and bytes for one call of the system.
    private static let (batchRecords, batchBytes) = (64, 256 << 10)

    init(
        name: String, path: String, options: RotatingJSONLines.Options, clock: @escaping @Sendable () -> WallClock,
        open: @escaping @Sendable () throws -> LinesFile, onEvent: @escaping @Sendable (OutputEvent) -> Void
    ) throws {
        self.name = name
        self.path = path
        self.options = options
        self.clock = clock
        self.open = open
        self.onEvent = onEvent
        queue = RecordQueue(limit: options.queue, policy: options.policy, reason: "slow disk")
        rotated = RotatedName(path: path)
        try use(open())
    }

    // MARK: From any thread

    func reopen() {
        report.withLock { $0.isReopening = true }
        queue.nudge()
    }

    var status: OutputStatus {
        var status = report.withLock { report in
            var status = OutputStatus(state: report.state)
            status.lastError = report.lastError
            status.recordsWritten = report.written
            return status
        }
        status.queueDepth = queue.count
        status.recordsDropped = queue.dropped
        return status
    }

    // MARK: On the thread

    func run() {
        while true {
            queue.wait(until: nextTime())
            let deadline = queue.deadline
            do {
                try work()
                recover()
            } catch {
                if !pause(after: error, deadline: deadline) { break }
            }
            if let deadline, queue.isEmpty || deadline <= .now { break }
        }
        end()
    }

    private func work() throws {
        let isReopening = report.withLock { report in
            defer { report.isReopening = false }
            return report.isReopening
        }
        if isReopening { try close() }
        if let file, !file.hasItsName { try close() }
        if file == nil { try use(open()) }
        try rotateByTime()
        let isSingle = options.sync == .everyRecord
        let records = queue.take(records: isSingle ? 1 : Self.batchRecords, bytes: Self.batchBytes)
        try write(records)
        if let syncDue, syncDue <= .now { try synchronise() }
    }

    private func use(_ file: LinesFile) {
        self.file = file
        period = number(of: file.lastChange ?? clock())
        if file.cutOff > 0 {
            tell(.opened, "opened; a cut line of \(file.cutOff) bytes at the end was taken away")
        } else if failures == 0 {
            tell(.opened, "opened at \(file.size) bytes")
        }
    }

    private func write(_ records: [EncodedRecord]) throws {
        var rest = records[...]
        do {
            while !rest.isEmpty {
                guard let file else { return }
                var (count, bytes) = (0, 0)
                for record in rest {
                    let isFirst = file.size + bytes == 0
                    if let limit = options.maxSize, !isFirst, file.size + bytes + record.line.count > limit, canRotate {
                        break
                    }
                    count += 1
                    bytes += record.line.count
                }
                guard count > 0 else {
                    try rotate(at: clock())
                    continue
                }
                let written = file.write(rest.prefix(count), bytes: bytes)
                rest = rest.dropFirst(written.lines)
                report.withLock { $0.written += written.lines }
                if written.lines > 0 { noteUnsynchronised() }
                if let error = written.error { throw error }
                if options.sync == .everyRecord { try synchronise() }
            }
        } catch {
            queue.putBack(Array(rest))
            throw error
        }
    }

    // MARK: Durability

    private func noteUnsynchronised() {
        guard case .every(let interval) = options.sync, syncDue == nil else { return }
        syncDue = .now + interval
    }

    private func synchronise() throws {
        syncDue = nil
        try file?.synchronise()
    }

    private func close() throws {
        defer { file = nil }
        if options.sync != .never { try synchronise() }
    }

    // MARK: Rotation

    private var canRotate: Bool {
        guard file?.isRegular == true else { return false }
        return rotatesAfter.map { $0 <= .now } ?? true
    }

    /// The multiple of `every` that a time is in.
    private func number(of time: WallClock) -> Int {
        options.every.map { Int((time.seconds / $0.inSeconds).rounded(.down)) } ?? 0
    }

    private func rotateByTime() throws {
        guard let every = options.every, let file else { return }
        let now = number(of: clock())
        if now > period && file.size > 0 && canRotate {
            try rotate(at: WallClock(seconds: Double(period + 1) * every.inSeconds))
        }
        // Also backwards, where somebody has set the clock.
        if now != period && self.file?.size == 0 || now < period { period = now }
    }

    /// Gives the file its last name and begins the next one.
    private func rotate(at time: WallClock) throws {
        try close()
        let name = rotated.free(at: time)
        // Only this process makes such names, and holds the file's lock: nothing can come to stand there meanwhile.
        if rename(path, name) == 0 {
            rotatesAfter = nil
            tell(.rotated, "went on to a new file; the last one is \(name)")
            if let keep = options.keep { rotated.removeAll(but: keep) }
        } else {
            // Better one file that is too long than lines that are lost.
            rotatesAfter = .now + .seconds(60)
            let message = "cannot rename the file to \(name): \(systemReason(errno)); it goes on"
            report.withLock { $0.lastError = message }
            tell(.failed, message)
        }
        try use(open())
    }

    /// When there is something to do even if no record comes.
    private func nextTime() -> ContinuousClock.Instant? {
        var times = [syncDue].compactMap { $0 }
        if let every = options.every, let file, file.size > 0 {
            let wait = Double(period + 1) * every.inSeconds - clock().seconds
            // The wall clock may be set meanwhile, so it is looked at every minute.
            times.append(max(.now + .seconds(min(max(wait, 0), 60)), rotatesAfter ?? .now))
        }
        return times.min()
    }

    // MARK: Faults

    private func recover() {
        guard failures > 0 else { return }
        failures = 0
        queue.setWorking(true)
        report.withLock { $0.state = .running }
        tell(.recovered, "works again")
    }

    /// Waits before the next attempt.
    ///
    /// - Returns: False where there is no use in another one.
    private func pause(after error: any Error, deadline: ContinuousClock.Instant?) -> Bool {
        failures += 1
        let message = "\(error)"
        let isOver = path == "-"
        let isNews = report.withLock { report in
            defer {
                report.state = isOver ? .failed : .waiting
                report.lastError = message
            }
            return report.state == .running || report.lastError != message
        }
        queue.setWorking(false)
        if isNews { tell(.failed, isOver ? message : "\(message); trying again until it works") }
        // Standard output does not come back.
        if isOver { return false }
        // What the file had is whole lines; it is opened anew, since its disk or folder may be another one by then.
        file = nil
        let wait = backoff.delay(afterFailures: failures, using: &generator)
        guard let deadline else {
            queue.pause(until: .now + wait)
            return true
        }
        guard deadline > .now else { return false }
        queue.pause(until: min(.now + min(wait, .milliseconds(200)), deadline))
        return true
    }

    private func end() {
        queue.finish(by: .now)
        queue.dropAll()
        do { try close() } catch {
            let message = "\(error)"
            report.withLock { $0.lastError = message }
            tell(.failed, message)
        }
        report.withLock { $0.state = .failed }
        let lost = queue.dropped
        tell(.closed, lost == 0 ? "closed" : "closed; \(lost) records were lost in all")
    }

    private func tell(_ kind: OutputEvent.Kind, _ message: String) {
        onEvent(OutputEvent(output: name, kind: kind, message: message))
    }
}
