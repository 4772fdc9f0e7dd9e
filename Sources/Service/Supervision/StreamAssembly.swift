import Instances
import Logging
import Outputs
import Video

/// Makes a stream's source and outputs from its plan.
struct StreamAssembly {
    let plan: StreamPlan
    let sockets: SharedSockets
    let logger: Logger
    let limiter: LogLimiter

    /// - Throws: `VideoError` for parameters of `test:shapes` that it does not have.
    func source() throws -> any FrameSource {
        let settings = plan.settings.source
        if case .shapes(let parameters) = plan.address.kind {
            return ShapesSource(try ShapesSource.Parameters(parameters))
        }
        var options = LiveSource.Options()
        options.transport = [.auto: .automatic, .tcp: .tcp, .udp: .udp][settings.transport] ?? .automatic
        options.openTimeout = settings.openTimeout
        options.readTimeout = settings.readTimeout
        options.backoff = Self.backoff(settings.reconnect)
        options.attempts = settings.reconnect.attempts
        options.pace = settings.nativeRate ? .native : nil
        options.loop = settings.loop
        options.formatOptions = settings.options
        options.credentials = settings.credentials.video
        options.camera.format = settings.camera.format
        if let width = settings.camera.width, let height = settings.camera.height {
            options.camera.size = .init(width: width, height: height)
        }
        options.camera.rate = settings.camera.rate.map { Rational(Int32(($0 * 1000).rounded()), 1000) }
        // One decoder's threads would take the processors from all other streams.
        options.threads = 1
        let (logger, limiter, name) = (logger, limiter, plan.name)
        let source = plan.address.redacted
        return LiveSource(plan.address, options: options) { event in
            switch event {
            case .connecting: break
            case .connected(let information):
                limiter.clear(key: "\(name) source")
                logger.info(
                    "source connected",
                    metadata: [
                        "source": "\(source)", "codec": "\(information.codecName)",
                        "size": "\(information.width)x\(information.height)",
                    ])
            case .lost(let reason, let retryIn):
                limiter.log(
                    logger, .warning, key: "\(name) source", "source lost, connecting again",
                    metadata: ["source": "\(source)", "reason": "\(reason)", "retry_in": "\(retryIn)"])
            case .ended: logger.info("source ended", metadata: ["source": "\(source)"])
            }
        }
    }

    static func backoff(_ settings: StreamSettings.Reconnect) -> Backoff {
        Backoff(initial: min(settings.initial, settings.maximum), maximum: settings.maximum)
    }

    /// - Throws: `OutputError` for a socket that cannot be made, `VideoError` for an encoder that there is not. No output is left open.
    func outputs() throws -> LiveOutputs {
        var records: [any RecordOutput] = []
        do {
            for output in plan.settings.outputs {
                if let output = try record(output) { records.append(output) }
            }
            let targets = targets
            let broadcast =
                try targets.isEmpty
                ? nil
                : VideoBroadcast(
                    stream: plan.name, options: encoding, targets: targets, onEvent: broadcastLogged)
            let pushes = plan.settings.outputs.compactMap { output -> Duration? in
                if case .push(let settings) = output { settings.timeout } else { nil }
            }
            return LiveOutputs(
                records: records, broadcast: broadcast, view: LiveView(), tellsFrames: plan.settings.frames,
                longestWrite: pushes.max() ?? .zero)
        } catch {
            for output in records { output.finish(within: .zero) }
            throw error
        }
    }

    /// Finds out whether the video outputs can be encoded as asked, without making any.
    ///
    /// - Throws: `VideoError`.
    func validateEncoding() throws {
        if !targets.isEmpty { try VideoBroadcast.validate(encoding, targets: targets, label: plan.name) }
    }

    /// An output of records; nil for one of video.
    private func record(_ output: StreamOutput) throws -> (any RecordOutput)? {
        switch output {
        case .socket(let settings): return try sockets.socket(settings, hello: plan.hello)
        case .json(let settings):
            var options = RotatingJSONLines.Options()
            options.maxSize = settings.rotateSize
            options.every = settings.rotateEvery
            options.keep = settings.keep
            switch settings.sync {
            case .never: options.sync = .never
            case .always: options.sync = .everyRecord
            case .every(let interval): options.sync = .every(interval)
            }
            options.policy = plan.configuration.policy == .everyFrame ? .block : .newestWins
            return try RotatingJSONLines(path: settings.path, options: options, onEvent: logged)
        case .mqtt(let settings):
            return try MQTTOutput(stream: plan.name, options: Self.options(settings, plan: plan), onEvent: logged)
        case .record, .hls, .push: return nil
        }
    }

    private var targets: [VideoBroadcast.Target] {
        plan.settings.outputs.compactMap { output in
            switch output {
            case .socket, .json, .mqtt: nil
            case .record(let settings):
                .record(
                    .init(
                        directory: settings.directory, segment: settings.segment, keep: settings.keep,
                        maxSize: settings.maximumSize))
            case .hls(let settings):
                .hls(.init(directory: settings.directory, segment: settings.segment, window: settings.window))
            case .push(let settings):
                .push(
                    .init(
                        url: settings.url, credentials: settings.credentials.video, timeout: settings.timeout,
                        backoff: Self.backoff(settings.reconnect)))
            }
        }
    }

    private var encoding: VideoBroadcast.Options {
        let encoding = plan.settings.encoding
        var options = VideoBroadcast.Options()
        options.codec = encoding.codec
        options.quality = encoding.quality
        options.preset = encoding.preset
        options.policy = plan.configuration.policy == .everyFrame ? .block : .newestWins
        return options
    }

    /// Writes the video outputs' events to the log, repeating ones seldom.
    private var broadcastLogged: @Sendable (VideoBroadcast.Event) -> Void {
        let (logger, limiter, name) = (logger, limiter, plan.name)
        return { event in
            switch event {
            case .targetFailed(let target, let reason, let retryIn):
                limiter.log(
                    logger, .error, key: "\(name) \(target)", "output failed, tries again",
                    metadata: ["output": "\(target)", "reason": "\(reason)", "retry_in": "\(retryIn)"])
            case .targetRunning(let target):
                limiter.clear(key: "\(name) \(target)")
                logger.info("output running", metadata: ["output": "\(target)"])
            case .targetWarning(let target, let message):
                limiter.log(
                    logger, .warning, key: "\(name) \(target) warning", "\(message)",
                    metadata: ["output": "\(target)"])
            case .encoderFailed(let reason, let retryIn):
                limiter.log(
                    logger, .error, key: "\(name) encoder", "encoder failed, tries again",
                    metadata: ["reason": "\(reason)", "retry_in": "\(retryIn)"])
            case .segment(let path, _, let duration, let bytes):
                logger.debug(
                    "segment finished",
                    metadata: ["path": "\(path)", "duration": "\(duration)", "bytes": "\(bytes)"])
            case .recovered(let path, let bytes):
                logger.notice(
                    "segment of an earlier run recovered", metadata: ["path": "\(path)", "bytes": "\(bytes)"])
            case .removed(let path): logger.debug("segment removed", metadata: ["path": "\(path)"])
            }
        }
    }

    private static func options(_ settings: StreamOutput.MQTT, plan: StreamPlan) -> MQTTOptions {
        var tls: MQTTOptions.TLS?
        if let given = settings.tls {
            var options = MQTTOptions.TLS()
            (options.caFile, options.certificate, options.key) = (given.ca, given.certificate, given.key)
            tls = options
        }
        var options = MQTTOptions(host: settings.host, port: settings.port, stream: plan.name, tls: tls)
        options.topic = settings.topic
        options.qualityOfService = settings.qos
        options.clientID = settings.clientID ?? options.clientID
        options.username = settings.credentials.username
        options.password = settings.credentials.password?.reveal()
        options.keepAlive = settings.keepalive
        options.queue = QueueLimit(records: settings.queue, bytes: settings.queueSize)
        return options
    }

    /// Writes an output's events to the log, repeating ones seldom.
    private var logged: @Sendable (OutputEvent) -> Void {
        let (logger, limiter) = (logger, limiter)
        return { event in
            let level: Logger.Level = event.isFault ? (event.kind == .failed ? .error : .warning) : .info
            let key = "\(event.output) \(event.kind.rawValue)"
            if event.kind == .recovered { limiter.clear(key: "\(event.output) failed") }
            limiter.log(logger, level, key: key, "\(event.message)", metadata: ["output": "\(event.output)"])
        }
    }
}

extension Credentials {
    /// For FFmpeg; nil where there are none.
    var video: Video.Credentials? {
        isEmpty ? nil : Video.Credentials(username: username ?? "", password: password?.reveal() ?? "")
    }
}

extension ShapesSource.Parameters {
    /// - Throws: `VideoError.badAddress` for parameters that there are not.
    init(_ parameters: [String: String]) throws {
        self.init()
        for (name, value) in parameters {
            let number = UInt64(value)
            switch name {
            case "size":
                let sides = value.split(separator: "x").compactMap { Int($0) }
                guard sides.count == 2, sides.allSatisfy({ (16...4096).contains($0) }) else {
                    throw Self.bad("size is '\(value)'; write it as 640x360, from 16 to 4096 a side")
                }
                (width, height) = (sides[0], sides[1])
            case "rate":
                guard let number, (1...120).contains(number) else {
                    throw Self.bad("rate is '\(value)'; give 1 to 120")
                }
                rate = Int32(number)
            case "seed":
                guard let number else { throw Self.bad("seed is '\(value)'; give a whole number") }
                seed = number
            default: throw Self.bad("there is no parameter '\(name)'; use size, rate and seed")
            }
        }
    }

    private static func bad(_ reason: String) -> VideoError { .badAddress(input: "test:shapes", reason: reason) }
}
