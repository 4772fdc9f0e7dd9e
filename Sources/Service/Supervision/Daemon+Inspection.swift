import Dispatch
import Foundation
import Glibc
import Instances
import MaskRCNN
import Outputs
import Video

extension Daemon: ServiceInspection {
    public func snapshot() -> ServiceSnapshot {
        let detector = detector
        var snapshot = ServiceSnapshot()
        snapshot.program = programName
        snapshot.started = startTime
        snapshot.uptime = WallClock.now.seconds - startTime.seconds
        snapshot.model = modelName
        snapshot.engine = Detector.engine
        snapshot.precision = "\(detector.precision)"
        snapshot.process = .current
        snapshot.waitingForEngine = engine.turnstile.metrics.waiting
        snapshot.streams = streams.map(\.snapshot)
        return snapshot
    }

    public var isReady: Bool { isReadyNow }

    public var illness: String? {
        let stuck = stuckParts
        return stuck.isEmpty ? nil : "no progress: \(stuck.joined(separator: ", "))"
    }

    public func picture(of stream: String, maxWidth: Int) async -> (jpeg: [UInt8], frame: Int)? {
        guard let view = streams.first(where: { $0.plan.name == stream })?.view else { return nil }
        // Scaling and compressing take longer than the few threads that tasks share should be held for.
        return await withCheckedContinuation { continuation in
            DispatchQueue(label: "segmentd.picture").async {
                let picture = try? view.jpeg(maxWidth: maxWidth)
                continuation.resume(returning: picture.map { ($0.jpeg, $0.result.frame) })
            }
        }
    }
}

extension ProcessUsage {
    /// As the kernel counts it now (proc(5)).
    static var current: ProcessUsage {
        var usage = ProcessUsage()
        if let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) {
            for line in status.split(separator: "\n") {
                let fields = line.split(whereSeparator: \.isWhitespace)
                guard fields.count > 1 else { continue }
                if fields[0] == "VmRSS:" { usage.residentMemory = (Int(fields[1]) ?? 0) * 1024 }
                if fields[0] == "Threads:" { usage.threads = Int(fields[1]) ?? 0 }
            }
        }
        usage.openDescriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        usage.processorTime = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        return usage
    }
}

extension StreamSupervisor {
    /// The stream at this moment.
    var snapshot: StreamSnapshot {
        let (totals, source) = (statistics.totals, liveSource?.status)
        var snapshot = StreamSnapshot()
        snapshot.name = plan.name
        snapshot.source = plan.address.redacted
        snapshot.state = displayedState
        snapshot.since = since
        snapshot.lastError = lastError ?? source?.lastError
        (snapshot.width, snapshot.height) = (totals.width, totals.height)
        snapshot.sourceRate = frameInterval.map { 1 / $0 }
        snapshot.policy = plan.configuration.policy == .latency ? "latency" : "every-frame"
        snapshot.framesIn = totals.decoded
        snapshot.framesInferred = totals.inferred
        snapshot.framesPredicted = totals.predicted
        snapshot.framesStill = totals.still
        snapshot.dropped = drops.map { .init(stage: $0.stage, reason: "queue full", count: $0.count) }
        snapshot.queues = stageMetrics.dropFirst().map { (stage: $0.name, depth: $0.queueDepth) }
        snapshot.inference = statistics.inference
        snapshot.latency = statistics.latency
        snapshot.reconnects = source?.reconnects ?? 0
        snapshot.restarts = restarts
        snapshot.tracks = statistics.objects.map { object in
            let box = object.box
            return StreamSnapshot.Track(
                id: object.trackID, category: object.category, score: Double(object.score),
                box: [box.x0, box.y0, box.width, box.height].map(Double.init))
        }
        snapshot.events = statistics.events
        snapshot.outputs = outputs.snapshot
        return snapshot
    }

    private var displayedState: StreamSnapshot.State {
        switch state {
        case .ended: return .ended
        case .failed: return .failed
        case .waiting: return .waiting
        case .running:
            switch liveSource?.status.state {
            case .connecting: return .connecting
            case .waiting: return .waiting
            case .running, .ended, nil: return .running
            }
        }
    }
}

extension LiveOutputs {
    fileprivate var snapshot: [StreamSnapshot.Output] {
        let lines = records.map { output in
            let status = output.status
            return StreamSnapshot.Output(
                name: output.name, state: status.state.rawValue, lastError: status.lastError,
                written: status.recordsWritten, dropped: status.recordsDropped, queueDepth: status.queueDepth,
                clients: status.clients, connections: status.connections)
        }
        guard let status = broadcast?.status else { return lines }
        let videos = status.targets.map { target in
            let state: String =
                switch target.state {
                case .starting: status.encoderError == nil ? "starting" : "waiting"
                case .running: status.encoderError == nil ? "running" : "waiting"
                case .waiting: "waiting"
                case .failed: "failed"
                case .ended: "ended"
                }
            return StreamSnapshot.Output(
                name: target.name, state: state, lastError: status.encoderError ?? target.lastError,
                written: target.bytes, dropped: target.packetsDropped + status.picturesDropped,
                queueDepth: target.queueDepth, segments: target.segments, isVideo: true)
        }
        return lines + videos
    }
}
