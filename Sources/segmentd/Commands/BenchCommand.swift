import ArgumentParser
import Foundation
import Instances
import MaskRCNN
import Video

/// `segmentd bench`: how fast a model is on this machine.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures how long a model takes for a frame on this machine.")

    @Option(help: ArgumentHelp("The picture's size.", valueName: "WxH"))
    var size = "640x480"

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
        var seconds: [Double] = []
        var stages: [(name: String, seconds: [Double])] = []
        var objects = 0
        for round in 0...repetitions {
            let clock = StageClock()
            let start = ContinuousClock.now
            objects =
                detector.detect(picture, threshold: threshold.map { Float($0) }, categories: categories, clock: clock)
                .count
            // The first frame fills the pools.
            if round == 0 {
                stages = clock.times.map { ($0.stage, []) }
                continue
            }
            seconds.append((ContinuousClock.now - start).seconds)
            for (index, time) in clock.times.enumerated() { stages[index].seconds.append(time.time.seconds) }
        }
        let figures = Figures(
            seconds: seconds, stages: stages, threads: detector.threads, objects: objects, width: picture.width,
            height: picture.height)
        print(json ? figures.json : figures.table)
    }

    private func picture() throws -> RGBImage {
        if let image { return try ImageFile.read(image) }
        let size = try PictureSize(size, option: "--size")
        return Picture.pattern(width: size.width, height: size.height)
    }
}

/// What a benchmark found.
private struct Figures {
    var seconds: [Double]
    var stages: [(name: String, seconds: [Double])]
    var threads: Int
    var objects: Int
    var width: Int
    var height: Int

    private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    /// The most memory that the process has had, bytes.
    private var peakMemory: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }

    var json: String {
        var text = JSONText()
        text.object { text in
            text.number("seconds_per_frame", median(seconds), decimals: 6)
            text.number("seconds_least", seconds.min() ?? 0, decimals: 6)
            text.number("seconds_most", seconds.max() ?? 0, decimals: 6)
            text.integer("peak_rss_bytes", peakMemory)
            text.string("precision", "fp32")
            text.string("simd", Detector.engine)
            text.integer("threads", threads)
            text.integer("objects", objects)
            text.integer("width", width)
            text.integer("height", height)
            text.object("stages") { text in
                for stage in stages { text.number(stage.name, median(stage.seconds), decimals: 6) }
            }
        }
        return text.text
    }

    var table: String {
        func milliseconds(_ value: Double) -> String { String(format: "%10.1f", value * 1000) }
        let whole = median(seconds)
        var lines = [
            "\(width)x\(height), \(threads) threads, fp32 on \(Detector.engine), \(objects) objects; medians of \(seconds.count) frames",
            "stage              ms   share",
        ]
        for stage in stages {
            let time = median(stage.seconds)
            let name = stage.name.padding(toLength: 11, withPad: " ", startingAt: 0)
            lines.append("\(name)\(milliseconds(time))\(String(format: "%7.1f", 100 * time / whole)) %")
        }
        lines.append("frame      \(milliseconds(whole))")
        lines.append(
            "least \(String(format: "%.1f", (seconds.min() ?? 0) * 1000)) ms, "
                + "most \(String(format: "%.1f", (seconds.max() ?? 0) * 1000)) ms, "
                + "peak memory \(peakMemory / 1_000_000) MB")
        return lines.joined(separator: "\n")
    }
}
