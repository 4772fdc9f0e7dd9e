import ArgumentParser
import Files
import MaskRCNN
import Video

/// `segmentd model quantize`: learns what a model's layers see of a video, for products of 8-bit inputs.
struct QuantizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quantize", abstract: "Calibrates a model on a video for --precision int8.",
        discussion: """
            The model looks at frames from all over the video (the first ones where its length is unknown), and the ranges of what its \
            layers are given are kept in a copy of it. \
            The weights stay as they are: the copy does for every precision. Take a video like those that the model is for.
            """)

    @Argument(help: "The model's .safetensors file; the sample model if not given.")
    var model: String?

    @Option(
        name: .customLong("calibrate"),
        help: ArgumentHelp("The video, or a folder of images.", valueName: "video"))
    var video: String

    @Option(name: [.short, .long], help: ArgumentHelp("The .safetensors file to write.", valueName: "file"))
    var output: String

    @Option(help: ArgumentHelp("Frames to look at.", valueName: "number"))
    var frames = 32

    @Option(help: ArgumentHelp("Threads of the detector; all processors if not given.", valueName: "number"))
    var threads: Int?

    @Flag(name: [.short, .long], help: "Report no progress.")
    var quiet = false

    func run() throws {
        guard (1...100_000).contains(frames) else {
            throw CommandFailure("--frames is \(frames); give a number from 1 to 100000")
        }
        try ModelOptions.requireThreads(threads)
        try ModelOptions.requireEngine()
        let path = try SampleModel.path(or: model)
        try OutputNames.requireSeparate([output], from: [path, video])
        let model = try Model(path: path)
        let interruption = Interruption()
        defer { interruption.stop() }
        let interrupter = Interrupter()
        interruption.onSignal { interrupter.interrupt() }
        let recorder = ActivationRecorder()
        let looked: Int
        do {
            looked = try look(Detector(model, threads: threads), interrupter, recorder)
        } catch {
            if let code = interruption.exitCode { throw ExitCode(code) }
            throw error
        }
        if let code = interruption.exitCode { throw ExitCode(code) }
        guard looked > 0 else { throw CommandFailure("\(video): no frame of it could be decoded; take another video") }
        let calibration: Calibration
        do {
            calibration = try recorder.calibration(of: model.network, frames: looked)
        } catch let failure as Calibration.Failure {
            throw CommandFailure("\(video): \(failure); take another video")
        }
        try model.write(to: output, calibration: calibration)
        if !quiet {
            Terminal.note(
                "\(output): ranges of \(calibration.ranges.count) layers, of \(looked) frames; use it with --precision int8"
            )
        }
    }

    /// Shows the detector frames that are evenly spread over the video, or the first ones where its length is unknown.
    ///
    /// - Returns: How many there were.
    private func look(_ detector: Detector, _ interrupter: Interrupter, _ recorder: ActivationRecorder) throws -> Int {
        let source = try VideoSource(video, options: VideoSource.Options(interrupter: interrupter))
        let count = source.information.frameCount ?? 0
        let counter = ProgressReporter.Counter()
        counter.state.withLock { $0.total = frames }
        let progress = quiet ? nil : ProgressReporter(unit: "frames") { counter.state.withLock { $0 } }
        defer { progress?.stop() }
        var looked = 0
        while looked < frames, let frame = try source.next() {
            // The frames at which a share of the video ends.
            let isWanted =
                count <= frames || frame.number >= count
                || frame.number * frames / count < (frame.number + 1) * frames / count
            guard isWanted else { continue }
            // However unlikely, objects are wanted: without any, the mask head would see nothing.
            _ = detector.detect(try frame.rgbImage(), threshold: 0, recorder: recorder)
            looked += 1
            counter.state.withLock { $0.done += 1 }
        }
        for loss in source.report.losses(of: video) { Terminal.note("warning: \(loss)") }
        return looked
    }
}
