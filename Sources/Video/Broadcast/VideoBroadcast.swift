import Locks
import Instances

/// Encodes a stream's pictures once and hands the packets to any number of targets: recordings, HLS folders, servers.
///
/// Each target has a thread and a bounded queue of its own. What it cannot take in time is dropped up to the next keyframe and
/// counted; when it fails it is opened again, for ever, and the others go on. Pictures keep their times, in ticks of 1/90000 s. Where
/// their size changes, or their time goes back, a new encoder begins, and with it a new file, a discontinuity in the playlist, a
/// new connection. Pictures with an odd side lose its last column or row to 4:2:0.
public final class VideoBroadcast: Sendable {
    /// The stream's name, as the recorded files have it.
    public let stream: String
    private let queue: PictureQueue
    private let counts: Locked<Status>
    private let runners: [TargetRunner]
    private let hasEnded = Monitor(false)

    /// Finds out whether there could be such a broadcast, without making one.
    ///
    /// - Throws: What the initialiser would throw.
    public static func validate(_ options: Options, targets: [Target], label: String) throws {
        for target in targets { try target.validate() }
        _ = try BroadcastEncoder(options, targets: targets, label: label)
    }

    /// Checks the options and starts the threads; targets are opened with the first picture.
    ///
    /// - Parameters:
    ///   - stream: A name for files, threads and messages.
    ///   - onEvent: Called by the broadcast's threads; not to wait for anything.
    /// - Throws: `VideoError.unknownCodec`, `.noEncoder`, `.unknownPreset`, `.qualityOutOfRange`, `.refused`.
    public init(
        stream: String, options: Options = Options(), targets: [Target],
        onEvent: @escaping @Sendable (Event) -> Void = { _ in }
    ) throws {
        for target in targets { try target.validate() }
        precondition(options.pictures > 0, "a queue holds at least one picture")
        let loop = try EncoderLoop(
            BroadcastEncoder(options, targets: targets, label: stream), pictures: PictureQueue(options),
            targets: targets.map {
                TargetRunner($0, stream: stream, isBlocking: options.policy == .block, onEvent: onEvent)
            }, onEvent: onEvent)
        self.stream = stream
        (queue, counts, runners) = (loop.pictures, loop.counts, loop.targets)
        do {
            for runner in runners { try runner.start() }
            try NamedThread(name: "enc \(stream)") { [hasEnded] in
                loop.run()
                hasEnded.update { $0 = true }
            }
        } catch {
            abandonAll()
            throw error
        }
    }

    deinit { abandonAll() }

    private func abandonAll() {
        queue.cancel()
        for runner in runners { runner.abandon() }
    }

    /// Puts a picture into the encoder's queue; nothing may draw on it afterwards. By one thread at a time.
    ///
    /// Under `.newestWins` it never waits. Without effect after `finish`.
    ///
    /// - Parameter capturedAt: When the picture was taken; the recording's files are aligned to it.
    public func write(_ picture: DrawablePicture, capturedAt: WallClock = .now) {
        queue.push(picture, capturedAt: capturedAt)
    }

    /// Encodes what waits, ends every target properly, and returns.
    ///
    /// - Parameter limit: What has not ended by then is abandoned: its connections end, its thread ends when the system lets it. A
    ///   recording keeps its `.part` name until the next start.
    /// - Returns: The names of the targets that were abandoned.
    @discardableResult
    public func finish(within limit: Duration) -> [String] {
        let end = ContinuousClock.now + limit
        queue.finish()
        _ = hasEnded.wait(until: end) { $0 }
        var abandoned: [String] = []
        for runner in runners where !runner.wait(until: end) {
            runner.abandon()
            abandoned.append(runner.status.name)
        }
        queue.cancel()
        return abandoned
    }

    /// What has been done so far; from any thread.
    public var status: Status {
        var status = counts.withLock { $0 }
        (status.queueDepth, status.picturesDropped) = (queue.depth, status.picturesDropped + queue.dropped)
        status.targets = runners.map(\.status)
        return status
    }
}

/// The pictures that wait for the encoder.
final class PictureQueue: Sendable {
    typealias Element = (picture: DrawablePicture, capturedAt: WallClock)

    private struct State {
        var pictures: [Element] = []
        var dropped = 0
        var isOpen = true
    }

    private let capacity: Int
    private let isBlocking: Bool
    private let monitor = Monitor(State())

    init(_ options: VideoBroadcast.Options) {
        capacity = options.pictures
        isBlocking = options.policy == .block
    }

    var depth: Int { monitor.withLock { $0.pictures.count } }
    var dropped: Int { monitor.withLock { $0.dropped } }

    func push(_ picture: DrawablePicture, capturedAt: WallClock) {
        // What makes room is released after the lock.
        let _: Element? = monitor.update(when: { !isBlocking || !$0.isOpen || $0.pictures.count < capacity }) { state in
            guard state.isOpen else { return nil }
            var oldest: Element?
            if state.pictures.count >= capacity {
                oldest = state.pictures.removeFirst()
                state.dropped += 1
            }
            state.pictures.append((picture, capturedAt))
            return oldest
        }
    }

    /// Takes the oldest picture; waits for one. Nil where no more will come.
    func pop() -> Element? {
        monitor.update(when: { !$0.pictures.isEmpty || !$0.isOpen }) { state in
            state.pictures.isEmpty ? nil : state.pictures.removeFirst()
        }
    }

    /// Closes the entrance; what is inside can still be taken.
    func finish() { monitor.update { $0.isOpen = false } }

    /// Closes both ends.
    func cancel() {
        let _: [Element] = monitor.update { state in
            state.isOpen = false
            defer { state.pictures = [] }
            return state.pictures
        }
    }
}

/// What the encoder's thread does.
// Sendable: everything that changes is touched by that thread only, or locks itself.
private final class EncoderLoop: @unchecked Sendable {
    let pictures: PictureQueue
    let targets: [TargetRunner]
    let counts = Locked(VideoBroadcast.Status())
    private let encoder: BroadcastEncoder
    private let onEvent: @Sendable (VideoBroadcast.Event) -> Void
    private let backoff = Backoff(initial: .seconds(1))
    private var generator = SystemRandomNumberGenerator()
    private var failures = 0
    private var retryAt: ContinuousClock.Instant?

    init(
        _ encoder: BroadcastEncoder, pictures: PictureQueue, targets: [TargetRunner],
        onEvent: @escaping @Sendable (VideoBroadcast.Event) -> Void
    ) {
        self.encoder = encoder
        self.pictures = pictures
        self.targets = targets
        self.onEvent = onEvent
    }

    func run() {
        while let (picture, capturedAt) = pictures.pop() {
            if let retryAt, retryAt > .now {
                counts.withLock { $0.picturesDropped += 1 }
                continue
            }
            do {
                try encoder.encode(picture, capturedAt: capturedAt, to: give)
                counts.withLock { counts in
                    counts.picturesEncoded += 1
                    counts.encoderError = nil
                }
                (retryAt, failures) = (nil, 0)
            } catch {
                fail(error)
            }
        }
        do { try encoder.finish(to: give) } catch { fail(error) }
        for target in targets { target.queue.finish() }
    }

    private func give(_ packet: EncodedPacket) {
        for target in targets { target.queue.push(packet) }
    }

    private func fail(_ error: any Error) {
        failures += 1
        let wait = backoff.delay(afterFailures: failures, using: &generator)
        retryAt = .now + wait
        counts.withLock { counts in
            counts.picturesDropped += 1
            counts.encoderError = "\(error)"
        }
        onEvent(.encoderFailed(reason: "\(error)", retryIn: wait))
    }
}
