import ArgumentParser
import Instances
import MaskRCNN
import Outputs
import Pipeline
import Video

/// Detection over many images: one decodes, one detects, one writes, all at the same time.
struct DetectionRun {
    /// An image on its way.
    struct Item: Sendable {
        var image: RGBImage
        var id: Int
        var name: String
        var objects: [Instance] = []
    }

    let detector: Detector
    /// The score that an object must exceed; the model's own where nil.
    var threshold: Double?
    /// The model's categories to report; all where nil.
    var categories: Set<Int>?
    /// Images that there will be, where that is known.
    var total: Int?
    /// Whether progress is not to be shown.
    var isQuiet = false

    /// Runs until there are no images any more.
    ///
    /// - Parameters:
    ///   - interrupter: What ends a read that waits.
    ///   - writer: Where results go; finished here, and removed where the run fails or is interrupted.
    ///   - next: The next image, or nil at the end.
    ///   - finish: Changes what was found before it is written.
    /// - Returns: Images and objects.
    /// - Throws: `ExitCode` after a signal, `VideoError`, `FileError`, and what the closures throw.
    func run(
        name: String, interruption: Interruption, interrupter: Interrupter, into writer: COCOResultsWriter?,
        next: sending @escaping () throws -> Item?,
        finish: @escaping @Sendable (inout Item) throws -> Void = { _ in }
    ) async throws -> ProgressReporter.State {
        let (detector, categories) = (detector, categories)
        let least = threshold.map { Float($0) }
        let counter = ProgressReporter.Counter()
        counter.state.withLock { $0.total = total }
        // Only the pipeline's last stage writes, and this function once the pipeline has ended.
        nonisolated(unsafe) let writer = writer

        let pipeline = Pipeline(name: name)
        let decoded = pipeline.source("decode", pull: next)
        let detected = pipeline.stage("detect", from: decoded) { (item: Item) -> Item? in
            var item = item
            item.objects = detector.detect(item.image, threshold: least, categories: categories)
            return item
        }
        pipeline.sink("write", from: detected) { item in
            var item = item
            try finish(&item)
            try writer?.write(item.objects, imageID: item.id, fileName: item.name)
            counter.state.withLock { state in
                state.done += 1
                state.objects = (state.objects ?? 0) + item.objects.count
            }
        }
        pipeline.onCancel { interrupter.interrupt() }
        interruption.onSignal { pipeline.cancel() }
        let progress = isQuiet ? nil : ProgressReporter(unit: "images") { counter.state.withLock { $0 } }
        let outcome: Pipeline.Outcome
        do {
            outcome = try await pipeline.run()
            progress?.stop()
        } catch {
            progress?.stop()
            writer?.cancel()
            throw error
        }
        if case .cancelled = outcome {
            writer?.cancel()
            throw ExitCode(interruption.exitCode ?? 1)
        }
        try writer?.finish()
        return counter.state.withLock { $0 }
    }
}
