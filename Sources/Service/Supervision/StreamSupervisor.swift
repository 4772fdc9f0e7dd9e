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
    var lastError: String? { shared.withLock { $0.lastError } }
    var restarts: Int { shared.withLock { $0.restarts } }
    var stageMetrics: [StageMetrics] { shared.withLock { $0.pipeline }?.metrics ?? [] }
    var liveSource: LiveSource? { source as? LiveSource }
    var frameInterval: Double? { source.frameInterval }

    /// Items that found no room, by the stage that would have taken them.
    var drops: [(stage: String, count: Int)] {
        let (earlier, stages) = shared.withLock { ($0.earlierDrops, $0.pipeline?.metrics ?? []) }
        return Self.drops(stages).map { (stage: $0.key, count: $0.value + (earlier[$0.key] ?? 0)) }
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
    /// The source is left out while it connects or waits, which its own time-outs bound.
    var progress: [ProgressMonitor.Sample] {
        let waits = liveSource.map { $0.status.state != .running } ?? false
        let stages = stageMetrics.filter { !($0.name == "decode" && waits) }.map { stage in
            ProgressMonitor.Sample(
                part: "\(plan.name)/\(stage.name)",
                isBusy: stage.busySince != nil || (stage.queueDepth > 0 && !stage.isWaitingForTurn),
                progress: stage.itemsIn + stage.itemsOut)
        }
        let outputs = outputs.records.map { output in
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
                    shared.state = .running
                    return shared.stopping
                }
                if stopping != nil { pipeline.endSource() }
                started = ContinuousClock.now
                let outcome = try await pipeline.run()
                return end(reason: outcome == .finished ? "the source has ended" : "stopped", state: .ended)
            } catch {
                if let reason = shared.withLock({ $0.stopping }) { return end(reason: reason, state: .ended) }
                let reason = "\(error)"
                shared.withLock { $0.lastError = reason }
                guard plan.isEndless else { return end(reason: reason, state: .failed(reason: reason)) }
                outputs.publish(.error(stream: plan.name, time: WallClock.now.rfc3339, message: reason))
                failures = ContinuousClock.now - started > .seconds(60) ? 1 : failures + 1
                let delay = backoff.delay(afterFailures: failures, using: &generator)
                limiter.log(
                    logger, .error, key: "\(plan.name) pipeline", "stream failed, starts again",
                    metadata: ["reason": "\(reason)", "retry_in": "\(delay)"])
                shared.withLock { shared in
                    shared.state = .waiting
                    shared.restarts += 1
                    shared.earlierDrops.merge(Self.drops(shared.pipeline?.metrics ?? [])) { $0 + $1 }
                    shared.pipeline = nil
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

    private func end(reason: String, state: State) {
        let reason = shared.withLock { $0.stopping } ?? reason
        outputs.publish(.end(stream: plan.name, time: WallClock.now.rfc3339, reason: reason))
        shared.withLock { shared in
            shared.state = state
            shared.since = .now
            shared.pipeline = nil
        }
    }
}
