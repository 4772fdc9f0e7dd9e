import Foundation
import Instances
import Outputs
import Testing

@Suite("segmentd listen")
struct ListenTests {
    private let folder: Workspace
    private let path: String

    init() throws {
        folder = try Workspace()
        path = folder("door.sock")
    }

    private func hello(_ stream: String) -> EncodedRecord {
        EncodedRecord(
            .hello(.init(program: "segmentd", stream: stream, categories: [Category(id: 1, name: "disc")])))
    }

    private func frame(_ number: Int, _ stream: String = "door") -> EncodedRecord {
        EncodedRecord(
            .frame(FrameResult(stream: stream, frame: number, pts: Double(number), width: 4, height: 2, objects: [])))
    }

    private func end(_ stream: String) -> EncodedRecord {
        EncodedRecord(.end(stream: stream, time: nil, reason: "stopped"))
    }

    /// Waits until clients are there.
    private func waitForClients(_ count: Int, of output: SocketOutput) throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while output.status.connections < count {
            try #require(ContinuousClock.now < deadline, "no client came")
            usleep(2000)
        }
    }

    /// A socket on which nobody speaks.
    private func listeningSocket() throws -> CInt {
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(code == 0 && listen(descriptor, 8) == 0)
        return descriptor
    }

    @Test("prints every line as it comes, and ends with exit code 0 when the streams have")
    func everything() throws {
        let output = try SocketOutput(path: path)
        output.publish(hello("door"))
        output.publish(hello("yard"))
        let program = try Program(["listen", path])
        #expect(program.line() == hello("door").record.jsonLine())
        #expect(program.line() == hello("yard").record.jsonLine())
        let records = (0..<20).map { frame($0) } + [end("door"), frame(20, "yard"), end("yard")]
        for record in records {
            output.publish(record)
            #expect(program.line() == record.record.jsonLine())
        }
        // The socket is still there: it is the streams' end that the program ends at.
        let result = program.finish()
        #expect(result.status == 0 && result.output == "" && result.errors == "")
        withExtendedLifetime(output) {}
    }

    @Test("prints the types and the stream that were asked for")
    func filters() throws {
        let output = try SocketOutput(path: path)
        output.publish(hello("door"))
        output.publish(hello("yard"))
        let program = try Program(["listen", path, "--type", "frame, end", "--stream", "yard"])
        try waitForClients(1, of: output)
        for record in [frame(0), frame(1, "yard"), end("door"), frame(2, "yard"), end("yard")] {
            output.publish(record)
        }
        let result = program.finish()
        #expect(result.status == 0)
        let expected = [frame(1, "yard"), frame(2, "yard"), end("yard")].map { $0.record.jsonLine() + "\n" }
        #expect(result.output == expected.joined())
    }

    @Test("ends after a number of lines, and with the daemon")
    func ends() throws {
        let output = try SocketOutput(path: path)
        output.publish(hello("door"))
        let counted = try Program(["listen", path, "--count", "2"])
        let whole = try Program(["listen", path])
        try waitForClients(2, of: output)
        for number in 0..<3 { output.publish(frame(number)) }
        #expect(counted.finish().output.split(separator: "\n").count == 2)
        output.finish(within: .seconds(30))
        let result = whole.finish()
        #expect(result.status == 0 && result.output.split(separator: "\n").count == 4)
    }

    @Test("a reader that has gone ends it quietly")
    func readerGone() throws {
        let output = try SocketOutput(path: path)
        output.publish(hello("door"))
        let program = try Program(["listen", path])
        #expect(program.line() != nil)
        try program.closeOutput()
        output.publish(frame(0))
        let result = program.finish(readingOutput: false)
        #expect(result.status == 0 && result.errors == "")
        withExtendedLifetime(output) {}
    }

    @Test("waits for the daemon and connects again where it is told to")
    func reconnect() throws {
        let program = try Program(["listen", path, "--reconnect", "--count", "4"])
        for round in 0..<2 {
            let output = try SocketOutput(path: path)
            output.publish(hello("door"))
            #expect(program.line() == hello("door").record.jsonLine())
            output.publish(frame(round))
            #expect(program.line() == frame(round).record.jsonLine())
            output.finish(within: .seconds(30))
        }
        let result = program.finish()
        #expect(result.status == 0)
        #expect(result.messages.allSatisfy { $0.contains("waiting for it") })
    }

    @Test("a daemon that closes at once is asked more and more seldom")
    func closing() throws {
        let listener = try listeningSocket()
        let program = try Program(["listen", path, "--reconnect", "--count", "1"])
        var times: [ContinuousClock.Instant] = []
        for _ in 0..<4 {
            let client = accept(listener, nil, nil)
            try #require(client >= 0)
            times.append(.now)
            close(client)
        }
        // Waits of 100, 200 and 400 ms, of which chance takes a fifth at most; a slow machine only makes them longer.
        #expect(times[3] - times[0] > .milliseconds(550))
        close(listener)
        // One that speaks is heard in the end.
        let output = try SocketOutput(path: path)
        output.publish(hello("door"))
        let result = program.finish()
        #expect(result.status == 0 && result.output == hello("door").record.jsonLine() + "\n")
        withExtendedLifetime(output) {}
        #expect(result.messages.count == 1 && result.errors.contains("without a hello; waiting for it"))
    }

    @Test("what cannot be listened to is said in one line")
    func refusals() throws {
        let before = try folder.names
        try expectRefusal(
            Program.run("listen", folder("none.sock")), saying: "there is no such socket", in: folder, leaving: before)
        try expectRefusal(
            Program.run("listen", folder.model), saying: "is not a socket", in: folder, leaving: before)
        try expectRefusal(
            Program.run("listen", folder.path), saying: "is not a socket", in: folder, leaving: before)
        let long = "/tmp/" + String(repeating: "x", count: 120)
        try expectRefusal(Program.run("listen", long), saying: "107 bytes", in: folder, leaving: before)
    }

    @Test("a socket that a killed daemon has left is said to be one")
    func stale() throws {
        close(try listeningSocket())
        let before = try folder.names
        try #require(before.contains("door.sock"))
        try expectRefusal(
            Program.run("listen", path), saying: "no daemon listens", in: folder, leaving: before)
    }

    @Test(
        "wrong calls are refused with a list of what is right", arguments: [["--type", "frames"], ["--count", "0"]])
    func wrongCalls(arguments: [String]) throws {
        let program = try Program(["listen", path] + arguments)
        let result = program.finish()
        #expect(result.status == 64)
        #expect(result.errors.contains(arguments[1]))
    }
}
