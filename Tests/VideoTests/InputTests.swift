import Foundation
import Instances
import Testing

@testable import Video

@Suite("Inputs")
struct InputTests {
    let folder: Folder

    init() throws { folder = try Folder() }

    /// The error that opening and reading to the end gives.
    private func failure(_ input: String, options: VideoSource.Options = .init()) -> VideoError? {
        do {
            _ = try frames(input, options: options)
            return nil
        } catch { return error as? VideoError }
    }

    @Test("a missing file is named")
    func missing() {
        #expect(failure(folder("none.mp4")) == .missing(path: folder("none.mp4")))
    }

    @Test("an empty file is named")
    func empty() throws {
        try folder.write([], to: "empty.mp4")
        #expect(failure(folder("empty.mp4")) == .empty(input: folder("empty.mp4")))
    }

    @Test("text is no video, whatever its suffix", arguments: ["a.mp4", "a.txt", "a.jpg", "a"])
    func text(_ name: String) throws {
        try folder.write(Array(String(repeating: "This is not a video.\n", count: 200).utf8), to: name)
        let error = failure(folder(name))
        #expect(error == .notMedia(input: folder(name)) || error == .nothingDecoded(input: folder(name)))
    }

    @Test("audio alone is refused as such")
    func audioOnly() throws {
        try ffmpeg("-f lavfi -i sine=duration=0.5 -c:a aac", folder("a.m4a"))
        #expect(failure(folder("a.m4a")) == .noVideo(input: folder("a.m4a"), hasAudio: true))
    }

    @Test("an MP4 that ends before its index is refused as such")
    func noIndex() throws {
        try ffmpeg(pattern() + " -c:v libx264", folder("a.mp4"))
        let bytes = try folder.bytes("a.mp4")
        try folder.write(Array(bytes.prefix(bytes.count / 2)), to: "cut.mp4")
        #expect(failure(folder("cut.mp4")) == .noIndex(input: folder("cut.mp4")))
    }

    @Test("gigantic frames are refused before any memory is taken")
    func gigantic() throws {
        try ffmpeg(pattern(size: "64x64", seconds: 0.1) + " -frames:v 1", folder("a.png"))
        var bytes = try folder.bytes("a.png")
        // The width in the IHDR chunk (PNG, section 11.2.2).
        bytes.replaceSubrange(16..<20, with: [0x00, 0x01, 0x00, 0x00])
        try folder.write(bytes, to: "wide.png")
        let error = failure(folder("wide.png"))
        #expect(error != nil)
        #expect(error?.description.hasPrefix(folder("wide.png")) == true)
    }

    @Test("random bytes behind a good header neither crash nor hang", arguments: 0..<12)
    func mutated(_ seed: Int) throws {
        let suffix = ["mp4", "mkv", "ts", "avi"][seed % 4]
        try ffmpeg(pattern(size: "64x64", seconds: 0.4) + " -c:v mpeg4", folder("a.\(suffix)"))
        var bytes = try folder.bytes("a.\(suffix)")
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        for _ in 0..<40 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 24)
        }
        try folder.write(bytes, to: "bad.\(suffix)")
        guard let source = try? VideoSource(folder("bad.\(suffix)")) else { return }
        while let frame = try? source.next() {
            _ = try? frame.rgbImage()
            _ = try? frame.drawablePicture()
        }
    }

    /// A Matroska file that begins at five seconds: its bytes, and where its duration stands.
    private func matroska() throws -> (bytes: [UInt8], duration: Int) {
        try ffmpeg(pattern(size: "64x64", seconds: 0.4) + " -c:v libx264 -bf 0 -output_ts_offset 5", folder("a.mkv"))
        let bytes = try folder.bytes("a.mkv")
        // The element Duration, a floating-point number of eight bytes (RFC 9559, section 5.1.2.10).
        let element: [UInt8] = [0x44, 0x89, 0x88]
        return (bytes, try #require(bytes.indices.first { bytes[$0...].starts(with: element) }) + element.count)
    }

    @Test(
        "a header that promises an eternity makes the video no less readable",
        arguments: [9_223_372_036_854_774, 1e300, -1, .nan])
    func endless(_ milliseconds: Double) throws {
        var (bytes, start) = try matroska()
        withUnsafeBytes(of: milliseconds.bitPattern.bigEndian) { bytes.replaceSubrange(start..<(start + 8), with: $0) }
        try folder.write(bytes, to: "endless.mkv")
        #expect(try frames(folder("endless.mkv")).count == 10)
    }

    @Test("a block of the longest duration that can be written is read")
    func longestBlock() throws {
        // A block group with one block of track 1, at time 1, and its duration (RFC 9559, sections 5.1.3.5 and 10).
        let (bytes, _) = try matroska()
        let block: [UInt8] = [0xA1, 0x85, 0x81, 0x00, 0x01, 0x00, 0x00]
        let duration: [UInt8] = [0x9B, 0x88, 0x7F] + Array(repeating: 0xFF, count: 7)
        let time: [UInt8] = [0xE7, 0x82, 0x01, 0x90]
        let content = time + [0xA0, 0x80 | UInt8(block.count + duration.count)] + block + duration
        let addition: [UInt8] = [0x1F, 0x43, 0xB6, 0x75, 0x80 | UInt8(content.count)] + content
        // Before the file's first cluster, so that it lies inside the segment whatever its stated size.
        let first = try #require(bytes.indices.first { bytes[$0...].starts(with: [0x1F, 0x43, 0xB6, 0x75]) })
        try folder.write(Array(bytes[..<first]) + addition + Array(bytes[first...]), to: "long.mkv")
        #expect(try frames(folder("long.mkv")).count >= 10)
    }

    @Test("a folder without images is refused")
    func noImages() throws {
        try folder.write([1], to: "note.txt")
        #expect(failure(folder.path) == .noImages(folder: folder.path))
    }

    @Test("a pattern that fits nothing is refused")
    func noMatch() {
        #expect(failure(folder("*.png")) == .noMatch(pattern: folder("*.png")))
    }

    @Test("numbers in names count as numbers")
    func naturalOrder() {
        let names = ["img10", "img2", "img1", "a", "img02x", "img2b", "b12c3", "b12c20"]
        #expect(
            names.sorted(by: InputName.precedes)
                == ["a", "b12c3", "b12c20", "img1", "img2", "img2b", "img02x", "img10"])
    }

    private func makeImages() throws {
        for (name, size) in [("img10.png", "32x16"), ("img2.jpg", "48x32"), ("img1.png", "17x9")] {
            try ffmpeg(pattern("testsrc", size: size, seconds: 0.1) + " -frames:v 1", folder(name))
        }
        try folder.write([1, 2, 3], to: "readme.txt")
    }

    @Test("a folder's images come in natural order, with names, sizes and times of their own")
    func imageFolder() throws {
        try makeImages()
        let found = try frames(folder.path, options: .init(imageFrameRate: Rational(10, 1)))
        #expect(found.map(\.name) == ["img1.png", "img2.jpg", "img10.png"])
        #expect(found.map(\.width) == [17, 48, 32])
        #expect(found.map(\.timestamp) == (0..<3).map { Timestamp(value: $0, timeBase: Rational(1, 10)) })
        #expect(try found.map { try $0.rgbImage().height } == [9, 32, 16])
    }

    @Test("a pattern takes only what fits it")
    func glob() throws {
        try makeImages()
        #expect(try frames(folder("*.png")).map(\.name) == ["img1.png", "img10.png"])
    }

    @Test("a photograph stands as its EXIF orientation says, and a single image has a name")
    func exif() throws {
        try ffmpeg(pattern("testsrc", size: "48x32", seconds: 0.1) + " -frames:v 1", folder("a.jpg"))
        var bytes = try folder.bytes("a.jpg")
        // An APP1 segment with one entry, orientation 6: a quarter turn clockwise (Exif 2.3, section 4.6.4).
        let entry: [UInt8] = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]
        let tiff = Array("Exif".utf8) + [0, 0] + Array("MM".utf8) + [0, 42, 0, 0, 0, 8, 0, 1] + entry
        bytes.insert(contentsOf: [0xFF, 0xE1, 0, UInt8(tiff.count + 2)] + tiff, at: 2)
        try folder.write(bytes, to: "turned.jpg")
        let source = try VideoSource(folder("turned.jpg"))
        #expect(source.information.width == 32 && source.information.height == 48)
        let frame = try #require(try source.next())
        #expect(frame.name == "turned.jpg")
        #expect(frame.width == 32 && frame.height == 48)
        let (image, plain) = (try frame.rgbImage().samples, try ImageFile.read(folder("a.jpg")).samples)
        // The stored top left corner is at the top right.
        #expect(Array(image[(31 * 3)..<(32 * 3)]) == Array(plain[0..<3]))
    }

    @Test("an image that cannot be read is left out, named in the report, and leaves a gap")
    func unreadableImage() throws {
        try makeImages()
        try folder.write(Array("no picture".utf8), to: "img2.jpg")
        let source = try VideoSource(folder.path)
        var times: [Int64] = []
        while let frame = try source.next() { times.append(frame.timestamp.value) }
        #expect(times == [0, 2])
        #expect(source.report.unreadableImages == ["img2.jpg"])
        #expect(source.report.unreadableImageCount == 1 && source.report.packetsLost == 0)
    }

    @Test("unreadable images beyond the first hundred are counted, if not named")
    func manyUnreadableImages() throws {
        try ffmpeg(pattern("testsrc", size: "32x16", seconds: 0.1) + " -frames:v 1", folder("img0.png"))
        for index in 1...120 { try folder.write([1, 2, 3], to: "img\(index).png") }
        let source = try VideoSource(folder.path)
        while try source.next() != nil {}
        #expect(source.report.unreadableImages.count == 100)
        #expect(source.report.unreadableImageCount == 120)
    }

    @Test("characters that mean something to FFmpeg are only characters in a file's name")
    func strangeNames() throws {
        try ffmpeg(pattern(size: "32x32", seconds: 0.1) + " -frames:v 1", folder("plain.png"))
        for name in ["a%03d.png", "b[1]?*.png", "c:d e#ü.png"] {
            try folder.write(folder.bytes("plain.png"), to: name)
            #expect(try frames(folder(name)).count == 1)
        }
    }

    @Test("a video comes through a named pipe")
    func namedPipe() throws {
        try ffmpeg(pattern() + " -c:v libx264 -bf 2", folder("a.ts"))
        let bytes = try folder.bytes("a.ts")
        let path = folder("pipe")
        try #require(mkfifo(path, 0o600) == 0)
        let writer = Thread {
            let handle = FileHandle(forWritingAtPath: path)
            try? handle?.write(contentsOf: Data(bytes))
            try? handle?.close()
        }
        writer.start()
        let source = try VideoSource(path)
        var times: [String] = []
        while let frame = try source.next() { times.append(String(frame.timestamp.value)) }
        #expect(times == (try probe(folder("a.ts"), "frame=pts")))
        #expect(!source.report.isTruncated)
    }

    @Test("a named pipe that carries text is refused, not waited for")
    func textThroughPipe() throws {
        let path = folder("pipe")
        try #require(mkfifo(path, 0o600) == 0)
        let writer = Process()
        writer.executableURL = URL(fileURLWithPath: "/bin/sh")
        writer.arguments = ["-c", "seq 2000 > \"$0\"", path]
        try writer.run()
        #expect(failure(path) == .notMedia(input: path))
        writer.waitUntilExit()
    }

    @Test("standard input that is a file can be sought in")
    func standardInput() throws {
        // The index of this MP4 stands at its end.
        try ffmpeg(pattern() + " -c:v libx264", folder("a.mp4"))
        let (saved, opened) = (dup(0), open(folder("a.mp4"), O_RDONLY))
        defer {
            dup2(saved, 0)
            close(saved)
        }
        dup2(opened, 0)
        close(opened)
        #expect(try frames("-").count == 20)
    }

    @Test("an interrupt ends a read that waits for bytes")
    func interrupt() throws {
        try ffmpeg(pattern(seconds: 2) + " -c:v libx264 -bf 0 -g 5", folder("a.ts"))
        let bytes = try folder.bytes("a.ts")
        let path = folder("pipe")
        try #require(mkfifo(path, 0o600) == 0)
        // Open for both, so that the pipe neither blocks here nor ends.
        let descriptor = open(path, O_RDWR)
        defer { close(descriptor) }
        let interrupter = Interrupter()
        let feeder = Thread {
            bytes.withUnsafeBytes { _ = write(descriptor, $0.baseAddress, $0.count) }
            interrupter.interrupt()
        }
        feeder.start()
        #expect(failure(path, options: .init(interrupter: interrupter)) == .interrupted(input: path))
    }
}
