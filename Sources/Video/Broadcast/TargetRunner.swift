import Locks
import Instances

/// Something that packets are written to.
protocol PacketWriter: AnyObject {
    /// Writes a packet; the first one is a keyframe, and so is the first after a change of stream.
    func write(_ packet: EncodedPacket) throws
    /// Ends properly what was written.
    func finish() throws
    /// Gives everything back after a failure, keeping what can be kept; it does not wait for anything.
    func abandon()
}

/// Keeps the books of one target.
final class TargetReporter: Sendable {
    let name: String
    private let onEvent: @Sendable (VideoBroadcast.Event) -> Void
    private let status: Locked<VideoBroadcast.TargetStatus>

    init(name: String, onEvent: @escaping @Sendable (VideoBroadcast.Event) -> Void) {
        self.name = name
        self.onEvent = onEvent
        status = Locked(VideoBroadcast.TargetStatus(name: name))
    }

    var current: VideoBroadcast.TargetStatus { status.withLock { $0 } }
    func update(_ body: (inout VideoBroadcast.TargetStatus) -> Void) { status.withLock(body) }
    func report(_ event: VideoBroadcast.Event) { onEvent(event) }
    func warn(_ message: String) { onEvent(.targetWarning(target: name, message: message)) }
}

/// One target with its queue and thread: opens it, writes to it, and after a failure opens it again.
// Sendable: `writer` and what belongs to it are only touched by the target's thread.
final class TargetRunner: @unchecked Sendable {
    let queue: PacketQueue
    let interrupter = Interrupter()
    private let target: VideoBroadcast.Target
    private let stream: String
    private let reporter: TargetReporter
    private let hasEnded = Monitor(false)

    private var writer: (any PacketWriter)?
    /// When the first packet had been written; nil while the target is closed.
    private var opened: ContinuousClock.Instant?
    private var retryAt: ContinuousClock.Instant?
    /// In a row.
    private var failures = 0
    private var generator = SystemRandomNumberGenerator()

    /// A target that has run for so long has recovered from its earlier failures.
    private static let settled = Duration.seconds(30)

    init(
        _ target: VideoBroadcast.Target, stream: String, isBlocking: Bool,
        onEvent: @escaping @Sendable (VideoBroadcast.Event) -> Void
    ) {
        self.target = target
        self.stream = stream
        reporter = TargetReporter(name: target.name, onEvent: onEvent)
        queue = PacketQueue(limits: target.queueLimits(isBlocking: isBlocking))
    }

    var status: VideoBroadcast.TargetStatus {
        var status = reporter.current
        status.queueDepth = queue.depth
        status.packetsDropped += queue.dropped
        return status
    }

    func start() throws {
        do {
            try NamedThread(name: "\(target.kind) \(stream)") { [self] in
                run()
                hasEnded.update { $0 = true }
            }
        } catch {
            hasEnded.update { $0 = true }
            throw error
        }
    }

    /// Waits until the thread has ended or the moment has come; returns whether it has ended.
    func wait(until moment: ContinuousClock.Instant) -> Bool { hasEnded.wait(until: moment) { $0 } }

    /// Gives the target up: its queue takes nothing more, and its waits for the network end.
    func abandon() {
        queue.cancel()
        interrupter.interrupt()
        reporter.update { if $0.state != .ended { $0.state = .failed } }
    }

    private func run() {
        // What an earlier process left behind is put in order even if no picture ever comes.
        prepare()
        while let packet = queue.pop() {
            guard isReady(for: packet) else {
                reporter.update { $0.packetsDropped += 1 }
                continue
            }
            do {
                let writer = try writer ?? open()
                try writer.write(packet)
                noteWritten(packet)
            } catch {
                fail(error)
            }
        }
        do {
            try writer?.finish()
            reporter.update { if $0.state != .failed { $0.state = .ended } }
        } catch {
            writer?.abandon()
            let reason = "\(error)"
            reporter.update { status in
                status.lastError = reason
                status.failures += 1
                status.state = .failed
            }
            reporter.report(.targetFailed(target: reporter.name, reason: reason, retryIn: .zero))
        }
        writer = nil
    }

    private func prepare() {
        guard case .record(let options) = target else { return }
        SegmentFolder(options, stream: stream).recover(reporter: reporter)
    }

    private func isReady(for packet: EncodedPacket) -> Bool {
        if writer != nil { return true }
        guard packet.isKey else { return false }
        return retryAt.map { $0 <= .now } ?? true
    }

    private func open() throws -> any PacketWriter {
        let writer = try target.open(stream: stream, reporter: reporter, interrupter: interrupter)
        self.writer = writer
        return writer
    }

    private func noteWritten(_ packet: EncodedPacket) {
        reporter.update { $0.bytes += packet.size }
        guard opened == nil else { return }
        opened = .now
        queue.setIdle(false)
        reporter.update { if $0.state != .failed { $0.state = .running } }
        reporter.report(.targetRunning(target: reporter.name))
    }

    private func fail(_ error: any Error) {
        writer?.abandon()
        writer = nil
        if let opened, ContinuousClock.now - opened > Self.settled { failures = 0 }
        opened = nil
        failures += 1
        let wait = target.backoff.delay(afterFailures: failures, using: &generator)
        retryAt = .now + wait
        queue.setIdle(true)
        let reason = "\(error)"
        reporter.update { status in
            status.lastError = reason
            status.failures += 1
            if status.state != .failed { status.state = .waiting(retryIn: wait) }
        }
        reporter.report(.targetFailed(target: reporter.name, reason: reason, retryIn: wait))
    }
}
