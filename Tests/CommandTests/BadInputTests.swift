import Foundation
import Testing

/// Inputs that are none: one line says why, and nothing is left behind.
@Suite("Bad inputs of segmentd")
struct BadInputTests {
    private let folder: Workspace

    init() throws { folder = try Workspace() }

    /// Annotates and detects, both of which have to refuse.
    private func expectBothRefuse(
        _ input: String, saying words: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try folder.names
        for command in ["annotate", "detect"] {
            let result = try Program.run(command, input, "--model", folder.model, "--output", folder("out.mp4"))
            try expectRefusal(result, saying: words, in: folder, leaving: before, sourceLocation: sourceLocation)
        }
    }

    @Test("a file that is missing")
    func missing() throws { try expectBothRefuse(folder("in.mp4"), saying: "there is no such file") }

    @Test("a pattern that fits nothing")
    func noMatch() throws { try expectBothRefuse(folder("*.png"), saying: "no file fits the pattern") }

    @Test("a folder without images")
    func noImages() throws {
        try folder.makeFolder("frames")
        try folder.write("text".utf8, to: "frames/readme.txt")
        try expectBothRefuse(folder("frames"), saying: "holds no images")
    }

    @Test("a folder in which no image can be read")
    func brokenImages() throws {
        try folder.makeFolder("frames")
        try folder.write("text".utf8, to: "frames/1.png")
        try folder.write("text".utf8, to: "frames/2.png")
        try expectBothRefuse(folder("frames"), saying: "1.png")
    }

    @Test("an empty file", arguments: ["in.mp4", "in.png"])
    func empty(name: String) throws {
        try folder.write([], to: name)
        try expectBothRefuse(folder(name), saying: "is empty")
    }

    @Test("an empty pipe")
    func emptyPipe() throws {
        let before = try folder.names
        let result = try Program.run("annotate", "-", "--model", folder.model, "--output", folder("out.mp4"))
        try expectRefusal(result, saying: "-: is empty", in: folder, leaving: before)
    }

    @Test("a text that is called a video or an image", arguments: ["in.mp4", "in.mkv", "in.png", "in.txt"])
    func text(name: String) throws {
        try folder.write(String(repeating: "This is no video.\n", count: 100).utf8, to: name)
        try expectBothRefuse(folder(name), saying: name)
    }

    @Test("an MP4 that ends before its index")
    func withoutIndex() throws {
        try folder.video("whole.mp4", frames: 50)
        try folder.write(folder.bytes("whole.mp4").prefix(2000), to: "in.mp4")
        try expectBothRefuse(folder("in.mp4"), saying: "index")
    }

    @Test("a file with audio only", arguments: ["in.m4a", "in.wav", "in.mkv"])
    func audioOnly(name: String) throws {
        try ffmpeg("-f lavfi -i sine=duration=0.2", folder(name))
        try expectBothRefuse(folder(name), saying: "audio only")
    }

    @Test("a PNG that claims impossible sides", arguments: [(0, 64), (2_000_000_000, 2_000_000_000), (100_000, 1)])
    func imageSize(width: UInt32, height: UInt32) throws {
        try ffmpeg("-f lavfi -i testsrc=size=96x64 -frames:v 1", folder("whole.png"))
        var bytes = try folder.bytes("whole.png")
        // The header chunk (PNG, section 11.2.1) begins at byte 12 with its name, then width and height.
        bytes.replaceSubrange(16..<24, with: [width, height].flatMap { withUnsafeBytes(of: $0.bigEndian, Array.init) })
        let check = crc(bytes[12..<29])
        bytes.replaceSubrange(29..<33, with: withUnsafeBytes(of: check.bigEndian, Array.init))
        try folder.write(bytes, to: "in.png")
        try FileManager.default.removeItem(atPath: folder("whole.png"))
        try expectBothRefuse(folder("in.png"), saying: "in.png")
    }

    @Test(
        "a raw video that claims impossible sides", arguments: ["W0 H64", "W2000000000 H2000000000", "W30000 H30000"])
    func rawSize(sides: String) throws {
        let text = "YUV4MPEG2 \(sides) F25:1 Ip A1:1 C420\nFRAME\n" + String(repeating: "x", count: 9216)
        try folder.write(text.utf8, to: "in.y4m")
        try expectBothRefuse(folder("in.y4m"), saying: "in.y4m")
    }

    @Test("a video of which every frame is destroyed")
    func destroyed() throws {
        try folder.video("whole.mkv", "-c:v libx264")
        var bytes = try folder.bytes("whole.mkv")
        for index in stride(from: 800, to: bytes.count - 100, by: 2) { bytes[index] ^= 0xa5 }
        try folder.write(bytes, to: "in.mkv")
        try FileManager.default.removeItem(atPath: folder("whole.mkv"))
        try expectBothRefuse(folder("in.mkv"), saying: "in.mkv")
    }

    @Test("a name with a line break in it gives one line all the same")
    func lineBreak() throws { try expectBothRefuse(folder("two\nlines.mp4"), saying: "there is no such file") }

    @Test(
        "numbers that are out of their range",
        arguments: [
            ("--threshold", "1.5"), ("--threshold", "-0.1"), ("--threshold", "nan"), ("--opacity", "2"),
            ("--track-low-thresh", "3"), ("--frames", "0"), ("--image-rate", "0"), ("--threads", "0"),
        ])
    func numbers(option: String, value: String) throws {
        let input = try folder.video("in.mp4")
        let before = try folder.names
        let result = try Program.run(
            "annotate", input, "--model", folder.model, "\(option)=\(value)", "--output", folder("out.mp4"))
        let key = option.dropFirst(2).replacingOccurrences(of: "-", with: "_")
        #expect(result.errors.contains(option) || result.errors.contains(key))
        try expectRefusal(result, in: folder, leaving: before)
    }

    @Test("a class that the model does not know is answered with those it does")
    func unknownClass() throws {
        let input = try folder.video("in.mp4")
        let before = try folder.names
        let result = try Program.run(
            "annotate", input, "--model", folder.model, "--classes", "unicorn", "--output", folder("out.mp4"))
        try expectRefusal(
            result, saying: "unicorn", "category 1, category 2, category 3, category 4", in: folder, leaving: before)
    }

    /// The checksum of PNG's chunks (PNG, annex D).
    private func crc(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(UInt32.max) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 1 ? 0xedb8_8320 : 0) }
        }
    }
}
