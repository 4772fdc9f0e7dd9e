import ArgumentParser
import Foundation
import Synthesis

/// `segmentd synthesize`: a data set whose truth is known to the pixel.
struct SynthesizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synthesize", abstract: "Makes images and videos of moving shapes, with exact masks and tracks.",
        discussion: """
            Images go to images/ with COCO annotations in annotations.json, each video to a folder of its own in videos/ \
            with video.mp4, annotations.json and its tracks in gt.txt (MOTChallenge). The same options make the same \
            files. Without --images, --videos and --seconds it makes 200 images.
            """)

    @Option(name: [.short, .long], help: "The folder to make; it must be new or empty.")
    var output: String

    @Option(help: "Images, each of another scene.")
    var images: Int?

    @Option(help: "Videos, each of another scene; 1 if only --seconds is given.")
    var videos: Int?

    @Option(help: "Length of each video; 10 if not given.")
    var seconds: Double?

    @Option(help: ArgumentHelp("Pixels of images and videos.", valueName: "WxH"))
    var size = "432x240"

    @Option(help: "Frames per second of the videos.")
    var frameRate = 30.0

    @Option(help: "What everything random is derived from.")
    var seed: UInt64 = 1

    @Flag(help: "Also write the frames of the videos as images, which their annotations then name.")
    var framesAsImages = false

    @Flag(name: [.short, .long], help: "Report no progress.")
    var quiet = false

    func validate() throws {
        do { try plan().validate() } catch let error as DatasetError { throw ValidationError("\(error)") }
    }

    func run() throws {
        let writer = try DatasetWriter(folder: output, plan: try plan())
        var progress = quiet ? nil : Progress()
        let parts = try writer.write { progress?.report($0, of: $1) }
        progress?.end()
        for part in parts {
            let pictures = part.isVideo ? "frames" : "images"
            print("\(part.folder): \(part.pictures) \(pictures), \(part.objects) annotated objects")
        }
    }

    private func plan() throws -> DatasetPlan {
        var plan = DatasetPlan()
        let sides = size.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1] else {
            throw ValidationError("--size is \(size); it must be like 432x240")
        }
        (plan.width, plan.height, plan.seed, plan.frameRate) = (width, height, seed, frameRate)
        plan.videos = videos ?? (seconds == nil ? 0 : 1)
        plan.images = images ?? (videos == nil && seconds == nil ? 200 : 0)
        plan.seconds = seconds ?? plan.seconds
        plan.framesAsImages = framesAsImages
        return plan
    }
}

/// Counts pictures on standard error: one line that changes on a terminal, a line for every tenth elsewhere.
private struct Progress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var tenths = 0
    private var isLineOpen = false

    mutating func report(_ done: Int, of all: Int) {
        if isTerminal {
            write("\r\(done) of \(all) pictures")
            isLineOpen = true
        } else if done * 10 / max(1, all) > tenths {
            tenths = done * 10 / max(1, all)
            write("\(done) of \(all) pictures\n")
        }
    }

    mutating func end() {
        if isLineOpen { write("\n") }
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
