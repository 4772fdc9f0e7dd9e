import Foundation
import Glibc
import Locks
import MaskRCNN
import Service

/// What a run has done, and where its time went.
struct RunSummary {
    private let pipeline: StreamPipeline
    private let elapsed: Duration

    init(_ pipeline: StreamPipeline, elapsed: Duration) {
        self.pipeline = pipeline
        self.elapsed = elapsed
    }

    /// Writes it to standard error.
    func print() {
        let totals = pipeline.totals
        let rate = Double(totals.frames) / max(elapsed.inSeconds, 1e-9)
        Terminal.note(
            "\(totals.frames) frames in \(String(format: "%.1f", elapsed.inSeconds)) s "
                + "(\(String(format: "%.1f", rate)) frames/s), \(totals.objects) objects, \(totals.identities) identities"
        )
        // The stages overlap, so the busiest tells what the run waited for.
        let stages = pipeline.metrics.map { stage in
            let milliseconds = stage.busy.inSeconds * 1000 / Double(max(totals.frames, 1))
            return "\(stage.name) \(String(format: "%.1f", milliseconds))"
        }
        Terminal.note("milliseconds a frame by stage: \(stages.joined(separator: ", "))")
    }

    /// Writes what the processors did to standard error.
    ///
    /// - Parameters:
    ///   - detector: What the stage that detects works with.
    ///   - before: What the process and the detector's threads had taken when the run began.
    func printProcessorTime(_ detector: Detector, since before: ProcessorTime) {
        let after = ProcessorTime(detector)
        var rest = after.process - before.process
        func perFrame(_ time: Duration) -> String {
            String(format: "%.2f", time.inSeconds * 1000 / Double(max(pipeline.totals.frames, 1)))
        }
        var parts = pipeline.metrics.map { stage in
            rest -= stage.processor
            return "\(stage.name) \(perFrame(stage.processor))"
        }
        let engine = after.engine - before.engine
        parts += [
            "the detector's threads \(perFrame(engine))", "other threads \(perFrame(rest - engine))",
            "all \(perFrame(after.process - before.process))",
        ]
        Terminal.note("processor milliseconds a frame: \(parts.joined(separator: ", "))")
    }
}

/// Processor time at one moment, in user mode and in the kernel.
struct ProcessorTime {
    /// Of the whole process.
    let process: Duration
    /// Of the detector's threads.
    let engine: Duration

    init(_ detector: Detector) {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        process = .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        engine = detector.processorTime
    }
}
