import Foundation
import Instances
import RandomNumbers
import Testing

@testable import Outputs

@Suite("A socket for consumers", .timeLimit(.minutes(2)))
struct SocketOutputTests {
    let folder: WriterTests.Folder
    let path: String
    let log = EventLog()

    init() throws {
        folder = try WriterTests.Folder()
        path = folder.path + "/door.sock"
    }

    private func output(_ change: (inout SocketOptions) -> Void = { _ in }) throws -> SocketOutput {
        var options = SocketOptions()
        change(&options)
        return try SocketOutput(path: path, options: options) { [log] in log.append($0) }
    }

    /// A client that has been let in.
    private func client(of output: SocketOutput) throws -> LineClient {
        let before = output.status.connections
        let client = try LineClient(path)
        expectEventually("the client is let in") { output.status.connections > before }
        return client
    }

    /// The numbers of frames, gaps included, that the lines account for in a stream.
    private func accounted(_ lines: [String], stream: String = "door") throws -> Int {
        try lines.map(LineClient.fields).filter { $0["stream"] as? String == stream }.reduce(0) { sum, fields in
            switch fields["type"] as? String {
            case "frame": sum + 1
            case "gap": sum + (fields["frames"] as? Int ?? 0)
            default: sum
            }
        }
    }

    @Test("a client gets hello first, then every record in order, then the end and the connection's end")
    func wholeLife() throws {
        let output = try output()
        output.setHello(Sample.hello("door"))
        let client = try client(of: output)
        for number in 0..<100 { output.publish(Sample.frame(number)) }
        output.publish(Sample.end())
        output.finish(within: .seconds(30))
        let lines = client.lines()
        #expect(lines.count == 102)
        #expect(lines.first?.contains(#""type":"hello""#) == true && lines.last?.contains(#""type":"end""#) == true)
        #expect(lines[1..<101].elementsEqual((0..<100).map { Sample.frame($0).record.jsonLine() }))
        #expect(try folder.names.isEmpty)
    }

    @Test("each client gets the hellos of the streams that there are, whenever it comes")
    func hellos() throws {
        let output = try output()
        let early = try client(of: output)
        output.setHello(Sample.hello("door"))
        output.setHello(Sample.hello("yard"))
        let middle = try client(of: output)
        output.publish(Sample.end("door"))
        let late = try client(of: output)
        output.finish(within: .seconds(30))
        func words(_ client: LineClient) throws -> [String] {
            try client.lines().map(LineClient.fields).map { "\($0["type"] ?? "") \($0["stream"] ?? "")" }
        }
        #expect(try words(early) == ["hello door", "hello yard", "end door"])
        #expect(try words(middle) == ["hello door", "hello yard", "end door"])
        #expect(try words(late) == ["hello yard"])
    }

    @Test("a client that does not read loses its oldest records and is told, and another gets everything")
    func slowClient() throws {
        let output = try output { $0.queue = QueueLimit(records: 16, bytes: 1 << 30) }
        output.setHello(Sample.hello("door"))
        let (slow, quick) = (try client(of: output), try client(of: output))
        #expect(try quick.fields()["type"] as? String == "hello")
        // More than the system holds for a connection.
        for number in 0..<200 {
            output.publish(Sample.frame(number, padding: 10_000))
            #expect(try quick.fields()["frame"] as? Int == number)
        }
        #expect(output.status.recordsDropped > 0 && output.status.queueDepth <= 17)
        expectEventually("the loss is logged") { log.count(.lost) == 1 }
        // What is left is delivered, in order and with the loss told where it was.
        output.publish(Sample.end())
        let reader = Thread { output.finish(within: .seconds(30)) }
        reader.start()
        let lines = slow.lines()
        let fields = try lines.map(LineClient.fields)
        #expect(try accounted(lines) == 200)
        #expect(fields.filter { $0["type"] as? String == "gap" }.count == 1)
        let frames = fields.compactMap { $0["type"] as? String == "frame" ? $0["frame"] as? Int : nil }
        #expect(frames == frames.sorted() && frames.last == 199)
        #expect(fields.last?["type"] as? String == "end")
        #expect(quick.lines().count == 1)
    }

    @Test("a client that begins to read again gets whole lines only, and then is up to date")
    func recovery() throws {
        let output = try output { $0.queue = QueueLimit(records: 4, bytes: 1 << 30) }
        let client = try client(of: output)
        var lines: [String] = []
        for round in 0..<5 {
            for number in 0..<60 { output.publish(Sample.frame(round * 60 + number, padding: 30_000)) }
            // Reads up to the newest frame, which is never dropped.
            while let line = client.line() {
                lines.append(line)
                if try LineClient.fields(line)["frame"] as? Int == round * 60 + 59 { break }
            }
        }
        #expect(try accounted(lines) == 300)
        expectEventually("nothing waits") { output.status.queueDepth == 0 }
    }

    @Test("streams of several threads share a socket, each in its order")
    func sharedByThreads() throws {
        let output = try output { $0.queue = QueueLimit(records: 100_000, bytes: 1 << 30) }
        let client = try client(of: output)
        let threads = DispatchGroup()
        for stream in 0..<4 {
            DispatchQueue.global().async(group: threads) {
                for number in 0..<250 { output.publish(Sample.frame(number, stream: "\(stream)")) }
            }
        }
        let fields = try (0..<1000).map { _ in try client.fields() }
        threads.wait()
        for stream in 0..<4 {
            let frames = fields.filter { $0["stream"] as? String == "\(stream)" }.compactMap { $0["frame"] as? Int }
            #expect(frames == Array(0..<250))
        }
    }

    @Test("a half-closed client goes on receiving; one that has closed is removed")
    func halfClose() throws {
        let output = try output()
        let half = try client(of: output)
        do {
            let whole = try client(of: output)
            shutdown(half.descriptor, CInt(SHUT_WR))
            withExtendedLifetime(whole) {}
        }
        expectEventually("the other one is removed") { output.status.clients == 1 }
        output.publish(Sample.frame(1))
        #expect(try half.fields()["frame"] as? Int == 1)
        shutdown(half.descriptor, CInt(SHUT_RD))
        expectEventually("a client that reads no more is removed") {
            output.publish(Sample.frame(2))
            return output.status.clients == 0
        }
    }

    @Test("garbage from a client is thrown away, and does not delay the records of others")
    func garbage() throws {
        let output = try output()
        let (noisy, calm) = (try client(of: output), try client(of: output))
        var noise = [UInt8](repeating: 0, count: 1 << 16)
        var generator = SplitMix64(seed: 3)
        for index in noise.indices { noise[index] = UInt8.random(in: 0...255, using: &generator) }
        for number in 0..<200 {
            _ = send(noisy.descriptor, noise, noise.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL))
            output.publish(Sample.frame(number))
            #expect(try calm.fields()["frame"] as? Int == number)
            #expect(try noisy.fields()["frame"] as? Int == number)
        }
        output.finish(within: .seconds(30))
        #expect(noisy.line() == nil && calm.line() == nil)
    }

    @Test("only so many clients are let in, and the others are told")
    func maxClients() throws {
        let output = try output { $0.maxClients = 2 }
        let first = try client(of: output)
        let second = try client(of: output)
        for _ in 0..<3 {
            let third = try LineClient(path)
            #expect(third.lines().map { $0.contains("2 clients are connected") } == [true])
        }
        expectEventually("it is logged once") { log.count(.refused) == 1 }
        #expect(output.status.clients == 2 && output.status.lastError != nil)
        shutdown(second.descriptor, CInt(SHUT_RDWR))
        expectEventually("the second is gone") { output.status.clients == 1 }
        let next = try client(of: output)
        output.publish(Sample.frame(5))
        #expect(try first.fields()["frame"] as? Int == 5)
        #expect(try next.fields()["frame"] as? Int == 5)
    }

    @Test("finishing does not wait for a client that does not read for longer than it is given")
    func finishInTime() throws {
        let output = try output()
        let client = try client(of: output)
        for number in 0..<100 { output.publish(Sample.frame(number, padding: 30_000)) }
        output.finish(within: .milliseconds(50))
        #expect(output.status.state == .failed && log.count(.closed) == 1)
        output.publish(Sample.frame(100))
        #expect(!client.lines().isEmpty)
    }

    @Test("an output that is let go closes its socket")
    func letGo() throws {
        do {
            let output = try output()
            withExtendedLifetime(output) {}
        }
        try expectEventually("the name is gone") { try folder.names.isEmpty }
    }
}
