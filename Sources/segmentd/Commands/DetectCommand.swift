import ArgumentParser
import Foundation
import Instances
import Locks
import Outputs
import Synchronization
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

    private final class Warnings: Sendable {
        let lines = Mutex<[String]>([])
    }

    func run() async throws {
        try OutputNames.requireSeparate([output], from: images)
        if let threshold { try ModelOptions.requireFraction(threshold, "--threshold") }
        let detector = try modelOptions.detector()
        let categories = try modelOptions.categories(of: detector.configuration)
        let interruption = Interruption()
        defer { interruption.stop() }
        let writer = try COCOResultsWriter(path: output)
        let started = ContinuousClock.now
        let interrupter = Interrupter()
        // Said at the end, where no progress line is in the way.
        let warnings = Warnings()
        var reader = ImageReader(images, interrupter: interrupter) { warning in
            warnings.lines.withLock { $0.append(warning) }
        }
        let run = DetectionRun(
            detector: detector, threshold: threshold, categories: categories, isQuiet: verbosity.quiet)
        let totals = try await run.run(
            name: "detect", interruption: interruption, interrupter: interrupter, into: writer,
            next: { try reader.next() })
        for warning in warnings.lines.withLock({ $0 }) { verbosity.warn(warning) }
        let seconds = (ContinuousClock.now - started).inSeconds
        verbosity.note(
            "\(totals.done) images in \(String(format: "%.1f", seconds)) s, \(totals.objects ?? 0) objects")
    }

    /// The images of all arguments, one after the other.
    ///
    /// Every image has its number, whether it can be read or not: numbers are what results are compared by.
    private struct ImageReader {
        private var inputs: [String]
        private let isAlone: Bool
        private let interrupter: Interrupter
        private let warn: @Sendable (String) -> Void
        private var current: (name: String, source: VideoSource)?
        /// Images of the arguments before the current one.
        private var before = 0
        /// Images of the current argument up to the last that was read.
        private var passed = 0
        private var isSequence = false
        private var firstFailure: VideoError?
        private var hasRead = false

        init(_ inputs: [String], interrupter: Interrupter, warn: @escaping @Sendable (String) -> Void) {
            self.inputs = inputs.reversed()
            isAlone = inputs.count == 1
            self.interrupter = interrupter
            self.warn = warn
        }

        mutating func next() throws -> DetectionRun.Item? {
            while true {
                do {
                    if let item = try nextOfCurrent() { return item }
                    guard let input = inputs.popLast() else { break }
                    (passed, isSequence) = (0, false)
                    current = (input, try VideoSource(input, options: VideoSource.Options(interrupter: interrupter)))
                } catch let failure as VideoError where !isAlone {
                    if case .interrupted = failure { throw failure }
                    // One bad image among many costs itself, as it does in a folder.
                    warn("\(failure)")
                    firstFailure = firstFailure ?? failure
                    current = nil
                    before += 1
                }
            }
            if !hasRead, let firstFailure { throw firstFailure }
            return nil
        }

        private mutating func nextOfCurrent() throws -> DetectionRun.Item? {
            guard let (name, source) = current else { return nil }
            if let frame = try source.next() {
                hasRead = true
                // Images of a folder that cannot be read leave a gap in its times.
                isSequence = frame.name != nil
                let place = isSequence ? Int(clamping: frame.timestamp.value) : frame.number
                passed = place + 1
                return DetectionRun.Item(
                    image: try frame.rgbImage(), id: before + passed,
                    name: frame.name ?? URL(fileURLWithPath: name).lastPathComponent)
            }
            for loss in source.report.losses(of: name) { warn(loss) }
            before += isSequence ? max(passed, source.information.frameCount ?? 0) : passed
            current = nil
            return nil
        }
    }
}
