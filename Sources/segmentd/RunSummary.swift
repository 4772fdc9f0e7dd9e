import Foundation
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
        let rate = Double(totals.frames) / max(elapsed.seconds, 1e-9)
        Terminal.note(
            "\(totals.frames) frames in \(String(format: "%.1f", elapsed.seconds)) s "
                + "(\(String(format: "%.1f", rate)) frames/s), \(totals.objects) objects, \(totals.identities) identities"
        )
        // The stages overlap, so the busiest tells what the run waited for.
        let stages = pipeline.metrics.map { stage in
            let milliseconds = stage.busy.seconds * 1000 / Double(max(totals.frames, 1))
            return "\(stage.name) \(String(format: "%.1f", milliseconds))"
        }
        Terminal.note("milliseconds a frame by stage: \(stages.joined(separator: ", "))")
    }
}
