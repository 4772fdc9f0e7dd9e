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
        Clip("H.264 in odd sizes", pattern(size: "161x121") + " -c:v libx264 -pix_fmt yuv444p"),
        Clip("HEVC", pattern() + " -c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p"),
        Clip("VP9 in odd sizes", pattern(size: "161x121") + " -c:v libvpx-vp9 -deadline realtime", name: "clip.webm"),
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
        #expect(decoded.map { String($0.timestamp.value) } == expected)
        #expect(decoded.map(\.number) == Array(0..<expected.count))
        let reference = try referenceRGB(path, in: folder)
        let own = try decoded.flatMap { try $0.rgbImage().samples }
        try #require(own.count == reference.count)
        // The conversion is FFmpeg's with FFmpeg's settings; one step of rounding may differ between vector routines.
        let (largest, mean) = difference(own, reference)
        #expect(largest <= 1)
        #expect(mean < 0.01)
    }
}
