import Annotation
import Foundation
import Instances
import MaskRCNN
import Pipeline
import Synchronization
import Tracking
import Video

/// A frame's way from a source to the outputs: decode, detect, track, draw, write.
///
/// Each stage has a thread; every frame comes through, in order, and a slow stage holds up those before it.
public final class StreamPipeline: Sendable {
    /// What has come out so far.
    public struct Totals: Sendable, Equatable {
        public var frames = 0
        /// Objects over all frames.
        public var objects = 0
        /// Different identities.
        public var identities = 0
        /// Media time of the last frame, seconds.
        public var seconds = 0.0
        /// Why a remote input ended early, where it did after some frames; what came before is whole.
        public var brokenOff: String?
        /// What the outputs have to say that is no failure; known at the end.
        public var warnings: [String] = []
    }

    /// The totals, for the stage that counts and those who ask.
    private final class Counter: Sendable {
        let totals = Mutex(Totals())
        /// Whether the source is to end at the next frame.
        let isEnding = Atomic(false)
    }

    /// A frame between two stages.
    private struct Item: Sendable {
        /// Kept only where it will be drawn on.
        var frame: VideoFrame?
        var image: RGBImage?
        var picture: DrawablePicture?
        var result: FrameResult
    }

    private let pipeline: Pipeline
    private let outputs: StreamOutputs
    private let counter = Counter()
    private let source: VideoSource

    /// Puts the stages together; nothing runs yet.
    ///
    /// - Throws: `TrackerConfiguration.Failure`, `AnnotationError`.
    public init(
        source: VideoSource, detector: Detector, configuration: StreamConfiguration, outputs: StreamOutputs
    ) throws {
        pipeline = Pipeline(name: configuration.name)
        self.outputs = outputs
        self.source = source
        let draws = outputs.needsPictures
        let rate = source.information.frameRate?.value ?? 0
        var tracker = try Tracker(configuration: configuration.tracker, frameInterval: rate > 0 ? 1 / rate : 1.0 / 30)
        let annotator = draws ? try Annotator(options: configuration.annotation) : nil

        let counter = counter
        let decoded = pipeline.source("decode") { () -> Item? in
            let frame: VideoFrame?
            do {
                frame = try source.next()
            } catch VideoError.interrupted where counter.isEnding.load(ordering: .relaxed) {
                return nil
            } catch VideoError.readFailed(let input, let reason) where source.report.framesDecoded > 0 {
                // Hours of a stream are not thrown away for its last second.
                counter.totals.withLock { $0.brokenOff = "\(VideoError.readFailed(input: input, reason: reason))" }
                return nil
            }
            guard let frame, !counter.isEnding.load(ordering: .relaxed) else { return nil }
            let result = FrameResult(
                stream: configuration.name, frame: frame.number, pts: frame.timestamp.seconds, width: frame.width,
                height: frame.height, objects: [])
            return Item(frame: draws ? frame : nil, image: try frame.rgbImage(), result: result)
        }
        let least = Float(min(configuration.tracker.trackLowThreshold, configuration.threshold))
        let detected = pipeline.stage("detect", from: decoded) { (item: Item) -> Item? in
            var item = item
            if let image = item.image {
                item.result.objects = detector.detect(image, threshold: least, categories: configuration.categories)
            }
            item.image = nil
            return item
        }
        let tracked = pipeline.stage("track", from: detected) { (item: Item) -> Item? in
            var item = item
            item.result.objects = tracker.update(with: item.result.objects, at: item.result.pts)
                .filter { $0.trackID != nil || Double($0.score) >= configuration.threshold }
            return item
        }
        let drawn = pipeline.stage("draw", from: tracked) { (item: Item) -> Item? in
            var item = item
            guard let annotator, let picture = try item.frame?.drawablePicture() else { return item }
            picture.withCanvas { annotator.draw(item.result.objects, on: $0) }
            item.frame = nil
            item.picture = picture
            return item
        }
        var identities = Set<Int>()
        let finish = {
            try outputs.finish()
            let warnings = outputs.warnings
            counter.totals.withLock { $0.warnings = warnings }
        }
        pipeline.sink("write", from: drawn, finish: finish) { item in
            try outputs.write(item.result, picture: item.picture)
            identities.formUnion(item.result.objects.compactMap(\.trackID))
            let count = identities.count
            counter.totals.withLock { totals in
                totals.frames += 1
                totals.objects += item.result.objects.count
                totals.identities = count
                totals.seconds = item.result.pts
            }
        }
        pipeline.onCancel { source.interrupt() }
    }

    /// Runs to the source's end.
    ///
    /// - Throws: The first error of any stage, after all stages have stopped and the outputs were removed.
    public func run() async throws -> Pipeline.Outcome {
        do {
            let outcome = try await pipeline.run()
            // Who cancels while the last file gets its name comes too late.
            if outputs.isFinished { return .finished }
            outputs.cancel()
            return outcome
        } catch {
            outputs.cancel()
            throw error
        }
    }

    /// Ends the source where it is; frames on the way go through, and outputs get their names.
    public func endSource() {
        counter.isEnding.store(true, ordering: .relaxed)
        source.interrupt()
    }

    /// Stops early; outputs are removed.
    public func cancel() { pipeline.cancel() }

    /// What has come out so far; from any thread.
    public var totals: Totals { counter.totals.withLock { $0 } }

    /// What every stage has done so far; from any thread.
    public var metrics: [StageMetrics] { pipeline.metrics }
}
