import Foundation
import Testing

/// One kind of input.
struct InputFormat: CustomTestStringConvertible {
    var testDescription: String
    var file: String
    /// The encoder without which FFmpeg cannot make it.
    var encoder: String
    var options: String
    var size = "96x64"
    /// Upright, pixels.
    var shownSize = "96,64"

    static let all = [
        InputFormat(testDescription: "H.264 in MP4", file: "a.mp4", encoder: "libx264", options: "-c:v libx264 -bf 2"),
        InputFormat(
            testDescription: "HEVC", file: "a.mkv", encoder: "libx265",
            options: "-c:v libx265 -x265-params log-level=none"),
        InputFormat(
            testDescription: "VP9", file: "a.webm", encoder: "libvpx-vp9", options: "-c:v libvpx-vp9 -cpu-used 8"),
        InputFormat(testDescription: "AV1", file: "a.mkv", encoder: "libsvtav1", options: "-c:v libsvtav1 -preset 12"),
        InputFormat(testDescription: "MJPEG in AVI", file: "a.avi", encoder: "mjpeg", options: "-c:v mjpeg"),
        InputFormat(
            testDescription: "10 bit", file: "a.mp4", encoder: "libx264", options: "-c:v libx264 -pix_fmt yuv420p10le"),
        InputFormat(
            testDescription: "a varying frame rate", file: "a.mp4", encoder: "libx264",
            options: "-vf select='not(mod(n,3))+eq(mod(n,7),1)' -fps_mode vfr -c:v libx264"),
        InputFormat(
            testDescription: "odd sides", file: "a.mkv", encoder: "libx264", options: "-c:v libx264 -pix_fmt yuv444p",
            size: "97x63", shownSize: "97,63"),
    ].filter { encoders.contains($0.encoder) }

    /// The encoders that the installed FFmpeg has.
    private static let encoders: Set<String> = {
        let list = (try? tool("ffmpeg", ["-v", "error", "-hide_banner", "-encoders"])) ?? ""
        return Set(
            list.split(separator: "\n").compactMap { $0.split(separator: " ").dropFirst().first.map(String.init) })
    }()
}

@Suite("Inputs and outputs of segmentd annotate")
struct FormatTests {
    @Test("every frame comes out at its own time", arguments: InputFormat.all, ["mp4", "mkv"])
    func frames(format: InputFormat, suffix: String) throws {
        let folder = try Workspace()
        let input = try folder.video(format.file, size: format.size, format.options)
        try expectSameFrames(input, as: format.shownSize, suffix: suffix, in: folder)
    }

    @Test("a video that was filmed upright comes out upright", arguments: ["mp4", "mkv"])
    func rotated(suffix: String) throws {
        let folder = try Workspace()
        try folder.video("lying.mp4")
        // The tag turns into a display matrix when the file is copied.
        try ffmpeg("-i \(folder("lying.mp4")) -c copy -metadata:s:v:0 rotate=90", folder("a.mp4"))
        try #require(try probe(folder("a.mp4"), "stream_side_data=rotation").isEmpty == false)
        try expectSameFrames(folder("a.mp4"), as: "64,96", suffix: suffix, in: folder)
    }

    @Test("a GIF is a video")
    func gif() throws {
        let folder = try Workspace()
        let input = try folder.video("a.gif", "")
        try expectSameFrames(input, as: "96,64", suffix: "mp4", in: folder)
    }

    private func expectSameFrames(
        _ input: String, as size: String, suffix: String, in folder: Workspace,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let output = folder("out.\(suffix)")
        let result = try Program.run(
            "annotate", input, "--model", folder.model, "--threshold", "0", "--output", output, "--json", "-")
        #expect(result.status == 0, "\(result.errors)", sourceLocation: sourceLocation)
        let expected = try times(input)
        #expect(expected.count > 3, sourceLocation: sourceLocation)
        // Matroska counts milliseconds, to the nearest of which it rounds.
        let tolerance = suffix == "mkv" ? 0.000501 : 1e-6
        let found = try times(output)
        #expect(
            isClose(found, expected, within: tolerance), "\(found) instead of \(expected)",
            sourceLocation: sourceLocation)
        #expect(try probe(output, "stream=width,height") == [size], sourceLocation: sourceLocation)
        let lines = try Line.all(result.output)
        #expect(isClose(lines.map(\.pts), expected, within: 1e-6), sourceLocation: sourceLocation)
        #expect(lines.allSatisfy { "\($0.width),\($0.height)" == size }, sourceLocation: sourceLocation)
    }

    @Test("each codec can be asked for", arguments: ["h264", "hevc", "vp9", "mjpeg"])
    func codecs(codec: String) throws {
        let folder = try Workspace()
        let result = try Program.run(
            "annotate", folder.video("in.mp4"), "--model", folder.model, "--codec", codec, "--output", folder("out.mkv")
        )
        #expect(result.status == 0)
        // No encoder's own words: only what the run has done, and how long each stage took.
        #expect(result.messages.count == 2, "\(result.errors)")
        #expect(try probe(folder("out.mkv"), "stream=codec_name") == [codec])
        #expect(try times(folder("out.mkv")).count == 10)
    }

    @Test("a folder and a pattern of images are videos in the order of their numbers", arguments: ["", "/*.png"])
    func images(pattern: String) throws {
        let folder = try Workspace()
        let images = try folder.images("frames", count: 11)
        let result = try Program.run(
            "annotate", images + pattern, "--model", folder.model, "--image-rate", "10", "--json", "-", "--output",
            folder("out.mp4"))
        #expect(result.status == 0, "\(result.errors)")
        let expected = (0..<11).map { Double($0) / 10 }
        #expect(isClose(try times(folder("out.mp4")), expected, within: 1e-6))
        #expect(isClose(try Line.all(result.output).map(\.pts), expected, within: 1e-6))
    }

    @Test("a video comes in by a pipe", arguments: ["mkv", "ts", "y4m"])
    func pipe(suffix: String) throws {
        let folder = try Workspace()
        let input = try folder.video("in.\(suffix)", suffix == "y4m" ? "-pix_fmt yuv420p" : "-c:v libx264")
        let result = try Program.run(
            "annotate", "-", "--model", folder.model, "--json", "-", "--output", folder("out.mkv"), input: input)
        #expect(result.status == 0, "\(result.errors)")
        let lines = try Line.all(result.output)
        #expect(lines.count == 10)
        #expect(lines.allSatisfy { $0.stream == "stdin" })
        #expect(try times(folder("out.mkv")).count == 10)
    }
}
