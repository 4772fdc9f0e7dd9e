import Foundation
import Instances
import Testing

@testable import Video

@Suite("Decoding")
struct VideoSourceTests {
    /// A way to make a video that differs from the others in one thing.
    struct Clip: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var arguments: String
        var name = "clip.mp4"

        init(_ description: String, _ arguments: String, name: String = "clip.mp4") {
            testDescription = description
            self.arguments = arguments
            self.name = name
        }
    }

    static let clips = [
        Clip("H.264 with B frames", pattern() + " -c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p"),
        Clip("H.264 tagged BT.709", pattern() + " -c:v libx264 -pix_fmt yuv420p -colorspace bt709"),
        Clip("H.264 in full range", pattern() + " -c:v libx264 -pix_fmt yuvj420p"),
        Clip("H.264 4:2:2", pattern() + " -c:v libx264 -pix_fmt yuv422p", name: "clip.mkv"),
        Clip("H.264 in ten bits", pattern() + " -c:v libx264 -pix_fmt yuv420p10le"),
        Clip("H.264 in odd sizes", pattern("testsrc", size: "161x121") + " -c:v libx264 -pix_fmt yuv444p"),
        Clip("HEVC", pattern() + " -c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p"),
        Clip(
            "FFV1 4:2:0 in odd sizes", pattern("testsrc", size: "161x121") + " -c:v ffv1 -pix_fmt yuv420p",
            name: "clip.mkv"),
        Clip(
            "VP9 in odd sizes",
            pattern("testsrc", size: "161x121") + " -c:v libvpx-vp9 -deadline realtime -pix_fmt yuv420p",
            name: "clip.webm"),
        Clip("AV1", pattern(seconds: 0.4) + " -c:v libaom-av1 -cpu-used 8 -usage realtime", name: "clip.mkv"),
        Clip("Motion JPEG", pattern() + " -c:v mjpeg -q:v 3", name: "clip.avi"),
        Clip("MPEG-4 in AVI, whose packets have no PTS", pattern() + " -c:v mpeg4 -bf 2", name: "clip.avi"),
        Clip("MPEG transport stream", pattern() + " -c:v mpeg2video -bf 2", name: "clip.ts"),
        Clip("lossless RGB", pattern() + " -c:v ffv1 -pix_fmt bgr0", name: "clip.mkv"),
        Clip("grey", pattern() + " -c:v ffv1 -pix_fmt gray", name: "clip.mkv"),
        Clip(
            "a variable frame rate",
            pattern(seconds: 1.6) + " -vf select='not(mod(n,3))+eq(mod(n,7),1)' -fps_mode vfr -c:v libx264 -bf 2"),
    ]

    @Test("has the frames and times that ffprobe lists, and ffmpeg's own colours", arguments: clips)
    func agreesWithFFmpeg(_ clip: Clip) throws {
        let folder = try Folder()
        let path = folder(clip.name)
        try ffmpeg(clip.arguments, path)
        let decoded = try frames(path)
        let expected = try probe(path, "frame=best_effort_timestamp")
        try #require(decoded.count == expected.count)
        for (frame, time) in zip(decoded, expected) {
            // AVI says nothing about the last frame; its time follows from the one before.
            #expect(time == "N/A" ? frame.timestamp.value == frame.number + 1 : time == String(frame.timestamp.value))
        }
        #expect(decoded.map(\.number) == Array(0..<expected.count))
        let reference = try referenceRGB(path, in: folder)
        let own = try decoded.flatMap { try $0.rgbImage().samples }
        try #require(own.count == reference.count)
        // The conversion is FFmpeg's with FFmpeg's settings; one step of rounding may differ between vector routines.
        let (largest, mean) = difference(own, reference)
        #expect(largest <= 1)
        #expect(mean < 0.01)
    }

    @Test("upright pictures are ffmpeg's, whichever way the container turns them", arguments: 0..<8)
    func orientation(_ turn: Int) throws {
        let folder = try Folder()
        let path = folder("turned.mp4")
        try ffmpeg(pattern(size: "160x96", seconds: 0.2) + " -c:v libx264 -pix_fmt yuv444p", path)
        let one: Int32 = 1 << 16
        let (transposes, x, y) = (turn & 1 != 0, turn & 2 != 0 ? -one : one, turn & 4 != 0 ? -one : one)
        try turnTrack(path, matrix: transposes ? (0, y, x, 0) : (x, 0, 0, y), folder)
        let source = try VideoSource(path)
        #expect(source.information.width == (transposes ? 96 : 160))
        #expect(source.information.height == (transposes ? 160 : 96))
        let frame = try #require(try source.next())
        #expect(frame.width == source.information.width)
        let reference = try referenceRGB(path, in: folder)
        let own = try frame.rgbImage().samples
        // Without subsampled chroma the order of turning and conversion does not matter, but for one step of rounding.
        let (largest, _) = difference(own, Array(reference.prefix(own.count)))
        #expect(largest <= 1)
    }

    /// Rewrites the display matrix of an MP4's first track (ISO/IEC 14496-12, section 8.3.2).
    private func turnTrack(_ path: String, matrix: (a: Int32, b: Int32, c: Int32, d: Int32), _ folder: Folder) throws {
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        let tag = Array("tkhd".utf8)
        let start = try #require(bytes.indices.first { bytes[$0...].starts(with: tag) })
        for (offset, value) in [(0, matrix.a), (4, matrix.b), (12, matrix.c), (16, matrix.d)] {
            withUnsafeBytes(of: value.bigEndian) {
                bytes.replaceSubrange((start + 44 + offset)..<(start + 48 + offset), with: $0)
            }
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    @Test("a drawable picture stands upright and shows the same colours as the RGB one")
    func drawable() throws {
        let folder = try Folder()
        let path = folder("turned.mp4")
        try ffmpeg("-f lavfi -i color=red:size=64x32:rate=5:duration=0.4 -c:v libx264 -pix_fmt yuv420p", path)
        try turnTrack(path, matrix: (0, 1 << 16, -1 << 16, 0), folder)
        let frame = try #require(try frames(path).first)
        let picture = try frame.drawablePicture()
        #expect(picture.width == 32 && picture.height == 64)
        #expect(picture.timestamp == frame.timestamp)
        let pixel = Array(try frame.rgbImage().samples.prefix(3))
        picture.withCanvas { canvas in
            #expect(canvas.chromaShiftX == 1 && canvas.chromaShiftY == 1)
            let expected = canvas.colorSpace.yuv(red: pixel[0], green: pixel[1], blue: pixel[2])
            // Eight-bit RGB and back loses up to two steps.
            #expect(abs(Int(canvas.luma[0]) - Int(expected.y)) <= 2)
            #expect(abs(Int(canvas.chromaU[0]) - Int(expected.u)) <= 2)
            #expect(abs(Int(canvas.chromaV[0]) - Int(expected.v)) <= 2)
        }
    }

    @Test("an odd size is drawn on in 4:4:4, so that no column is lost")
    func oddDrawable() throws {
        let folder = try Folder()
        try ffmpeg(pattern("testsrc", size: "33x17", seconds: 0.1) + " -c:v ffv1 -pix_fmt yuv420p", folder("odd.mkv"))
        let frame = try #require(try frames(folder("odd.mkv")).first)
        let picture = try frame.drawablePicture()
        picture.withCanvas { canvas in
            #expect(canvas.width == 33 && canvas.height == 17)
            #expect(canvas.chromaShiftX == 0 && canvas.chromaShiftY == 0)
        }
    }

    @Test("information says what the container does")
    func information() throws {
        let folder = try Folder()
        try ffmpeg(
            pattern(size: "160x96", rate: 30, seconds: 1)
                + " -f lavfi -i sine=duration=1 -c:v libx264 -pix_fmt yuv420p -colorspace bt709 -aspect 2:1 -c:a aac",
            folder("a.mp4"))
        let information = try VideoSource(folder("a.mp4")).information
        #expect(information.width == 160 && information.height == 96)
        #expect(information.frameRate == Rational(30, 1))
        #expect(information.frameCount == 30)
        #expect(abs((information.duration ?? 0) - 1) < 0.001)
        #expect(information.codecName == "h264" && information.pixelFormatName == "yuv420p")
        #expect(information.sampleAspectRatio == Rational(6, 5))
        #expect(information.colorSpaceName == "bt709")
        #expect(information.hasAudio)
        #expect(information.rotation == 0)
    }

    @Test("a limit ends the video early")
    func limit() throws {
        let folder = try Folder()
        try ffmpeg(pattern() + " -c:v libx264", folder("a.mp4"))
        #expect(try frames(folder("a.mp4"), options: .init(limit: 3)).count == 3)
    }

    @Test("frames and their pictures outlive the source")
    func lifetimes() throws {
        let folder = try Folder()
        try ffmpeg(pattern() + " -c:v libx264", folder("a.mp4"))
        let kept = try frames(folder("a.mp4"))
        let pictures = try kept.map { try ($0.rgbImage(), $0.drawablePicture()) }
        #expect(Set(pictures.map { $0.0.samples }).count == kept.count)
    }

    @Test("a size that changes in mid-stream changes the pictures")
    func changingSize() throws {
        let folder = try Folder()
        try ffmpeg(pattern(size: "96x64", seconds: 0.2) + " -c:v mpeg2video", folder("a.ts"))
        try ffmpeg(pattern(size: "160x128", seconds: 0.2) + " -c:v mpeg2video", folder("b.ts"))
        try folder.write(folder.bytes("a.ts") + folder.bytes("b.ts"), to: "both.ts")
        let sizes = try frames(folder("both.ts")).map { try $0.rgbImage().width }
        #expect(Set(sizes) == [96, 160])
    }

    @Test("what is left of a truncated MP4 is decoded, and the loss reported")
    func truncated() throws {
        let folder = try Folder()
        try ffmpeg(pattern(seconds: 4) + " -c:v libx264 -g 10 -movflags +faststart", folder("a.mp4"))
        let bytes = try folder.bytes("a.mp4")
        try folder.write(Array(bytes.prefix(bytes.count * 6 / 10)), to: "cut.mp4")
        let source = try VideoSource(folder("cut.mp4"))
        while try source.next() != nil {}
        let report = source.report
        #expect(report.framesDecoded > 20 && report.framesDecoded < 100)
        #expect(report.isTruncated)
        #expect(report.packetsLost > 0)
    }

    @Test("a truncated Matroska file is reported as such")
    func truncatedMatroska() throws {
        let folder = try Folder()
        try ffmpeg(pattern(seconds: 4) + " -c:v libx264 -g 10", folder("a.mkv"))
        let bytes = try folder.bytes("a.mkv")
        try folder.write(Array(bytes.prefix(bytes.count / 2)), to: "cut.mkv")
        let source = try VideoSource(folder("cut.mkv"))
        while try source.next() != nil {}
        #expect(source.report.framesDecoded > 10)
        #expect(source.report.isTruncated)
    }

    @Test("a whole file is not reported as truncated", arguments: ["mp4", "mkv", "ts", "avi"])
    func whole(_ suffix: String) throws {
        let folder = try Folder()
        try ffmpeg(
            pattern(seconds: 1) + " -f lavfi -i sine=duration=3 -c:v mpeg4 -c:a mp2", folder("a.\(suffix)"))
        let source = try VideoSource(folder("a.\(suffix)"))
        while try source.next() != nil {}
        #expect(
            source.report
                == {
                    var report = VideoSource.Report(); report.framesDecoded = 25; return report
                }())
    }

    @Test("damage in the middle is concealed, counted and survived")
    func damaged() throws {
        let folder = try Folder()
        try ffmpeg(pattern(seconds: 2) + " -c:v libx264 -g 10 -x264-params slices=4", folder("a.ts"))
        var bytes = try folder.bytes("a.ts")
        for index in stride(from: bytes.count / 3, to: bytes.count / 2, by: 61) { bytes[index] ^= 0x55 }
        try folder.write(bytes, to: "bad.ts")
        let source = try VideoSource(folder("bad.ts"))
        var corrupt = 0
        while let frame = try source.next() {
            if frame.isCorrupt { corrupt += 1 }
            _ = try frame.rgbImage()
        }
        let report = source.report
        #expect(report.framesDecoded > 20)
        #expect(report.framesCorrupt == corrupt)
        #expect(report.framesCorrupt + report.packetsLost > 0)
    }
}
