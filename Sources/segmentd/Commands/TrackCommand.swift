import ArgumentParser
import Files
import Foundation
import Instances
import Tracking

/// `segmentd track`: the tracker alone, on detections that something else has made.
struct TrackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "track", abstract: "Gives identities to detections in a MOTChallenge text file.",
        discussion: """
            Each line of the file is one detection: frame, -1, left, top, width, height, score, class. The output has \
            the same columns with identities in place of -1.
            """)

    @Argument(help: "The detections (det.txt); - for standard input.")
    var detections: String

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Where to write the tracks; standard output if not given.", valueName: "file"))
    var output: String?

    @Option(help: ArgumentHelp("Frames per second of the video that the detections are of.", valueName: "rate"))
    var frameRate = 30.0

    @OptionGroup var trackerOptions: TrackerOptions

    func run() throws {
        guard frameRate.isFinite, frameRate > 0 else {
            throw CommandFailure("--frame-rate is \(frameRate); give a number above 0")
        }
        if let output { try OutputNames.requireSeparate([output], from: [detections]) }
        let frames = try read()
        var tracker = try Tracker(configuration: trackerOptions.tracker(), frameInterval: 1 / frameRate)
        let file = try output.map { try AtomicFile(path: $0) } ?? AtomicFile.standardOutput()
        var text = ""
        for frame in 0...(frames.keys.max() ?? 0) {
            for object in tracker.update(with: frames[frame] ?? [], at: Double(frame) / frameRate) {
                if let line = MOTChallenge.line(frame: frame, object) { text += line + "\n" }
            }
        }
        try file.write(Array(text.utf8))
        try file.commit()
    }

    private func read() throws -> [Int: [Instance]] {
        let text: String
        if detections == "-" {
            text = String(decoding: try FileHandle.standardInput.readToEnd() ?? Data(), as: UTF8.self)
        } else {
            text = try MappedFile(path: detections).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        }
        do {
            return try MOTChallenge.frames(text)
        } catch let failure as MOTChallenge.Failure {
            throw UnreadableDetections(path: detections == "-" ? "standard input" : detections, failure: failure)
        }
    }
}

/// A line of a detections file that is not of the format, with the file that it stands in.
private struct UnreadableDetections: Error, CustomStringConvertible {
    var path: String
    var failure: MOTChallenge.Failure

    var description: String { "\(path): \(failure)" }
}
