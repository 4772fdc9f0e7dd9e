import Foundation
import Testing

@Suite("Signals to segmentd annotate")
struct SignalTests {
    private let folder: Workspace
    private let input: String
    private let before: [String]

    /// Makes a video of many minutes' work, by repeating a short one packet by packet.
    init() throws {
        folder = try Workspace()
        let short = try folder.video("short.mkv", frames: 50, "-c:v libx264 -bf 0")
        input = folder("long.mkv")
        try ffmpeg("-stream_loop 1000 -i \(short) -c copy", input)
        before = try folder.names
    }

    /// Starts the program and waits until so many frames have gone through.
    private func start(output: String, lines: Int) throws -> Program {
        let program = try Program(
            ["annotate", input, "--model", folder.model, "--output", folder(output), "--json", "-"])
        for _ in 0..<lines { try #require(program.line() != nil) }
        return program
    }

    @Test("SIGINT and SIGTERM end the run with their code and leave nothing", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let program = try start(output: "out.mp4", lines: 3)
        program.send(signal)
        let result = program.finish()
        #expect(result.status == 128 + signal)
        #expect(result.messages.last?.hasPrefix("Interrupted after ") == true, "\(result.errors)")
        #expect(try folder.names == before)
    }

    @Test("a signal while a pipe gives nothing ends the run too")
    func waiting() throws {
        // Nobody ever writes to it.
        try tool("mkfifo", [folder("pipe")])
        let program = try Program(["annotate", folder("pipe"), "--model", folder.model, "--output", folder("out.mp4")])
        program.send(SIGTERM)
        #expect([-SIGTERM, 128 + SIGTERM].contains(program.finish().status))
        #expect(try folder.names == (before + ["pipe"]).sorted())
    }

    @Test("after SIGKILL, what was written still plays", arguments: ["out.mp4", "out.mkv"])
    func killed(output: String) throws {
        // A fragment ends every two seconds of media, 50 frames; the encoder itself holds some back.
        let program = try start(output: output, lines: 200)
        program.send(SIGKILL)
        #expect(program.finish().status == -SIGKILL)
        let left = try folder.names.filter { !before.contains($0) }
        let name = try #require(left.first)
        #expect(left.count == 1 && name.hasPrefix(".\(output).") && name.hasSuffix(".part"))
        #expect(try times(folder(name)).count >= 50)
    }
}
