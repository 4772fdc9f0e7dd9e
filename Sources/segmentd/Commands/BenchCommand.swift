import ArgumentParser
import Foundation
import Instances
import MaskRCNN
import Video

/// `segmentd bench`: how fast a model is on this machine.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures how long a model takes for a frame on this machine.",
        discussion: """
            The table has the stages of a frame, then its operators: what each takes, how many multiplications and additions it does a \
            second, and how near that is to what this machine can do at all (its roofline: the measured peak of the processors, or of the \
            memory where that is the narrower way). Those of Winograd's algorithm are counted as it does them, a quarter of the \
            definition's, and without its transforms.
            """)

    @Option(help: ArgumentHelp("The picture's size; 640x480 if not given.", valueName: "WxH"))
    var size: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The score that an object must exceed, 0...1; the model's own if not given.", valueName: "score"))
    var threshold: Double?

    @Option(
        help: ArgumentHelp(
            "An image to look at; a smooth pattern of the size asked for if not given.", valueName: "file"))
    var image: String?

    @Option(
        name: .customLong("repeat"),
        help: ArgumentHelp("Frames to measure, after one that is not.", valueName: "number"))
    var repetitions = 10

    @Flag(help: "Measure other numbers of threads, picture sizes and numbers of objects too.")
    var scaling = false

    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    @OptionGroup var modelOptions: ModelOptions

    func run() throws {
        if let threshold { try ModelOptions.requireFraction(threshold, "--threshold") }
        guard (1...100_000).contains(repetitions) else {
            throw CommandFailure("--repeat is \(repetitions); give a number from 1 to 100000")
        }
        let picture = try picture()
        let detector = try modelOptions.detector()
        let categories = try modelOptions.categories(of: detector.configuration)
        let benchmark = Benchmark(threshold: threshold.map { Float($0) }, categories: categories)
        let figures = benchmark.measure(detector, picture, repetitions: repetitions)
        var report = BenchReport(figures: figures, precision: detector.precision, roofline: detector.roofline())
        if scaling {
            var options = modelOptions
            options.precision = detector.precision
            report.scaling = try benchmark.scaling(
                options, picture, repetitions: min(repetitions, 5), threads: detector.threads)
        }
        print(json ? report.json : report.table)
    }

    private func picture() throws -> RGBImage {
        if let image {
            guard size == nil else { throw CommandFailure("--image has a size of its own; leave --size out") }
            return try ImageFile.read(image)
        }
        let size = try PictureSize(size ?? "640x480", option: "--size")
        return Picture.pattern(width: size.width, height: size.height)
    }
}
