import Annotation
import Events
import Foundation
import Instances
import MaskRCNN
import Pipeline
import Synchronization
import Tracking
import Video

/// A frame's way from a source to the outputs: decode, detect, track, draw, write.
///
/// Each stage has a thread. With `.everyFrame` a slow stage holds up those before it and nothing is lost; with `.latency` the detector
/// takes the newest frame, the tracker predicts the objects of those between, and what finds no room is dropped and counted.
public final class StreamPipeline: Sendable {
    private let pipeline: Pipeline
    private let sink: any StreamSink
    private let source: any FrameSource
    private let statistics: StreamStatistics
    private let turns: Turnstile.Party
    private let isEnding = Flag()
    private let ending = EventLife()

    /// The most frames that wait for the detector with `.latency`; those but the newest keep their pixels only where they are drawn.
    static let backlog = 64
    /// The most frames that wait to be drawn, or to be written, with `.latency`: those that came during an inference come at once.
    private static let burst = 16
    /// Frames that a stream may show the detector in one turn where it sees every frame; a change of streams costs some time, since
    /// another decoder's and another tracker's memory comes into the caches.
    private static let framesInTurn = 3
    /// No further frame is begun in a turn that has lasted longer, so that others never wait long for a short gain.
    private static let shortTurn = Duration.milliseconds(50)

    /// Puts the stages together; nothing runs yet.
    ///
    /// - Throws: `TrackerConfiguration.Failure`, `AnnotationError`.
    public convenience init(
        source: any FrameSource, engine: SharedEngine, configuration: StreamConfiguration, outputs: FileOutputs
    ) throws {
        try self.init(source: source, engine: engine, configuration: configuration, sink: outputs)
    }

    /// - Parameter statistics: Where to go on counting; identities go on from its last one.
    init(
        source: any FrameSource, engine: SharedEngine, configuration: StreamConfiguration, sink: any StreamSink,
        statistics: StreamStatistics = StreamStatistics()
    ) throws {
        self.statistics = statistics
        pipeline = Pipeline(name: configuration.name)
        self.sink = sink
        self.source = source
        turns = engine.turnstile.party()
        let decoded = addDecoding(configuration)
        let detected = addDetection(decoded, engine: engine, configuration: configuration)
        let tracked = try addTracking(detected, configuration: configuration)
        let drawn = try addDrawing(tracked, configuration: configuration)
        let statistics = statistics
        let ending = ending
        let finish = {
            try ending.write(to: sink)
            try sink.finish()
        }
        pipeline.sink("write", from: drawn, finish: finish) { (picture: DrawnPicture) in
            try sink.write(picture)
            statistics.countPicture()
        }
        pipeline.onCancel { [turns] in
            source.interrupt()
            turns.cancel()
        }
    }

    // MARK: Stages

    /// A frame on its way to the tracker.
    private struct Item: Sendable {
        /// Who said what the objects are.
        enum Origin { case detector, prediction, stillness }

        /// Kept only where it will be looked at or drawn on.
        var frame: VideoFrame?
        var image: RGBImage?
        /// Whether it will be drawn on.
        let isDrawn: Bool
        let arrival: ContinuousClock.Instant
        let captureTime: WallClock
        /// The interval that the source promises, seconds.
        let frameInterval: Double?
        var origin = Origin.prediction
        var result: FrameResult

        /// Lets go of the pixels that only the detector would have needed.
        mutating func pass(as origin: Origin) {
            self.origin = origin
            image = nil
            if !isDrawn { frame = nil }
        }
    }

    private func addDecoding(_ configuration: StreamConfiguration) -> Channel<Item> {
        let (source, sink, statistics, isEnding) = (source, sink, statistics, isEnding)
        let isLatency = configuration.policy == .latency
        // Where every frame is wanted, it is converted while the detector is at the one before.
        let convertsEarly = configuration.isEveryFrameSeen
        let supersede: @Sendable (inout Item) -> Void = { $0.pass(as: .prediction) }
        return pipeline.source(
            "decode", capacity: isLatency ? Self.backlog : 2, whenFull: isLatency ? .newestWins : .block,
            supersede: isLatency ? supersede : nil
        ) { () -> Item? in
            let frame: VideoFrame?
            do {
                frame = try source.next()
            } catch VideoError.interrupted where isEnding.isSet {
                return nil
            } catch VideoError.readFailed(let input, let reason) where statistics.totals.decoded > 0 {
                // Hours of a stream are not thrown away for its last second.
                statistics.breakOff("\(VideoError.readFailed(input: input, reason: reason))")
                return nil
            }
            guard let frame, !isEnding.isSet else { return nil }
            statistics.countDecoded(frame)
            let result = FrameResult(
                stream: configuration.name, frame: frame.number, pts: frame.timestamp.seconds,
                time: configuration.isLive ? frame.captureTime.rfc3339 : nil, width: frame.width, height: frame.height,
                objects: [])
            let isDrawn = sink.needsPictures
            let image = convertsEarly ? try frame.rgbImage() : nil
            return Item(
                frame: isDrawn || !convertsEarly ? frame : nil, image: image, isDrawn: isDrawn,
                arrival: ContinuousClock.now, captureTime: frame.captureTime,
                frameInterval: source.frameInterval, result: result)
        }
    }

    private func addDetection(
        _ decoded: Channel<Item>, engine: SharedEngine, configuration: StreamConfiguration
    ) -> Channel<Item> {
        let (turns, statistics) = (turns, statistics)
        let isLatency = configuration.policy == .latency
        let isEveryFrameSeen = configuration.isEveryFrameSeen
        let least = Float(min(configuration.tracker.trackLowThreshold, configuration.threshold))
        var schedule = InferenceSchedule(rate: configuration.inferenceRate)
        var gate = configuration.motionGate.map { MotionGate(configuration: $0) }
        var size = (width: 0, height: 0)
        // The tracker is quick, so that this queue is only ever full where an output that may block does.
        return pipeline.stage("detect", from: decoded, capacity: isLatency ? Self.backlog + 1 : 2) {
            (inbox: Inbox<Item, Item>) in
            var items = inbox.take(limit: isLatency ? .max : 1)
            guard let newest = items.last else { return }
            func pass(_ items: some Sequence<Item>, as origin: Item.Origin) {
                for var item in items {
                    item.pass(as: origin)
                    inbox.emit(item)
                }
            }
            guard schedule.isDue(at: newest.result.pts) else { return pass(items, as: .prediction) }
            if let frame = newest.frame, gate != nil {
                // What is held is in the pixels of the size before.
                if size != (frame.width, frame.height) { gate?.reset() }
                size = (frame.width, frame.height)
                let luma = try frame.lumaThumbnail(width: MotionGate.width, height: MotionGate.height)
                let decision = gate?.admits(
                    luma.samples, width: luma.width, height: luma.height, at: newest.result.pts)
                if decision == .skip { return pass(items, as: .stillness) }
            }
            // While the engine has time for this stream, nothing is done that could wait for another stage.
            pass(items.dropLast(), as: .prediction)
            items = [newest]
            let detected = try inbox.withTurn(of: turns) { () -> [Item] in
                if isLatency { items += inbox.take() }
                var seen: [Item] = []
                let start = ContinuousClock.now
                var item = items[items.count - 1]
                while true {
                    let begin = ContinuousClock.now
                    if let image = try item.image ?? item.frame?.rgbImage() {
                        item.result.objects = engine.detector.detect(
                            image, threshold: least, categories: configuration.categories)
                    }
                    statistics.countInference(ContinuousClock.now - begin)
                    item.pass(as: .detector)
                    seen.append(item)
                    guard isEveryFrameSeen, seen.count < Self.framesInTurn,
                        ContinuousClock.now - start < Self.shortTurn, let next = inbox.take(limit: 1).first
                    else { return seen }
                    item = next
                }
            }
            guard let detected else { return }
            pass(items.dropLast(), as: .prediction)
            for item in detected {
                schedule.infer(at: item.result.pts)
                inbox.emit(item)
            }
        }
    }

    private func addTracking(
        _ detected: Channel<Item>, configuration: StreamConfiguration
    ) throws -> Channel<Item> {
        let (sink, statistics) = (sink, statistics)
        // Made with the first frame, when the source's rate is known; what is wrong with the configuration is known now.
        var tracker: Tracker?
        try configuration.tracker.validate()
        ending.begin(configuration)
        let ending = ending
        let settling = configuration.motionGate?.settling ?? 0
        let firstID = statistics.totals.lastTrackID + 1
        var lastNumber: Int?
        return pipeline.stage(
            "track", from: detected, capacity: configuration.policy == .latency ? Self.burst : 2,
            whenFull: configuration.policy == .latency ? .newestWins : .block
        ) { (item: Item) -> Item? in
            var item = item
            let pts = item.result.pts
            if tracker == nil {
                tracker = try Tracker(
                    configuration: configuration.tracker, frameInterval: item.frameInterval ?? 1.0 / 30,
                    firstID: firstID)
            }
            item.result.inferred = item.origin == .detector
            item.result.isStill = item.origin == .stillness
            item.result.dropped = max(0, item.result.frame - (lastNumber ?? item.result.frame - 1) - 1)
            lastNumber = item.result.frame
            switch item.origin {
            case .detector:
                let objects = tracker?.update(with: item.result.objects, at: pts) ?? []
                item.result.objects = objects.filter {
                    $0.trackID != nil || Double($0.score) >= configuration.threshold
                }
            case .prediction:
                item.result.objects =
                    tracker?.predicted(at: pts, width: item.result.width, height: item.result.height) ?? []
            case .stillness: item.result.objects = tracker?.hold(at: pts, settling: settling) ?? []
            }
            let happened = ending.update(with: item.result)
            try sink.write(item.result, events: happened)
            statistics.countResult(
                item.result, events: happened, latency: ContinuousClock.now - item.arrival,
                tracksIdentities: !configuration.isLive)
            return item.isDrawn ? item : nil
        }
    }

    private func addDrawing(
        _ tracked: Channel<Item>, configuration: StreamConfiguration
    ) throws -> Channel<DrawnPicture> {
        let annotator = try Annotator(options: configuration.annotation)
        let whenFull: FullPolicy = configuration.policy == .latency ? .newestWins : .block
        return pipeline.stage(
            "draw", from: tracked, capacity: configuration.policy == .latency ? Self.burst : 2, whenFull: whenFull
        ) { (item: Item) -> DrawnPicture? in
            guard let picture = try item.frame?.drawablePicture() else { return nil }
            picture.withCanvas { annotator.draw(item.result.objects, on: $0) }
            return DrawnPicture(picture: picture, result: item.result, captureTime: item.captureTime)
        }
    }

    // MARK: Running

    /// Runs to the source's end.
    ///
    /// - Throws: The first error of any stage, after all stages have stopped and the outputs were cancelled.
    public func run() async throws -> Pipeline.Outcome {
        do {
            let outcome = try await pipeline.run()
            // Who cancels while the last file gets its name comes too late.
            if sink.isFinished { return .finished }
            try? ending.write(to: sink)
            sink.cancel()
            return outcome
        } catch {
            // What the outputs say to it is no news after the error.
            try? ending.write(to: sink)
            sink.cancel()
            throw error
        }
    }

    /// Ends the source where it is; frames on the way go through, and outputs get their names.
    public func endSource() {
        isEnding.set()
        source.interrupt()
    }

    /// Stops early; outputs are cancelled.
    public func cancel() { pipeline.cancel() }

    /// What has come out so far; from any thread.
    public var totals: StreamStatistics.Totals { statistics.totals }

    /// What every stage has done so far; from any thread.
    public var metrics: [StageMetrics] { pipeline.metrics }
}

/// The events of one run, from its first frame until all its tracks have ended.
private final class EventLife: Sendable {
    private struct State {
        var detector: EventDetector?
        var last: FrameResult?
    }

    private let state = Mutex(State())

    func begin(_ configuration: StreamConfiguration) {
        state.withLock { state in
            state.detector = configuration.events.map { EventDetector(configuration: $0, stream: configuration.name) }
        }
    }

    func update(with result: FrameResult) -> [StreamEvent] {
        state.withLock { state in
            guard state.detector != nil else { return [] }
            state.last = result
            state.last?.objects = []
            return state.detector?.update(with: result) ?? []
        }
    }

    /// Ends all tracks; without effect the second time.
    func write(to sink: any StreamSink) throws {
        let events = state.withLock { state -> [StreamEvent] in
            defer { state.detector = nil }
            guard let last = state.last else { return [] }
            return state.detector?.finish(frame: last.frame, pts: last.pts, time: last.time) ?? []
        }
        if !events.isEmpty { try sink.write(events) }
    }
}

/// Something that one thread says and others ask.
final class Flag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .relaxed) }

    func set(_ newValue: Bool = true) { value.store(newValue, ordering: .relaxed) }
}
