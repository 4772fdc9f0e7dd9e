import Dispatch
import Instances
import Logging
import Outputs
import Pipeline
import Synchronization
import Video

/// Keeps one stream going: makes its pipeline anew after a fault, and ends it in order when asked to.
///
/// The source reconnects by itself and the outputs recover by themselves; what comes here are the faults of the stages between.
final class StreamSupervisor: Sendable {
    /// How a stream is.
    enum State: Sendable, Equatable {
        case running
        /// A fault stopped the pipeline, which starts again soon.
        case waiting
        /// The source has come to its end, or the stream was stopped.
        case ended
        /// A fault that trying again cannot mend.
        case failed(reason: String)
    }

    let plan: StreamPlan
    let statistics = StreamStatistics()
    let view: LiveView
    let outputs: LiveOutputs

    private struct Shared {
        var state = State.running
        var since = WallClock.now
        var lastError: String?
        /// Frames that had been decoded when it came.
        var framesAtError = 0
        var restarts = 0
        /// Those of pipelines that are no more.
        var earlierDrops: [String: Int] = [:]
        var pipeline: StreamPipeline?
        var run: Task<Void, Never>?
        var pause: Task<Void, Never>?
        /// Why the stream is to end; nil while it is not.
        var stopping: String?
        var isClosed = false
    }

    private let shared = Mutex(Shared())
    private let engine: SharedEngine
    private let source: any FrameSource
    private let logger: Logger
    private let limiter: LogLimiter

    init(
        plan: StreamPlan, engine: SharedEngine, source: any FrameSource, outputs: LiveOutputs, logger: Logger,
        limiter: LogLimiter
    ) {
        self.plan = plan
        self.engine = engine
        self.source = source
        self.outputs = outputs
        view = outputs.view
        self.logger = logger
        self.limiter = limiter
    }

    var state: State { shared.withLock { $0.state } }
    var since: WallClock { shared.withLock { $0.since } }
    /// What went wrong, until frames come again.
    var lastError: String? {
        let decoded = statistics.totals.decoded
        return shared.withLock { $0.state == .running && decoded > $0.framesAtError ? nil : $0.lastError }
    }
    var restarts: Int { shared.withLock { $0.restarts } }
    var stageMetrics: [StageMetrics] { shared.withLock { $0.pipeline }?.metrics ?? [] }
    var liveSource: LiveSource? { source as? LiveSource }
    var frameInterval: Double? { source.frameInterval }

    /// Items that found no room, by the stage that would have taken them.
    var drops: [(stage: String, count: Int)] {
        let (earlier, stages) = shared.withLock { ($0.earlierDrops, $0.pipeline?.metrics ?? []) }
        return Self.drops(stages).merging(earlier) { $0 + $1 }.map { (stage: $0.key, count: $0.value) }
            .sorted { $0.stage < $1.stage }
    }

    private static func drops(_ stages: [StageMetrics]) -> [String: Int] {
        Dictionary(zip(stages.dropFirst(), stages).map { ($0.name, $1.dropped) }) { $0 + $1 }
    }

    /// Begins; returns at once.
    func start() {
        let run = Task { await self.run() }
        shared.withLock { $0.run = run }
    }

    /// Ends the source; frames on the way go through, and the outputs end in order.
    ///
    /// - Parameter time: After most of it what is still on the way is thrown away, so that the outputs can end.
    func stop(reason: String, within time: Duration) async {
        let (pipeline, pause, run) = shared.withLock { shared in
            shared.stopping = shared.stopping ?? reason
            return (shared.pipeline, shared.pause, shared.run)
        }
        pause?.cancel()
        if let pipeline { pipeline.endSource() } else { source.interrupt() }
        guard let run else { return }
        let cut = Task {
            try await Task.sleep(for: time * 0.5)
            self.shared.withLock { $0.pipeline }?.cancel()
        }
        await run.value
        cut.cancel()
        await outputs.close(within: time * 0.4)
        shared.withLock { $0.isClosed = true }
    }

    /// Whether the stream was stopped and its outputs have ended.
    var isClosed: Bool { shared.withLock { $0.isClosed } }

    /// Whether frames come.
    var isDelivering: Bool {
        guard state == .running else { return false }
        return liveSource.map { $0.status.state == .running } ?? true
    }

    /// What the stream's stages and outputs are at.
    ///
    /// The source is left out while it connects or waits, which its own time-outs bound, and where nothing bounds its waits. So are
    /// outputs of records that lose their oldest rather than hold anybody up: who reads a pipe may pause.
    var progress: [ProgressMonitor.Sample] {
        let source = liveSource
        let waits = source.map { $0.status.state != .running || $0.longestWait == nil } ?? false
        let stages = stageMetrics.filter { !($0.name == "decode" && waits) }.map { stage in
            ProgressMonitor.Sample(
                part: "\(plan.name)/\(stage.name)",
                isBusy: stage.busySince != nil || (stage.queueDepth > 0 && !stage.isWaitingForTurn),
                progress: stage.itemsIn + stage.itemsOut,
                limit: stage.name == "decode" ? (source?.longestWait ?? .zero) + .seconds(10) : .zero)
        }
        let isHeldUp = plan.configuration.policy == .everyFrame
        let outputs = (isHeldUp ? outputs.records : []).map { output in
            let status = output.status
            return ProgressMonitor.Sample(
                part: output.name, isBusy: status.state == .running && status.clients == 0 && status.queueDepth > 0,
                progress: status.recordsWritten + status.recordsDropped)
        }
        return stages + outputs + self.outputs.broadcastProgress
    }

    private func run() async {
        let backoff = Backoff(initial: .seconds(1), maximum: .seconds(60))
        var failures = 0
        var generator = SystemRandomNumberGenerator()
        outputs.publish(.hello(plan.hello))
        var started = ContinuousClock.now
        while true {
            do {
                let pipeline = try StreamPipeline(
                    source: source, engine: engine, configuration: plan.configuration, sink: outputs,
                    statistics: statistics)
                let stopping = shared.withLock { shared in
                    shared.pipeline = pipeline
                    (shared.state, shared.since) = (.running, .now)
                    return shared.stopping
                }
                if stopping != nil { pipeline.endSource() }
                started = ContinuousClock.now
                let outcome = try await pipeline.run()
                if let reason = statistics.totals.brokenOff {
                    return end(reason: reason, state: .failed(reason: reason))
                }
                return end(reason: outcome == .finished ? "the source has ended" : "stopped", state: .ended)
            } catch {
                if let reason = shared.withLock({ $0.stopping }) { return end(reason: reason, state: .ended) }
                let reason = "\(error)"
                retirePipeline(lastError: reason)
                // The pipeline has interrupted the source when it stopped; one that has failed by itself stays so.
                guard plan.isEndless, (try? source.resume()) != nil else {
                    return end(reason: reason, state: .failed(reason: reason))
                }
                outputs.publish(.error(stream: plan.name, time: WallClock.now.rfc3339, message: reason))
                failures = ContinuousClock.now - started > .seconds(60) ? 1 : failures + 1
                let delay = backoff.delay(afterFailures: failures, using: &generator)
                limiter.log(
                    logger, .error, key: "\(plan.name) pipeline", "stream failed, starts again",
                    metadata: ["reason": "\(reason)", "retry_in": "\(delay)"])
                shared.withLock { shared in
                    (shared.state, shared.since) = (.waiting, .now)
                    shared.restarts += 1
                }
                await pause(for: delay)
            }
        }
    }

    private func pause(for delay: Duration) async {
        let pause = Task { _ = try? await Task.sleep(for: delay) }
        let isStopping = shared.withLock { shared in
            shared.pause = pause
            return shared.stopping != nil
        }
        if isStopping { pause.cancel() }
        await pause.value
    }

    /// Lets go of a pipeline that has stopped, and keeps its counts.
    private func retirePipeline(lastError: String? = nil) {
        let decoded = statistics.totals.decoded
        shared.withLock { shared in
            if let lastError { (shared.lastError, shared.framesAtError) = (lastError, decoded) }
            shared.earlierDrops.merge(Self.drops(shared.pipeline?.metrics ?? [])) { $0 + $1 }
            shared.pipeline = nil
        }
    }

    private func end(reason: String, state: State) {
        let stopping = shared.withLock { $0.stopping }
        let reason = stopping ?? reason
        if case .failed = state, stopping == nil {
            logger.error("stream failed", metadata: ["reason": "\(reason)"])
            outputs.publish(.error(stream: plan.name, time: WallClock.now.rfc3339, message: reason))
            retirePipeline(lastError: reason)
        } else {
            logger.info("stream ended", metadata: ["reason": "\(reason)"])
            retirePipeline()
        }
        outputs.publish(.end(stream: plan.name, time: WallClock.now.rfc3339, reason: reason))
        shared.withLock { ($0.state, $0.since) = (state, .now) }
    }
}
