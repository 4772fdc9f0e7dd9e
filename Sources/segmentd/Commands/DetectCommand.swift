import ArgumentParser
import Foundation
import Instances
import Outputs
import Pipeline
import Video

/// `segmentd detect`: images in, COCO's array of results out.
struct DetectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detect", abstract: "Finds the objects in images.",
        discussion: """
            Writes COCO's results: an array of objects with image_id, category_id, bbox, score and segmentation, which \
            pycocotools reads with loadRes. Images are numbered from 1 in the order given; in a folder or pattern, img2 comes \
            before img10.
            """)

    @Argument(help: "Image files, folders of images, or patterns such as 'images/*.png'.")
    var images: [String]

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Where to write the results; standard output if not given.", valueName: "file"))
    var output = "-"

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The score that an object must exceed, 0...1; the model's own if not given.", valueName: "score"))
    var threshold: Double?

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var verbosity: VerbosityOptions

    private struct Item: Sendable {
        var image: RGBImage
        var id: Int
        var name: String
        var objects: [Instance] = []
    }

    func run() async throws {
        try OutputNames.requireSeparate([output], from: images)
        if let threshold { try ModelOptions.requireFraction(threshold, "--threshold") }
        let detector = try modelOptions.detector()
        let categories = try modelOptions.categories(of: detector.configuration)
        let interruption = Interruption()
        defer { interruption.stop() }
        // Only the pipeline's last stage writes, and this function once the pipeline has ended.
        nonisolated(unsafe) let writer = try COCOResultsWriter(path: output)
        let least = threshold.map { Float($0) }
        let started = ContinuousClock.now
        let counter = ProgressReporter.Counter()
        let interrupter = Interrupter()
        var reader = ImageReader(images, interrupter: interrupter)

        let pipeline = Pipeline(name: "detect")
        let decoded = pipeline.source("decode") { try reader.next() }
        let detected = pipeline.stage("detect", from: decoded) { (item: Item) -> Item? in
            var item = item
            item.objects = detector.detect(item.image, threshold: least, categories: categories)
            return item
        }
        pipeline.sink("write", from: detected) { item in
            try writer.write(item.objects, imageID: item.id, fileName: item.name)
            counter.state.withLock { state in
                state.done += 1
                state.objects = (state.objects ?? 0) + item.objects.count
            }
        }
        pipeline.onCancel { interrupter.interrupt() }
        interruption.onSignal { pipeline.cancel() }
        let progress =
            verbosity.quiet ? nil : ProgressReporter(unit: "images") { counter.state.withLock { $0 } }
        let outcome: Pipeline.Outcome
        do {
            outcome = try await pipeline.run()
            progress?.stop()
        } catch {
            progress?.stop()
            writer.cancel()
            throw error
        }
        if case .cancelled = outcome {
            writer.cancel()
            throw ExitCode(interruption.exitCode ?? 1)
        }
        try writer.finish()
        let totals = counter.state.withLock { $0 }
        let seconds = (ContinuousClock.now - started).seconds
        verbosity.note(
            "\(totals.done) images in \(String(format: "%.1f", seconds)) s, \(totals.objects ?? 0) objects")
    }

    /// The images of all arguments, one after the other.
    private struct ImageReader {
        private var inputs: [String]
        private var current: (name: String, source: VideoSource)?
        private let interrupter: Interrupter
        private var count = 0

        init(_ inputs: [String], interrupter: Interrupter) {
            self.inputs = inputs.reversed()
            self.interrupter = interrupter
        }

        mutating func next() throws -> Item? {
            while true {
                if let (name, source) = current {
                    if let frame = try source.next() {
                        count += 1
                        return Item(
                            image: try frame.rgbImage(), id: count,
                            name: frame.name ?? URL(fileURLWithPath: name).lastPathComponent)
                    }
                    for loss in source.report.losses(of: name) { Terminal.note("warning: \(loss)") }
                }
                guard let input = inputs.popLast() else { return nil }
                current = (input, try VideoSource(input, options: VideoSource.Options(interrupter: interrupter)))
            }
        }
    }
}
