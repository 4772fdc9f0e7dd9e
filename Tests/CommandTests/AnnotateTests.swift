import Foundation
import Testing

@Suite("segmentd annotate")
struct AnnotateTests {
    @Test("a video comes out with the input's frames and times, and a line of JSON a frame")
    func videoAndLines() throws {
        let folder = try Workspace()
        let input = try folder.video("in.mp4")
        let result = try Program.run(
            "annotate", input, "--model", folder.model, "--threshold", "0", "--output", folder("out.mp4"), "--json",
            folder("out.jsonl"))
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output == "")
        let expected = try times(input)
        #expect(expected.count == 10)
        #expect(try times(folder("out.mp4")) == expected)
        #expect(try probe(folder("out.mp4"), "stream=codec_name,width,height") == ["h264,96,64"])
        let lines = try Line.all(folder.text("out.jsonl"))
        #expect(lines.map(\.frame) == Array(0..<10))
        // Lines have six decimals, as ffprobe does.
        #expect(isClose(lines.map(\.pts), expected, within: 1e-6))
        #expect(lines.allSatisfy { $0.type == "frame" && $0.stream == "in" && $0.width == 96 && $0.height == 64 })
        #expect(lines.contains { !$0.objects.isEmpty })
        for object in lines.flatMap(\.objects) { try expectSound(object, width: 96, height: 64) }
        #expect(try folder.names == ["in.mp4", "model.safetensors", "out.jsonl", "out.mp4"])
    }

    @Test("lines go to standard output where that is asked for, and words to standard error")
    func standardOutput() throws {
        let folder = try Workspace()
        let input = try folder.video("in.mp4")
        let result = try Program.run("annotate", input, "--model", folder.model, "--json", "-")
        #expect(result.status == 0)
        #expect(try Line.all(result.output).count == 10)
        #expect(result.errors.contains("10 frames in"))
        #expect(try folder.names == ["in.mp4", "model.safetensors"])
    }

    @Test("--quiet says nothing")
    func quiet() throws {
        let folder = try Workspace()
        let result = try Program.run(
            "annotate", folder.video("in.mp4"), "--model", folder.model, "--quiet", "--output", folder("out.mp4"))
        #expect(result.status == 0)
        #expect(result.output == "" && result.errors == "")
        #expect(try times(folder("out.mp4")).count == 10)
    }

    @Test("tracks are written as MOTChallenge text, whose frames count from 1")
    func tracks() throws {
        let folder = try Workspace()
        let result = try Program.run(
            "annotate", folder.video("in.mp4"), "--model", folder.model, "--threshold", "0", "--mot", folder("gt.txt"))
        #expect(result.status == 0)
        let rows = try folder.text("gt.txt").split(separator: "\n").map { $0.split(separator: ",") }
        #expect(!rows.isEmpty)
        for row in rows {
            #expect(row.count >= 8)
            #expect((1...10).contains(Int(row[0]) ?? 0))
            #expect(Int(row[1]).map { $0 > 0 } == true)
        }
    }

    @Test("only the classes that were asked for are reported")
    func classes() throws {
        let folder = try Workspace()
        let input = try folder.video("in.mp4")
        func names(_ more: String...) throws -> Set<String> {
            let arguments = ["annotate", input, "--model", folder.model, "--threshold", "0", "--json", "-"] + more
            return Set(try Line.all(Program(arguments).finish().output).flatMap(\.objects).map(\.category))
        }
        let name = try #require(try names().sorted().first)
        #expect(try names("--classes", name) == [name])
    }

    @Test("drawing changes the picture, and no drawing leaves it as it is")
    func drawing() throws {
        let folder = try Workspace()
        let input = try folder.video("in.mp4")
        let plain = ["--no-masks", "--no-boxes", "--no-labels"]
        let untouched = try noise(of: folder, input, plain)
        let drawn = try noise(of: folder, input, [])
        // Decibels: an encoder at its best quality is far closer to its input than a picture that was drawn on.
        #expect(untouched > 38)
        #expect(drawn < untouched - 6)
    }

    /// The PSNR of the annotated video against its input, decibels.
    private func noise(of folder: Workspace, _ input: String, _ more: [String]) throws -> Double {
        let output = folder("out\(more.count).mp4")
        let arguments = ["annotate", input, "--model", folder.model, "--threshold", "0", "--quality", "1"]
        #expect(try Program(arguments + ["--output", output] + more).finish().status == 0)
        let statistics = folder("psnr\(more.count).log")
        try tool(
            "ffmpeg",
            ["-v", "error", "-i", input, "-i", output, "-lavfi", "psnr=stats_file=\(statistics)", "-f", "null", "-"])
        let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: statistics)), as: UTF8.self)
        let values = text.split(whereSeparator: \.isWhitespace).filter { $0.hasPrefix("psnr_y:") }
            .map { Double($0.dropFirst(7)) ?? 100 }
        return values.reduce(0, +) / Double(max(values.count, 1))
    }

    @Test("a run of frames can be cut off with --frames")
    func limit() throws {
        let folder = try Workspace()
        let result = try Program.run(
            "annotate", folder.video("in.mp4"), "--model", folder.model, "--frames", "4", "--json", "-", "--output",
            folder("out.mp4"))
        #expect(result.status == 0)
        #expect(try Line.all(result.output).count == 4)
        #expect(try times(folder("out.mp4")).count == 4)
    }

    @Test("audio is copied packet by packet", arguments: ["mp4", "mkv"])
    func audio(suffix: String) throws {
        let folder = try Workspace()
        let input = folder("in.mp4")
        try ffmpeg(
            "-f lavfi -i testsrc=size=96x64:rate=25 -f lavfi -i sine=frequency=440 -t 1 -c:v libx264 -c:a aac", input)
        let output = folder("out.\(suffix)")
        let result = try Program.run("annotate", input, "--model", folder.model, "--output", output)
        #expect(result.status == 0, "\(result.errors)")
        func sound(_ path: String) throws -> String {
            try tool("ffmpeg", ["-v", "error", "-i", path, "-map", "0:a", "-c", "copy", "-f", "md5", "-"])
        }
        #expect(try probe(output, "stream=codec_name", stream: "a:0") == ["aac"])
        #expect(try sound(output) == sound(input))
    }

    @Test("without any output named, the video is written beside where one is")
    func defaultName() throws {
        let folder = try Workspace()
        let input = try folder.video("in.mp4")
        let result = try Program(["annotate", input, "--model", folder.model], folder: folder.path).finish()
        #expect(result.status == 0)
        #expect(result.messages.last == "in.segmented.mp4")
        #expect(try times(folder("in.segmented.mp4")).count == 10)
    }
}
