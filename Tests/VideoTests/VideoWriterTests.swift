import Files
import Foundation
import Instances
import Testing

@testable import Video

@Suite("Encoding")
struct VideoWriterTests {
    let folder: Folder

    init() throws { folder = try Folder() }

    /// Decodes one file and encodes another; returns the writer's warnings.
    @discardableResult
    private func copy(
        _ input: String, _ output: String, options: VideoWriter.Options = .init(), audio: Bool = false,
        draw: (Canvas) -> Void = { _ in }
    ) throws -> [String] {
        let source = try VideoSource(input)
        let writer = try VideoWriter(
            path: output, format: .init(source.information), options: options, audioFrom: audio ? source : nil)
        while let frame = try source.next() {
            let picture = try frame.drawablePicture()
            picture.withCanvas(draw)
            try writer.write(picture)
        }
        try writer.finish()
        return writer.warnings
    }

    private func times(_ path: String) throws -> [Double] {
        try probe(path, "frame=best_effort_timestamp_time").compactMap(Double.init)
    }

    static let inputs = [
        "-c:v libx264 -bf 3 a.mp4", "-c:v libx264 -bf 2 a.ts", "-c:v libx264 -bf 2 a.mkv",
        "-vf select='not(mod(n,3))+eq(mod(n,7),1)' -fps_mode vfr -c:v libx264 a.mp4",
        "-c:v libx264 -output_ts_offset 5 a.mp4",
    ]

    @Test("times are the source's", arguments: inputs, ["mp4", "mov", "mkv"])
    func times(_ arguments: String, _ suffix: String) throws {
        let words = arguments.split(separator: " ").map(String.init)
        let input = folder(words[words.count - 1])
        try ffmpeg(pattern(seconds: 1.2) + " " + words.dropLast().joined(separator: " "), input)
        try copy(input, folder("out.\(suffix)"))
        let (before, after) = (try times(input), try times(folder("out.\(suffix)")))
        try #require(before.count == after.count)
        // Matroska counts in milliseconds; the others keep the source's time base.
        let tolerance = suffix == "mkv" ? 0.000_51 : 0.000_001_1
        for (a, b) in zip(before, after) { #expect(abs(a - b) <= tolerance) }
        #expect(try folder.names.sorted() == [words[words.count - 1], "out.\(suffix)"].sorted())
    }

    static let codecs: [(codec: String, suffix: String, name: String)] = [
        ("h264", "mp4", "h264"), ("libx264", "mkv", "h264"), ("hevc", "mp4", "hevc"), ("h265", "mkv", "hevc"),
        ("vp9", "mkv", "vp9"), ("vp9", "mp4", "vp9"), ("av1", "mp4", "av1"), ("mjpeg", "mkv", "mjpeg"),
        ("mjpeg", "mov", "mjpeg"), ("ffv1", "mkv", "ffv1"), ("mpeg4", "mp4", "mpeg4"),
    ]

    @Test("each codec keeps frames, times and colours", arguments: codecs)
    func codec(_ codec: String, _ suffix: String, _ name: String) throws {
        try ffmpeg(pattern(seconds: 0.4) + " -c:v libx264 -crf 10 -bf 2", folder("a.mp4"))
        let output = folder("out.\(suffix)")
        try copy(folder("a.mp4"), output, options: .init(codec: codec))
        #expect(try probe(output, "stream=codec_name") == [name])
        let (before, after) = (try times(folder("a.mp4")), try times(output))
        try #require(before.count == after.count)
        for (a, b) in zip(before, after) { #expect(abs(a - b) <= 0.000_51) }
        let (left, right) = (try frames(folder("a.mp4")), try frames(output))
        for (a, b) in zip(left, right) {
            // Coding loses something, but no colour: a wrong matrix or range would move the mean by more than ten.
            #expect(difference(try a.rgbImage().samples, try b.rgbImage().samples).mean < 6)
        }
    }

    @Test("what the numbers stand for, and the pixels' shape, go with them")
    func colours() throws {
        try ffmpeg(
            pattern(seconds: 0.2)
                + " -c:v libx264 -pix_fmt yuv420p10le -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range pc -aspect 2:1",
            folder("a.mp4"))
        try copy(folder("a.mp4"), folder("b.mp4"))
        let entries = "stream=color_space,color_primaries,color_transfer,color_range,sample_aspect_ratio"
        let lines = Set(try probe(folder("b.mp4"), entries, format: "default=nw=1"))
        #expect(
            lines == [
                "sample_aspect_ratio=4:3", "color_range=pc", "color_space=bt709",
                "color_transfer=bt709", "color_primaries=bt709",
            ])
        let (a, b) = (try #require(try frames(folder("a.mp4")).first), try #require(try frames(folder("b.mp4")).first))
        #expect(difference(try a.rgbImage().samples, try b.rgbImage().samples).mean < 4)
    }

    @Test(
        "an odd size keeps its last column and row", arguments: ["h264", "hevc", "vp9", "ffv1", "mjpeg", "libaom-av1"])
    func oddSize(_ codec: String) throws {
        try ffmpeg(pattern("testsrc", size: "67x35", seconds: 0.2) + " -c:v ffv1", folder("a.mkv"))
        try copy(folder("a.mkv"), folder("b.mkv"), options: .init(codec: codec))
        #expect(try probe(folder("b.mkv"), "stream=width,height") == ["67,35"])
    }

    @Test(
        "audio is copied packet by packet",
        arguments: ["a.mp4 out.mp4", "a.ts out.mp4", "a.mkv out.mkv", "a.mp4 out.mkv"])
    func audio(_ names: String) throws {
        let (input, output) = (
            folder(String(names.split(separator: " ")[0])), folder(String(names.split(separator: " ")[1]))
        )
        try ffmpeg(
            pattern(seconds: 2) + " -f lavfi -i sine=duration=2 -c:v libx264 -bf 2 -c:a aac -shortest", input)
        #expect(try copy(input, output, audio: true) == [])
        #expect(try probe(output, "stream=codec_type", stream: "v:0") == ["video"])
        #expect(try probe(output, "stream=codec_type", stream: "a:0") == ["audio"])
        #expect(try codedAudio(input) == codedAudio(output))
        let entries = "packet=pts_time"
        let (before, after) = (
            try probe(input, entries, stream: "a:0").compactMap(Double.init),
            try probe(output, entries, stream: "a:0").compactMap(Double.init)
        )
        try #require(before.count == after.count)
        // Time bases of milliseconds and of 1/90000 on either side.
        for (a, b) in zip(before, after) { #expect(abs(a - b) < 0.001_1) }
        let (v, w) = (try times(input), try times(output))
        try #require(v.count == w.count)
        for (a, b) in zip(v, w) { #expect(abs(a - b) < 0.000_51) }
    }

    /// The coded audio, in the one form that every container's can be brought to.
    private func codedAudio(_ path: String) throws -> [UInt8] {
        try ffmpeg("-i \(path) -map 0:a:0 -c copy -f adts", folder("coded.aac"))
        return try folder.bytes("coded.aac")
    }

    @Test("audio that the container cannot hold is left out with a warning, and the video is whole")
    func unsuitableAudio() throws {
        try ffmpeg(
            pattern(seconds: 0.4) + " -f lavfi -i sine=duration=0.4 -c:v libx264 -c:a pcm_s16le", folder("a.mkv"))
        let warnings = try copy(folder("a.mkv"), folder("b.mp4"), audio: true)
        #expect(warnings.count == 1 && warnings[0].contains("pcm_s16le"))
        #expect(try times(folder("b.mp4")).count == 10)
    }

    @Test("the last frame keeps its duration", arguments: ["mp4", "mkv"])
    func lastDuration(_ suffix: String) throws {
        try ffmpeg(pattern(rate: 2, seconds: 3) + " -c:v libx264 -bf 0", folder("a.mp4"))
        try copy(folder("a.mp4"), folder("b.\(suffix)"))
        let duration = try probe(folder("b.\(suffix)"), "format=duration").compactMap(Double.init)
        #expect(duration.count == 1 && abs(duration[0] - 3) < 0.01)
    }

    @Test("what is drawn on a picture is in the file")
    func drawing() throws {
        try ffmpeg(pattern(seconds: 0.2) + " -c:v libx264", folder("a.mp4"))
        try copy(folder("a.mp4"), folder("b.mkv"), options: .init(codec: "ffv1")) { canvas in
            let (y, u, v) = canvas.colorSpace.yuv(red: 255, green: 0, blue: 0)
            for row in 0..<16 { (canvas.luma + row * canvas.lumaStride).update(repeating: y, count: canvas.width) }
            for row in 0..<8 {
                (canvas.chromaU + row * canvas.chromaStride).update(repeating: u, count: canvas.width / 2)
                (canvas.chromaV + row * canvas.chromaStride).update(repeating: v, count: canvas.width / 2)
            }
        }
        for frame in try frames(folder("b.mkv")) {
            let pixel = try frame.rgbImage().samples[30..<33]
            // Eight-bit YUV and back.
            #expect(difference(Array(pixel), [255, 0, 0]).largest <= 3)
        }
    }

    @Test("a turned video becomes an upright one of the same times")
    func turned() throws {
        try ffmpeg(pattern(size: "64x32", seconds: 0.4) + " -c:v libx264 -aspect 4:1 -bf 2", folder("a.mp4"))
        var bytes = try folder.bytes("a.mp4")
        let tag = Array("tkhd".utf8)
        let start = try #require(bytes.indices.first { bytes[$0...].starts(with: tag) }) + 44
        for (offset, value) in [(0, Int32(0)), (4, 1 << 16), (12, -1 << 16), (16, 0)] {
            withUnsafeBytes(of: value.bigEndian) {
                bytes.replaceSubrange((start + offset)..<(start + offset + 4), with: $0)
            }
        }
        try folder.write(bytes, to: "turned.mp4")
        try copy(folder("turned.mp4"), folder("b.mp4"))
        let lines = try probe(
            folder("b.mp4"), "stream=width,height,sample_aspect_ratio:side_data=rotation", format: "default=nw=1")
        #expect(Set(lines) == ["width=32", "height=64", "sample_aspect_ratio=1:2"])
        #expect(try times(folder("b.mp4")) == times(folder("turned.mp4")))
    }

    @Test("pictures of another size are scaled to the output's")
    func scaled() throws {
        try ffmpeg(pattern(size: "96x64", seconds: 0.2) + " -c:v mpeg2video", folder("a.ts"))
        try ffmpeg(pattern(size: "160x128", seconds: 0.2) + " -c:v mpeg2video", folder("b.ts"))
        try folder.write(folder.bytes("a.ts") + folder.bytes("b.ts"), to: "both.ts")
        try copy(folder("both.ts"), folder("out.mp4"))
        #expect(Set(try frames(folder("out.mp4")).map(\.width)) == [96])
    }

    @Test("an unfinished file plays up to its last fragment", arguments: ["mp4", "mov", "mkv"])
    func killed(_ suffix: String) throws {
        try ffmpeg(pattern(size: "64x64", seconds: 12) + " -c:v libx264 -bf 2", folder("a.mp4"))
        let source = try VideoSource(folder("a.mp4"))
        let writer = try VideoWriter(path: folder("b.\(suffix)"), format: .init(source.information))
        while let frame = try source.next() { try writer.write(try frame.drawablePicture()) }
        let hidden = try #require(try folder.names.first { $0.hasSuffix(".part") })
        try folder.write(folder.bytes(hidden), to: "left.\(suffix)")
        // What the encoder looks ahead, at 40 to 60 frames, and a fragment of two seconds are lost; some 12 seconds went in.
        #expect(try times(folder("left.\(suffix)")).count > 150)
        writer.cancel()
    }

    @Test("a cancelled or forgotten writer leaves nothing", arguments: [true, false])
    func cancelled(_ isExplicit: Bool) throws {
        try ffmpeg(pattern(size: "64x64", seconds: 0.4) + " -c:v libx264", folder("a.mp4"))
        do {
            let source = try VideoSource(folder("a.mp4"))
            let writer = try VideoWriter(path: folder("b.mp4"), format: .init(source.information))
            while let frame = try source.next() { try writer.write(try frame.drawablePicture()) }
            if isExplicit { writer.cancel() }
        }
        #expect(try folder.names == ["a.mp4"])
    }

    private func failure(_ path: String, _ options: VideoWriter.Options = .init()) -> (any Error)? {
        do {
            _ = try VideoWriter(
                path: path, format: .init(width: 64, height: 64, timeBase: Rational(1, 25)), options: options)
            return nil
        } catch { return error }
    }

    @Test("outputs that cannot be are refused at once, with the reason")
    func refused() throws {
        #expect(failure(folder("a.xyz")) as? VideoError == .unknownContainer(path: folder("a.xyz")))
        #expect(failure(folder("a")) as? VideoError == .unknownContainer(path: folder("a")))
        #expect(
            failure(folder("no/a.mp4")) as? FileError
                == .noFolder(path: folder("no/a.mp4"), folder: folder("no")))
        #expect(failure(folder("a.mp4"), .init(codec: "h262x")) as? VideoError == .unknownCodec(name: "h262x"))
        #expect(
            failure(folder("a.webm"), .init(codec: "h264")) as? VideoError
                == .codecNotInContainer(codec: "h264", container: "webm"))
        #expect(
            failure(folder("a.mkv"), .init(codec: "wmv3")) as? VideoError == .noEncoder(name: "wmv3", available: []))
        guard
            case .noEncoder("mjpeg_none", let others)? = failure(folder("a.mkv"), .init(codec: "mjpeg_none"))
                as? VideoError
        else { Issue.record("an unknown encoder of a known codec"); return }
        #expect(others.contains("mjpeg"))
        #expect(try folder.names == [])
    }

    @Test(
        "an option that the encoder does not have is refused at once, and both are named",
        arguments: [
            (VideoWriter.Options(codec: "mpeg4", preset: "fast"), ["mpeg4", "preset"]),
            (VideoWriter.Options(codec: "ffv1", quality: 5), ["ffv1", "quality"]),
        ])
    func untakenOption(_ options: VideoWriter.Options, _ names: [String]) throws {
        let error = try #require(failure(folder("a.mkv"), options) as? VideoError)
        guard case .refused(_, let what, _) = error else { Issue.record(error); return }
        for name in names { #expect(what.contains(name)) }
        #expect(try folder.names == [])
    }

    @Test("HEVC has the tag that QuickTime and Safari play", arguments: ["mp4", "mov"])
    func hevcTag(_ suffix: String) throws {
        try ffmpeg(pattern(seconds: 0.4) + " -c:v libx264", folder("a.mkv"))
        try copy(folder("a.mkv"), folder("b.\(suffix)"), options: .init(codec: "hevc"))
        #expect(try probe(folder("b.\(suffix)"), "stream=codec_tag_string") == ["hvc1"])
        #expect(try times(folder("b.\(suffix)")).count == 10)
    }

    @Test("a full disk is named as such")
    func diskFull() throws {
        try ffmpeg(pattern(seconds: 0.4) + " -c:v libx264", folder("a.mp4"))
        #expect(throws: FileError.diskFull(path: "/dev/full")) {
            try copy(folder("a.mp4"), "/dev/full", options: .init(container: "mp4"))
        }
    }

    @Test("a file without pictures does not appear")
    func noPictures() throws {
        let writer = try VideoWriter(
            path: folder("a.mp4"), format: .init(width: 64, height: 64, timeBase: Rational(1, 25)))
        #expect(throws: VideoError.self) { try writer.finish() }
        #expect(try folder.names == [])
    }

    @Test("RGB pictures are encoded in their colours")
    func rgb() throws {
        let image = RGBImage(width: 64, height: 48)
        image.withMutableSamples { samples in
            for index in samples.indices { samples[index] = [200, 40, 90][index % 3] }
        }
        let timeBase = Rational(1, 10)
        let writer = try VideoWriter(path: folder("a.mp4"), format: .init(width: 64, height: 48, timeBase: timeBase))
        for index in 0..<5 {
            try writer.write(image, at: Timestamp(value: Int64(index), timeBase: timeBase), duration: 1)
        }
        try writer.finish()
        #expect(writer.count == 5)
        #expect(try times(folder("a.mp4")) == [0, 0.1, 0.2, 0.3, 0.4])
        for frame in try frames(folder("a.mp4")) {
            // A plane of one colour loses only the rounding of YUV.
            #expect(difference(try frame.rgbImage().samples, image.samples).largest <= 4)
        }
    }

    @Test("a folder of images becomes a video at the rate asked for")
    func images() throws {
        try ffmpeg(pattern(size: "64x48", seconds: 0.4), folder("img%d.png"))
        try copy(folder("*.png"), folder("out.mp4"))
        #expect(try times(folder("out.mp4")).count == 10)
        #expect(try probe(folder("out.mp4"), "stream=r_frame_rate") == ["25/1"])
    }
}
