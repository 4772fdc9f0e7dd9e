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

    @Option(
        name: [.short, .long], help: ArgumentHelp("The folder to make; it must be new or empty.", valueName: "folder"))
    var output: String

    @Option(help: ArgumentHelp("Images, each of another scene.", valueName: "number"))
    var images: Int?

    @Option(help: ArgumentHelp("Videos, each of another scene; 1 if only --seconds is given.", valueName: "number"))
    var videos: Int?

    @Option(help: "Length of each video; 10 if not given.")
    var seconds: Double?

    @Option(help: ArgumentHelp("Pixels of images and videos.", valueName: "WxH"))
    var size = "432x240"

    @Option(help: ArgumentHelp("Frames per second of the videos.", valueName: "rate"))
    var frameRate = 30.0

    @Option(help: ArgumentHelp("What everything random is derived from.", valueName: "number"))
    var seed: UInt64 = 1

    @Flag(help: "Also write the frames of the videos as images, which their annotations then name.")
    var framesAsImages = false

    @Flag(name: [.short, .long], help: "Report no progress.")
    var quiet = false

    func run() throws {
        let writer = try DatasetWriter(folder: output, plan: try plan())
        let counter = ProgressReporter.Counter()
        let progress = quiet ? nil : ProgressReporter(unit: "pictures") { counter.state.withLock { $0 } }
        let interruption = Interruption()
        defer { interruption.stop() }
        let parts: [DatasetWriter.Part]
        do {
            defer { progress?.stop() }
            parts = try writer.write { done, all in
                counter.state.withLock { ($0.done, $0.total) = (done, all) }
                if let code = interruption.exitCode { throw ExitCode(code) }
            }
        } catch let code as ExitCode {
            if !quiet {
                Terminal.note("Interrupted; \(output) holds pictures without annotations, and can be removed.")
            }
            throw code
        }
        for part in parts {
            let pictures = part.isVideo ? "frames" : "images"
            print("\(part.folder): \(part.pictures) \(pictures), \(part.objects) annotated objects")
        }
    }

    private func plan() throws -> DatasetPlan {
        var plan = DatasetPlan()
        let size = try PictureSize(size, option: "--size")
        (plan.width, plan.height, plan.seed, plan.frameRate) = (size.width, size.height, seed, frameRate)
        plan.videos = videos ?? (seconds == nil ? 0 : 1)
        plan.images = images ?? (videos == nil && seconds == nil ? 200 : 0)
        plan.seconds = seconds ?? plan.seconds
        plan.framesAsImages = framesAsImages
        return plan
    }
}
