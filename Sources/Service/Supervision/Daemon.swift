import Dispatch
import Foundation
import Glibc
import Instances
import Logging
import MaskRCNN
import Outputs
import Synchronization

/// Runs all streams of a configuration on one engine until it is told to stop.
///
/// SIGHUP reads the configuration again: streams whose settings are the same go on as if nothing had happened.
public final class Daemon: Sendable {
    /// What the daemon is given from outside.
    public struct Environment: Sendable {
        /// Reads the configuration; called at the start and at every reload.
        public var load: @Sendable () throws -> ServiceConfiguration
        /// Opens a model, and says its name.
        public var open: @Sendable (ServiceConfiguration) throws -> (detector: Detector, model: String)
        /// The program and its version.
        public var program: String
        public var logger: Logger

        public init(
            load: @escaping @Sendable () throws -> ServiceConfiguration,
            open: @escaping @Sendable (ServiceConfiguration) throws -> (detector: Detector, model: String),
            program: String, logger: Logger
        ) {
            self.load = load
            self.open = open
            self.program = program
            self.logger = logger
        }
    }

    private struct State {
        var configuration: ServiceConfiguration
        var engine: SharedEngine
        var detector: Detector
        var model: String
        var streams: [StreamSupervisor] = []
        var server: StatusServer?
        var isReady = false
        /// Whether streams are being exchanged: those that have ended meanwhile are not the end.
        var isReloading = false
        var stuck: [String] = []
    }

    private let environment: Environment
    private let logger: Logger
    private let limiter = LogLimiter()
    private let notifier = SystemdNotifier()
    private let sockets: SharedSockets
    private let started = WallClock.now
    private let state: Mutex<State>

    /// How long one piece of work may take where no watchdog says it, before the daemon counts as ill.
    private static let patience = Duration.seconds(30)

    /// Reads the configuration and opens the model; nothing runs yet.
    ///
    /// - Throws: `ConfigurationError`, and what the model's opening throws.
    public init(_ environment: Environment) throws {
        self.environment = environment
        logger = environment.logger
        let configuration = try environment.load()
        for warning in configuration.warnings { logger.warning("\(warning)") }
        let (detector, model) = try environment.open(configuration)
        let (logger, limiter) = (logger, limiter)
        sockets = SharedSockets(activation: .take()) { event in
            limiter.log(
                logger, event.isFault ? .warning : .debug, key: "\(event.output) \(event.kind.rawValue)",
                "\(event.message)", metadata: ["output": "\(event.output)"])
        }
        state = Mutex(
            State(configuration: configuration, engine: try SharedEngine(detector), detector: detector, model: model))
    }

    // MARK: Running

    /// Runs until SIGTERM or SIGINT, or until all sources have come to their end.
    ///
    /// - Returns: Whether all went well: no source that has an end was broken.
    /// - Throws: What cannot be begun at the start: `ConfigurationError`, `OutputError`, `StatusServer.Failure`, ...
    public func run() async throws -> Bool {
        Self.raiseDescriptorLimit()
        let signals = ServiceSignals()
        let configuration = state.withLock { $0.configuration }
        let streams = try configuration.streams.map { try make($0) }
        state.withLock { $0.streams = streams }
        if let http = configuration.http {
            let server = try StatusServer(host: http.host, port: http.port, inspection: self, logger: logger)
            try await server.start()
            state.withLock { $0.server = server }
        }
        for stream in streams { stream.start() }
        state.withLock { $0.isReady = true }
        notifier.ready()
        logger.info(
            "running", metadata: ["streams": "\(streams.count)", "model": "\(state.withLock { $0.model })"])
        let watch = Watch(daemon: self, notifier: notifier)
        watch.start()
        defer { watch.stop() }
        let over = AsyncStream.makeStream(of: CInt.self)
        let pump = Task { for await number in signals { over.continuation.yield(number) } }
        // Zero stands for the end of all sources.
        let ends = Task {
            while !Task.isCancelled {
                if self.isOver { over.continuation.yield(0) }
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
        defer {
            pump.cancel()
            ends.cancel()
        }
        for await number in over.stream {
            if number == SIGHUP {
                await reload()
                continue
            }
            // What was over may have begun anew with a reload.
            if number == 0 && !isOver { continue }
            logger.info("stopping", metadata: ["reason": number == 0 ? "all sources have ended" : "signal \(number)"])
            break
        }
        notifier.stopping()
        await stop()
        return state.withLock { $0.streams }.allSatisfy { stream in
            if case .failed = stream.state { false } else { true }
        }
    }

    /// A thousand clients need more descriptors than the 1024 that a login gets; the hard limit is what the administrator allows.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, 1 << 16)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Whether no stream runs any more, and none may again.
    private var isOver: Bool {
        let (streams, isReloading) = state.withLock { ($0.streams, $0.isReloading) }
        return !isReloading && !streams.isEmpty
            && streams.allSatisfy { stream in
                switch stream.state {
                case .ended, .failed: true
                case .running, .waiting: false
                }
            }
    }

    private func make(_ settings: StreamSettings) throws -> StreamSupervisor {
        let (engine, detector) = state.withLock { ($0.engine, $0.detector) }
        let assembly = try assembly(settings, detector)
        return StreamSupervisor(
            plan: assembly.plan, engine: engine, source: try assembly.source(), outputs: try assembly.outputs(),
            logger: assembly.logger, limiter: limiter)
    }

    private func assembly(_ settings: StreamSettings, _ detector: Detector) throws -> StreamAssembly {
        let plan = try StreamPlan(
            settings, categories: detector.configuration.categories, program: environment.program)
        var logger = logger
        logger[metadataKey: "stream"] = "\(settings.name)"
        return StreamAssembly(plan: plan, sockets: sockets, logger: logger, limiter: limiter)
    }

    private func stop() async {
        let (streams, time, server) = state.withLock { state in
            state.isReady = false
            return (state.streams, state.configuration.stopTimeout, state.server)
        }
        await stop(streams, reason: "the service stops", within: time)
        await server?.stop()
        logger.info("stopped")
    }

    /// Stops streams at the same time, and waits no longer than that.
    private func stop(_ streams: [StreamSupervisor], reason: String, within time: Duration) async {
        let all = Task {
            await withTaskGroup(of: Void.self) { group in
                for stream in streams { group.addTask { await stream.stop(reason: reason, within: time) } }
            }
        }
        let isInTime = await finishes(all, within: time)
        if !isInTime {
            let late = streams.filter { !$0.isClosed }.map(\.plan.name).joined(separator: ", ")
            logger.error("streams did not stop in time", metadata: ["streams": "\(late)"])
        }
    }

    // MARK: Reloading

    /// Reads the configuration again and brings the streams in line with it; a wrong one changes nothing.
    private func reload() async {
        notifier.reloading()
        state.withLock { $0.isReloading = true }
        defer {
            state.withLock { $0.isReloading = false }
            notifier.ready()
        }
        let configuration: ServiceConfiguration
        do {
            configuration = try environment.load()
        } catch {
            return logger.error("the configuration was not reloaded", metadata: ["reason": "\(error)"])
        }
        for warning in configuration.warnings { logger.warning("\(warning)") }
        let old = state.withLock { $0.configuration }
        let isSameEngine =
            old.model == configuration.model && old.threads == configuration.threads
            && old.precision == configuration.precision
        do {
            let opened = isSameEngine ? nil : try environment.open(configuration)
            // What is wrong only with the model's classes, or the encoder's options, is found before anything is changed.
            let detector = opened?.detector ?? state.withLock { $0.detector }
            for settings in configuration.streams {
                let assembly = try assembly(settings, detector)
                _ = try assembly.source()
                try assembly.validateEncoding()
            }
            if let opened {
                let engine = try SharedEngine(opened.detector)
                state.withLock { state in
                    (state.engine, state.detector, state.model) = (engine, opened.detector, opened.model)
                }
            }
        } catch {
            return logger.error("the configuration was not reloaded", metadata: ["reason": "\(error)"])
        }
        let running = state.withLock { $0.streams }
        let kept = isSameEngine ? running.filter { configuration.streams.contains($0.plan.settings) } : []
        let dropped = running.filter { stream in !kept.contains { $0 === stream } }
        // Sockets that are used again stay open for those who listen.
        let holds = sockets.hold(configuration.streams.flatMap(\.outputs))
        await stop(dropped, reason: "the configuration has changed", within: configuration.stopTimeout)
        var streams: [StreamSupervisor] = []
        for settings in configuration.streams {
            if let stream = kept.first(where: { $0.plan.settings == settings }) {
                streams.append(stream)
                continue
            }
            do {
                let stream = try make(settings)
                stream.start()
                streams.append(stream)
            } catch {
                logger.error("stream not started", metadata: ["stream": "\(settings.name)", "reason": "\(error)"])
            }
        }
        holds.release()
        var logger = logger
        logger.logLevel = configuration.log.level.level
        await exchangeServer(to: configuration.http)
        state.withLock { state in
            state.streams = streams
            state.configuration = configuration
        }
        logger.info(
            "reloaded",
            metadata: ["kept": "\(kept.count)", "stopped": "\(dropped.count)", "streams": "\(streams.count)"])
    }

    /// What the server listens on is asked of itself: after a failure that is not what the last configuration said.
    private func exchangeServer(to new: ServiceConfiguration.HTTP?) async {
        let running = state.withLock { $0.server }
        let server = await StatusServer.exchange(running, for: new, inspection: self, logger: logger)
        state.withLock { $0.server = server }
    }

    // MARK: Watching

    /// What all parts are at, for the watchdog.
    var progress: [ProgressMonitor.Sample] { state.withLock { $0.streams }.flatMap(\.progress) }

    /// How long one piece of work may take.
    var patience: Duration { notifier.watchdogInterval ?? Self.patience }

    /// Notes which parts are stuck, and says so once.
    func note(stuck: [String]) {
        let before = state.withLock { state in
            defer { state.stuck = stuck }
            return state.stuck
        }
        for part in stuck where !before.contains(part) {
            logger.critical("no progress", metadata: ["part": "\(part)", "for": "\(patience)"])
        }
        for part in before where !stuck.contains(part) {
            logger.notice("progress again", metadata: ["part": "\(part)"])
        }
    }

    /// One line on how the streams are.
    var summary: String {
        let streams = state.withLock { $0.streams }
        let running = streams.filter { $0.isDelivering }.count
        let frames = streams.reduce(0) { $0 + $1.statistics.totals.inferred }
        return "\(streams.count) streams, \(running) running, \(frames) frames inferred"
    }

    var stuckParts: [String] { state.withLock { $0.stuck } }
    var engine: SharedEngine { state.withLock { $0.engine } }
    var isReadyNow: Bool { state.withLock { $0.isReady } }
    var streams: [StreamSupervisor] { state.withLock { $0.streams } }
    var modelName: String { state.withLock { $0.model } }
    var detector: Detector { state.withLock { $0.detector } }
    var startTime: WallClock { started }
    var programName: String { environment.program }
}

/// Waits for a task, but no longer than that.
func finishes(_ task: Task<Void, Never>, within time: Duration) async -> Bool {
    let (stream, continuation) = AsyncStream.makeStream(of: Bool.self)
    let waiter = Task {
        await task.value
        continuation.yield(true)
    }
    let timer = Task {
        try? await Task.sleep(for: time)
        continuation.yield(false)
    }
    defer {
        waiter.cancel()
        timer.cancel()
    }
    for await isDone in stream { return isDone }
    return false
}
