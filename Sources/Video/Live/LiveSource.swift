import Instances

/// Gives a source's frames for as long as anybody wants them: what breaks off is opened again, as often as it takes.
///
/// Frames are numbered through, and their times strictly increase over all connections: those of the first connection are the
/// source's own, later ones go on from the last by the time that has passed. Files and other things that have an end are read
/// once, or looped; what is wrong with them is thrown, since waiting mends no file.
// Sendable: `next` is called by one thread at a time; everything else only touches what is locked or immutable.
public final class LiveSource: FrameSource, @unchecked Sendable {
    public let address: SourceAddress

    private let options: Options
    private let onEvent: @Sendable (Event) -> Void
    private let interrupter = Interrupter()
    private let shared = Locked(Status())
    private let isLive: Bool
    private let pace: Pace

    private var connection: VideoSource?
    private var generator: any RandomNumberGenerator & Sendable
    private var timeline: Timeline
    private var pacer = Pacer()
    private var count = 0
    /// How the next frame follows the last.
    private var step = Timeline.Step.next
    /// Failures since frames last came for a while.
    private var failures = 0
    /// When the present connection's first frame came.
    private var healthySince: ContinuousClock.Instant?
    /// Whether the present connection has given a frame.
    private var hasFrames = false
    private var hasEnded = false
    /// Whether what is reached over the network has an end; known with the first connection, since a live stream whose server closes it
    /// in order leaves a last list that looks like a recording.
    private var isStored: Bool?
    /// What `next` has thrown, and goes on to throw.
    private var failure: (any Error)?
    /// What earlier connections have lost.
    private var earlierLosses = Status.Losses()

    private static let start = ContinuousClock.now

    /// Connects at the first `next`.
    ///
    /// - Parameters:
    ///   - address: Anything but `test:shapes`.
    ///   - options: How to connect, to wait and to try again.
    ///   - onEvent: Told what happens, on the thread that calls `next`.
    public init(
        _ address: SourceAddress, options: Options = Options(), onEvent: @escaping @Sendable (Event) -> Void = { _ in }
    ) {
        self.address = address
        self.options = options
        self.onEvent = onEvent
        isLive = address.isLive
        generator = options.generator
        timeline = Timeline(isLive: isLive)
        if case .pattern = address.kind { pace = options.pace ?? .native } else { pace = options.pace ?? .asFast }
    }

    /// How the source is doing; from any thread.
    public var status: Status { shared.withLock { $0 } }

    /// Ends any wait inside `next`, which then throws `VideoError.interrupted`, and every later call; from any thread.
    ///
    /// Only the look-up of a host's name has to end by itself.
    public func interrupt() { interrupter.interrupt() }

    /// How long `next` may wait for a frame of a connection; nil where there is no bound, since whoever writes into a pipe may pause.
    public var longestWait: Duration? {
        // A file's frames wait for their time.
        address.isPipe ? nil : isLive ? options.readTimeout : Pacer.longest
    }

    /// Takes an interruption back: the next frame is had from a new connection where the last one was cut off.
    ///
    /// - Throws: What `next` has thrown and trying again cannot mend.
    public func resume() throws {
        if let failure {
            guard case VideoError.interrupted = failure else { throw failure }
            self.failure = nil
            step = stepAfterBreak
        }
        interrupter.reset()
    }

    /// The next frame, waiting and reconnecting where need be; nil at the end of what has one.
    ///
    /// - Throws: `VideoError`: what trying again cannot mend, the last failure where `Options.attempts` are used up, and
    ///   `.interrupted`.
    public func next() throws -> VideoFrame? {
        if let failure { throw failure }
        do {
            while !hasEnded {
                if interrupter.isInterrupted { throw VideoError.interrupted(input: address.redacted) }
                do {
                    let connection = try connection ?? connect()
                    if let frame = try connection.next() { return try deliver(frame, from: connection) }
                    try finish(connection)
                } catch let error as VideoError {
                    try handle(error)
                }
            }
            return nil
        } catch {
            close()
            failure = error
            shared.withLock { status in
                status.state = .ended
                if case VideoError.interrupted = error { return }
                status.lastError = "\(error)"
            }
            throw error
        }
    }

    private func connect() throws -> VideoSource {
        shared.withLock { $0.state = .connecting }
        onEvent(.connecting(attempt: failures + 1))
        let opened = try VideoSource(
            address, credentials: options.credentials,
            options: options.sourceOptions(for: address, interrupter: interrupter))
        connection = opened
        hasFrames = false
        isStored = isStored ?? (address.mayBeStored && opened.information.duration != nil)
        shared.withLock { status in
            status.state = .running
            status.information = opened.information
            if step == .reconnected { status.reconnects += 1 }
        }
        onEvent(.connected(opened.information))
        return opened
    }

    private func deliver(_ frame: VideoFrame, from connection: VideoSource) throws -> VideoFrame {
        let now = ContinuousClock.now
        hasFrames = true
        let since = healthySince ?? now
        healthySince = since
        if now - since >= options.healthyAfter { failures = 0 }
        let place = timeline.place(
            frame.timestamp, duration: frame.duration, at: now - Self.start, step: step)
        step = .next
        var captureTime = frame.captureTime
        if pace == .native {
            guard interrupter.wait(until: pacer.moment(for: place.timestamp.seconds, now: now)) else {
                throw VideoError.interrupted(input: address.redacted)
            }
            captureTime = .now
        }
        let number = count
        count += 1
        let report = connection.report
        shared.withLock { status in
            status.frames = number + 1
            status.lastFrame = captureTime
            status.losses.framesCorrupt = earlierLosses.framesCorrupt + report.framesCorrupt
            status.losses.packetsLost = earlierLosses.packetsLost + report.packetsLost
        }
        return try frame.placed(
            number: number, timestamp: place.timestamp, duration: place.duration, captureTime: captureTime)
    }

    /// Deals with a connection that has come to its end.
    private func finish(_ connection: VideoSource) throws {
        guard hasEnd(connection) else {
            throw VideoError.readFailed(input: address.redacted, reason: "the source has ended the stream")
        }
        close()
        if options.loop && address.kind != .standardInput && hasFrames {
            step = .looped
            return
        }
        hasEnded = true
        shared.withLock { $0.state = .ended }
        onEvent(.ended)
    }

    /// Whether what has ended was all there is.
    private func hasEnd(_ connection: VideoSource) -> Bool {
        switch address.kind {
        case .standardInput, .pattern: true
        case .url:
            // A length in the header is what tells a recording from a live stream.
            !isLive || (isStored == true && connection.information.duration != nil && !connection.report.isTruncated)
        default: !isLive
        }
    }

    /// Waits for the next attempt, or throws on what no attempt will mend.
    private func handle(_ error: VideoError) throws {
        switch error {
        case .interrupted, .badAddress: throw error
        default: break
        }
        close()
        switch address.kind {
        // What standard input has given cannot be had again, and a graph that is refused once always is.
        case .standardInput, .pattern, .shapes: throw error
        // A file that is read again and again may be missing while it is replaced.
        default: guard isLive || (options.loop && count > 0) else { throw error }
        }
        failures += 1
        if let attempts = options.attempts, failures >= attempts { throw error }
        step = stepAfterBreak
        let delay = options.backoff.delay(afterFailures: failures, using: &generator)
        let reason = "\(error)"
        shared.withLock { status in
            status.state = .waiting
            status.lastError = reason
        }
        onEvent(.lost(reason: reason, retryIn: delay))
        guard interrupter.wait(until: .now + delay) else { throw VideoError.interrupted(input: address.redacted) }
    }

    /// How the first frame of the next connection follows the last one of this.
    private var stepAfterBreak: Timeline.Step { count == 0 ? .next : isLive ? .reconnected : .looped }

    private func close() {
        if let report = connection?.report {
            earlierLosses.framesCorrupt += report.framesCorrupt
            earlierLosses.packetsLost += report.packetsLost
        }
        connection = nil
        healthySince = nil
    }
}
