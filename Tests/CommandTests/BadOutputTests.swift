import Foundation
import Testing

/// Outputs that cannot be written: one line says why, and nothing is left behind.
@Suite("Bad outputs of segmentd")
struct BadOutputTests {
    private let folder: Workspace
    private let input: String
    private let before: [String]

    init() throws {
        folder = try Workspace()
        input = try folder.video("in.mp4", frames: 50)
        before = try folder.names
    }

    private func annotate(_ arguments: String...) throws -> Program.Result {
        try Program(["annotate", input, "--model", folder.model, "--threshold", "0"] + arguments, folder: folder.path)
            .finish()
    }

    @Test("a folder that does not exist", arguments: ["--output", "--json", "--mot"])
    func noFolder(option: String) throws {
        let result = try annotate(option, folder("none/out.mp4"))
        try expectRefusal(result, saying: "none/out.mp4", "does not exist", in: folder, leaving: before)
    }

    @Test("a folder in place of a file", arguments: ["--json", "--mot"])
    func isFolder(option: String) throws {
        let result = try annotate(option, folder.path)
        try expectRefusal(result, saying: "is a folder", in: folder, leaving: before)
    }

    @Test("the input itself, by its name or by another", arguments: ["in.mp4", "./in.mp4", "link.mp4"])
    func input(name: String) throws {
        try FileManager.default.createSymbolicLink(atPath: folder("link.mp4"), withDestinationPath: input)
        let bytes = try folder.bytes("in.mp4")
        let result = try annotate("--output", folder(name))
        try expectRefusal(result, saying: "is the input itself", in: folder, leaving: (before + ["link.mp4"]).sorted())
        #expect(try folder.bytes("in.mp4") == bytes)
    }

    @Test("one name for two outputs", arguments: [("a.mp4", "a.mp4"), ("a.mp4", "./a.mp4"), ("-", "-")])
    func twice(first: String, second: String) throws {
        let result = try annotate("--json", first, "--mot", second)
        try expectRefusal(result, saying: "two outputs", in: folder, leaving: before)
    }

    @Test("detect does not write over its image, nor track over its detections")
    func otherCommands() throws {
        try ffmpeg("-f lavfi -i testsrc=size=96x64 -frames:v 1", folder("a.png"))
        try folder.write("1,-1,10,10,20,20,0.9,1\n".utf8, to: "det.txt")
        let before = try folder.names
        let calls = [
            ["detect", folder("a.png"), "--model", folder.model, "--output", folder("a.png")],
            ["track", folder("det.txt"), "--output", folder("det.txt")],
            ["model", "import", folder.model, "--output", folder.model],
        ]
        for call in calls {
            try expectRefusal(Program(call).finish(), saying: "is the input itself", in: folder, leaving: before)
        }
    }

    @Test("a name whose suffix is no container's", arguments: ["out", "out.txt", "out.json"])
    func suffix(name: String) throws {
        let result = try annotate("--output", folder(name))
        try expectRefusal(result, saying: "names no container", in: folder, leaving: before)
    }

    @Test(
        "a codec, a preset or a quality that there is not",
        arguments: [
            (["--codec", "h262"], "h262"), (["--codec", "vp9"], "vp9"), (["--preset", "quickest"], "veryfast"),
            (["--codec", "ffv1", "--quality", "0"], "ffv1"), (["--codec", "hevc", "--preset", "quickest"], "veryfast"),
            (["--quality", "1000"], "1000"),
            (["--codec", "av1", "--preset", "quickest"], "quickest"),
        ])
    func encoder(arguments: [String], words: String) throws {
        // Matroska would take any of the codecs; a MOV file cannot hold VP9.
        let call = ["annotate", input, "--model", folder.model, "--output", folder("out.mov")] + arguments
        try expectRefusal(Program(call).finish(), saying: words, in: folder, leaving: before)
    }

    @Test("a disk that is full", arguments: ["--json", "--mot"])
    func fullDevice(option: String) throws {
        let result = try annotate(option, "/dev/full", "--output", folder("out.mp4"))
        try expectRefusal(result, saying: "the disk is full", in: folder, leaving: before)
    }

    @Test("a file system without room for the video", .enabled(if: canMount, "only root can mount a small one"))
    func fullDisk() throws {
        try folder.makeFolder("small")
        try tool("mount", ["-t", "tmpfs", "-o", "size=16k", "none", folder("small")])
        defer { _ = try? tool("umount", [folder("small")]) }
        // The lines wait in memory until the end, when the video is whole; it must not get its name without them.
        for options in [
            ["--output", folder("small/out.mp4")], ["--json", folder("small/out.jsonl"), "--output", "out.mp4"],
        ] {
            let call = ["annotate", input, "--model", folder.model, "--threshold", "0"] + options
            let result = try Program(call, folder: folder.path).finish()
            try expectRefusal(
                result, saying: "the disk is full", in: folder, leaving: (before + ["small"]).sorted())
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder("small")).isEmpty)
        }
    }

    private static let canMount: Bool = {
        guard let probe = try? Workspace(), (try? tool("mount", ["-t", "tmpfs", "none", probe.path])) != nil else {
            return false
        }
        return (try? tool("umount", [probe.path])) != nil
    }()

    @Test("a file that was there stays as it was when the new one fails")
    func replaced() throws {
        try folder.write("precious".utf8, to: "out.mp4")
        let result = try annotate("--output", folder("out.mp4"), "--json", "/dev/full")
        try expectRefusal(result, saying: "full", in: folder, leaving: (before + ["out.mp4"]).sorted())
        #expect(try folder.text("out.mp4") == "precious")
    }

    @Test("a reader that goes away")
    func readerGone() throws {
        // Long enough that the program is still writing when it finds nobody at the other end.
        try ffmpeg("-stream_loop 100 -i \(input) -c copy", folder("long.mkv"))
        let program = try Program(
            ["annotate", folder("long.mkv"), "--model", folder.model, "--json", "-", "--output", folder("out.mp4")])
        #expect(program.line() != nil)
        try program.closeOutput()
        let result = program.finish(readingOutput: false)
        #expect(result.status == 1)
        #expect(result.messages.filter { $0.hasPrefix("Error: ") } == result.messages, "\(result.errors)")
        #expect(result.errors.contains("the reader has closed its end"))
        #expect(try folder.names == (before + ["long.mkv"]).sorted())
    }
}
