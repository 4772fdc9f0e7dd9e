import Dispatch
import Instances
import Outputs
import Video

/// The outputs of a stream of the daemon: any number for records, one encoder for pictures, and whoever looks at the page.
///
/// They outlive the pipeline, which is made anew after a fault. No output's failure is the stream's.
// Sendable: every part is.
final class LiveOutputs: StreamSink, @unchecked Sendable {
    let records: [any RecordOutput]
    let broadcast: VideoBroadcast?
    let view: LiveView
    /// Whether records tell of frames, or of events alone.
    private let tellsFrames: Bool
    /// How long an output of video may wait for whoever it sends to.
    private let longestWrite: Duration

    init(
        records: [any RecordOutput], broadcast: VideoBroadcast?, view: LiveView, tellsFrames: Bool,
        longestWrite: Duration = .zero
    ) {
        self.longestWrite = longestWrite
        self.records = records
        self.broadcast = broadcast
        self.view = view
        self.tellsFrames = tellsFrames
    }

    var needsPictures: Bool { broadcast != nil || view.isWatched }

    /// Never: what ends with the pipeline here is nothing; `close` ends the outputs.
    var isFinished: Bool { false }

    func write(_ result: FrameResult, events: [StreamEvent]) {
        if tellsFrames { publish(.frame(result)) }
        write(events)
    }

    func write(_ events: [StreamEvent]) {
        for event in events { publish(.event(event)) }
    }

    func write(_ picture: DrawnPicture) {
        broadcast?.write(picture.picture, capturedAt: picture.captureTime)
        view.offer(picture)
    }

    func publish(_ record: StreamRecord) {
        guard !records.isEmpty else { return }
        let encoded = EncodedRecord(record)
        for output in records { output.publish(encoded) }
    }

    /// Ends all outputs at the same time, in order and within the time.
    func close(within time: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            for output in records {
                group.addTask { await Self.onThread { output.finish(within: time) } }
            }
            if let broadcast { group.addTask { await Self.onThread { broadcast.finish(within: time) } } }
        }
    }

    /// Runs what may block away from the few threads that tasks share.
    private static func onThread(_ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "segmentd.close").async {
                body()
                continuation.resume()
            }
        }
    }

    /// What the outputs of video are at.
    var broadcastProgress: [ProgressMonitor.Sample] {
        guard let status = broadcast?.status else { return [] }
        let targets = status.targets.map { target in
            ProgressMonitor.Sample(
                part: target.name, isBusy: target.state == .running && target.queueDepth > 0,
                progress: target.bytes + target.packetsDropped, limit: longestWrite + .seconds(10))
        }
        let encoder = ProgressMonitor.Sample(
            part: "\(broadcast?.stream ?? "")/encode", isBusy: status.queueDepth > 0 && status.encoderError == nil,
            progress: status.picturesEncoded)
        return [encoder] + targets
    }

    func finish() {}

    func cancel() {}
}
