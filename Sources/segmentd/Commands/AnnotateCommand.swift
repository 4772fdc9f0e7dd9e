import Annotation
import ArgumentParser
import Foundation
import Instances
import Outputs
import Pipeline
import Service
import Tracking
import Video

/// `segmentd annotate`: a video in; a video with its objects drawn, and JSON, out.
struct AnnotateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "annotate", abstract: "Segments and tracks the objects of a video.",
        discussion: """
            INPUT is a video file, a folder of images, a pattern such as 'frames/*.png', a URL that FFmpeg opens, or - for \
            standard input. Without --output, --json and --mot the annotated video is written into the current folder, as \
            NAME.segmented.mp4.
            """)

    @Argument(help: "The video.")
    var input: String

    @Option(name: [.short, .long], help: ArgumentHelp("The annotated video: .mp4, .mkv or .mov.", valueName: "file"))
    var output: String?

    @Option(help: ArgumentHelp("JSON lines, one a frame; - for standard output.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("Tracks as MOTChallenge text; - for standard output.", valueName: "file"))
    var mot: String?

    @OptionGroup(title: "Detection") var modelOptions: ModelOptions
    @OptionGroup(title: "Tracking") var trackerOptions: TrackerOptions
    @OptionGroup(title: "Drawing") var drawing: DrawingOptions
    @OptionGroup(title: "Encoding") var encoding: EncodingOptions
    @OptionGroup var verbosity: VerbosityOptions

    @Option(help: ArgumentHelp("Stop after so many frames.", valueName: "number"))
    var frames: Int?

    @Option(help: ArgumentHelp("Frames a second of a folder of images.", valueName: "rate"))
    var imageRate = 25

    func run() async throws {
        let tracker = try trackerOptions.tracker()
        try ModelOptions.requireFraction(Double(drawing.opacity), "--opacity")
        if let frames, frames < 1 { throw CommandFailure("--frames is \(frames); give a number from 1") }
        guard (1...1000).contains(imageRate) else {
            throw CommandFailure("--image-rate is \(imageRate); give 1 to 1000")
        }
        let source = try VideoSource(
            input, options: VideoSource.Options(imageFrameRate: Rational(Int32(imageRate), 1), limit: frames))
        let detector = try modelOptions.detector()
        let stream = StreamConfiguration(
            name: streamName, threshold: trackerOptions.threshold,
            categories: try modelOptions.categories(of: detector.configuration), tracker: tracker,
            annotation: drawing.options)
        let interruption = Interruption()
        defer { interruption.stop() }
        let outputs = try openOutputs(source)
        let pipeline = try StreamPipeline(
            source: source, engine: try SharedEngine(detector), configuration: stream, outputs: outputs)
        if verbosity.verbose { describe(source) }

        // What has no end is ended by a signal; what has one is not whole before it.
        let isEndless = source.information.duration == nil && source.information.frameCount == nil
        interruption.onSignal { isEndless ? pipeline.endSource() : pipeline.cancel() }
        let total = [source.information.frameCount, frames].compactMap(\.self).min()
        let progress =
            verbosity.quiet
            ? nil
            : ProgressReporter(unit: "frames") {
                let totals = pipeline.totals
                return .init(done: totals.frames, total: total, objects: totals.objects)
            }
        let (started, processorTime) = (ContinuousClock.now, ProcessorTime(detector))
        let outcome: Pipeline.Outcome
        do {
            outcome = try await pipeline.run()
            progress?.stop()
        } catch {
            progress?.stop()
            if let code = interruption.exitCode, case VideoError.interrupted = error { throw ExitCode(code) }
            throw error
        }
        if case .cancelled = outcome {
            verbosity.note("Interrupted after \(pipeline.totals.frames) frames; no file was written.")
            throw ExitCode(interruption.exitCode ?? 1)
        }
        for warning in outputs.warnings { verbosity.warn(warning) }
        for loss in source.report.losses(of: source.input) { verbosity.warn(loss) }
        if !verbosity.quiet {
            let summary = RunSummary(pipeline, elapsed: ContinuousClock.now - started)
            summary.print()
            if verbosity.verbose { summary.printProcessorTime(detector, since: processorTime) }
            // Who gave the names knows them.
            if output == nil, let videoPath { Terminal.note(videoPath) }
        }
        if let failure = pipeline.totals.brokenOff {
            throw CommandFailure("\(failure); what came before is written")
        }
        if let code = interruption.exitCode { throw ExitCode(code) }
    }

    /// The stream's name: the input's own, without folder and suffix.
    private var streamName: String {
        if input == "-" { return "stdin" }
        let name = URL(fileURLWithPath: input).deletingPathExtension().lastPathComponent
        return name.isEmpty || name.contains(where: { "*?[%".contains($0) }) ? "images" : name
    }

    private var videoPath: String? {
        if let output { return output }
        return json == nil && mot == nil ? "\(streamName).segmented.mp4" : nil
    }

    private func openOutputs(_ source: VideoSource) throws -> FileOutputs {
        try OutputNames.requireSeparate([videoPath, json, mot].compactMap(\.self), from: [input])
        return FileOutputs(
            json: try json.map { try JSONLinesWriter(path: $0) }, mot: try mot.map { try MOTWriter(path: $0) },
            video: try videoPath.map {
                try VideoWriter(
                    path: $0, format: VideoWriter.Format(source.information), options: encoding.options,
                    audioFrom: encoding.audio ? source : nil)
            })
    }

    private func describe(_ source: VideoSource) {
        let information = source.information
        Terminal.note(
            "\(source.input): \(information.codecName) \(information.pixelFormatName), \(information.width)x\(information.height), "
                + "\(information.frameRate.map { String(format: "%.3f frames/s", $0.value) } ?? "unknown rate"), "
                + "matrix \(information.colorSpaceName)"
                + (information.rotation == 0 ? "" : ", turned by \(information.rotation) degrees"))
    }
}

/// What is drawn.
struct DrawingOptions: ParsableArguments {
    @Flag(inversion: .prefixedNo, help: "Draw masks.")
    var masks = true

    @Flag(inversion: .prefixedNo, help: "Draw boxes.")
    var boxes = true

    @Flag(inversion: .prefixedNo, help: "Write class, score and identity.")
    var labels = true

    @Option(help: ArgumentHelp("How much of the picture a mask covers, 0...1.", valueName: "fraction"))
    var opacity: Float = 0.4

    var options: AnnotationOptions {
        AnnotationOptions(masks: masks, boxes: boxes, labels: labels, opacity: opacity)
    }
}

/// How the video is encoded.
struct EncodingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("A codec, such as h264, hevc, vp9, av1, or one of FFmpeg's encoders.", valueName: "name"))
    var codec = "h264"

    @Option(
        help: ArgumentHelp("The encoder's constant quality (crf): lower is better and larger.", valueName: "number"))
    var quality: Int?

    @Option(help: ArgumentHelp("The encoder's preset, such as veryfast or slow.", valueName: "name"))
    var preset: String?

    @Flag(inversion: .prefixedNo, help: "Copy the input's audio.")
    var audio = true

    var options: VideoWriter.Options {
        VideoWriter.Options(codec: codec, quality: quality, preset: preset)
    }
}
