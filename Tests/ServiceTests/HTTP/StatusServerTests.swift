import Foundation
import Glibc
import Logging
import Testing

@testable import Service

@Suite("The status server", .timeLimit(.minutes(3)))
struct StatusServerTests {
    private let daemon = FakeDaemon()

    /// Runs a server on a port of the system's choice, for as long as the body does.
    private func serve(
        host: String = "127.0.0.1", limits: HTTPListener.Limits = .init(), _ body: (Int) async throws -> Void
    ) async throws {
        let server = try StatusServer(
            host: host, port: 0, inspection: daemon, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            limits: limits)
        let port = try await server.start()
        do {
            try await body(port)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private func get(
        _ path: String, _ port: Int, method: String = "GET", host: String = "localhost", headers: String = ""
    ) async throws -> RawAnswer {
        let client = try RawClient(port: port)
        await client.send("\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\n\(headers)Connection: close\r\n\r\n")
        let bytes = try #require(await client.receiveAll())
        return try #require(RawAnswer(bytes, hasBody: method != "HEAD"))
    }

    @Test("serves the page, its style and its script, which load nothing from elsewhere")
    func page() async throws {
        try await serve { port in
            var size = 0
            for (path, type) in [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")] {
                let answer = try await get(path, port)
                #expect(answer.status == 200)
                #expect(answer.headers["Content-Type"] == "\(type); charset=utf-8")
                #expect(answer.headers["X-Content-Type-Options"] == "nosniff")
                #expect(answer.headers["Content-Security-Policy"]?.hasPrefix("default-src 'none'; ") == true)
                #expect(!answer.text.contains("http://") && !answer.text.contains("https://"))
                #expect(!answer.text.contains("innerHTML"))
                size += answer.body.count
            }
            #expect(size < 30_000)
        }
    }

    @Test("tells of the streams as JSON that a parser reads")
    func json() async throws {
        try await serve { port in
            let answer = try await get("/api/streams", port)
            #expect(answer.headers["Content-Type"] == "application/json")
            let service = try #require(
                try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
            #expect(service["model"] as? String == "shapes.safetensors")
            let streams = try #require(service["streams"] as? [[String: Any]])
            #expect(streams.map { $0["name"] as? String } == ["door", "the \"yard\"\\\n<script>/é"])
            let frames = try #require(streams[0]["frames"] as? [String: Int])
            #expect(frames == ["in": 120, "inferred": 40, "predicted": 70, "still": 10, "dropped": 7])
            let tracks = try #require(streams[0]["tracks"] as? [[String: Any]])
            #expect(tracks.map { $0["id"] as? Int } == [4, nil, 9])
            #expect(tracks[0]["bbox"] as? [Double] == [10, 20, 30, 40])
            let events = try #require(streams[0]["events"] as? [[String: Any]])
            #expect(events[0]["place"] as? String == "mat")
            let outputs = try #require(streams[0]["outputs"] as? [[String: Any]])
            #expect(outputs[1]["bytes"] as? Int == 1 << 40)
            #expect(streams[1]["last_error"] as? String == "no such device")
        }
    }

    @Test("answers 503 with the reason where the daemon is ill or not ready")
    func health() async throws {
        try await serve { port in
            #expect(try await get("/healthz", port).status == 200)
            #expect(try await get("/readyz", port).status == 200)
            daemon.set(illness: "no progress: door detect")
            daemon.set(isReady: false)
            let health = try await get("/healthz", port)
            #expect(health.status == 503)
            #expect(health.text == "no progress: door detect\n")
            #expect(try await get("/readyz", port).status == 503)
        }
    }

    @Test("gives a stream's picture under its encoded name, and says what there is not")
    func pictures() async throws {
        let name = "the%20%22yard%22%5C%0A%3Cscript%3E%2F%C3%A9"
        try await serve { port in
            #expect(try await get("/streams/door/picture.jpg", port).status == 204)
            daemon.set(picture: [0xFF, 0xD8, 1, 2, 0, 0xFF], frame: 77, of: "the \"yard\"\\\n<script>/é")
            let answer = try await get("/streams/\(name)/picture.jpg?width=641", port)
            #expect(answer.status == 200)
            #expect(answer.headers["Content-Type"] == "image/jpeg")
            #expect(answer.headers["Cache-Control"] == "no-store")
            #expect(answer.headers["X-Frame-Number"] == "77")
            #expect(answer.body == [0xFF, 0xD8, 1, 2, 0, 0xFF])
            #expect(try await get("/streams/\(name)/picture.jpg?width=99999999999999999999", port).status == 200)
            #expect(try await get("/streams/\(name)/picture.jpg?width=-5", port).status == 200)
            // Widths come in steps and within bounds.
            #expect(daemon.widths == [960, 800, 960, 160])
            for path in [
                "/streams/none/picture.jpg", "/streams/door", "/streams//picture.jpg", "/streams/door/picture.jpg/",
                "/streams/../../etc/passwd", "/..%2f..%2fetc/passwd", "/streams/%2e%2e/picture.jpg", "/%", "//",
                "/index",
            ] {
                #expect(try await get(path, port).status == 404, "\(path)")
            }
        }
    }

    @Test("answers HEAD with the head alone, and refuses other methods")
    func methods() async throws {
        try await serve { port in
            let whole = try await get("/api/streams", port)
            let client = try RawClient(port: port)
            await client.send("HEAD /api/streams HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let bytes = try #require(await client.receiveAll())
            let head = try #require(RawAnswer(bytes, hasBody: false))
            #expect(head.status == 200)
            #expect(head.headers["Content-Length"] == String(whole.body.count))
            #expect(bytes.suffix(4) == Array("\r\n\r\n".utf8))
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
                let answer = try await get("/", port, method: method, headers: "Content-Length: 3\r\n")
                #expect(answer.status == 405)
                #expect(answer.headers["Allow"] == "GET, HEAD")
            }
        }
    }

    @Test("takes several requests on one connection, also ones that came together")
    func keepAlive() async throws {
        try await serve { port in
            let client = try RawClient(port: port)
            await client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try await client.answer().text == "ok\n")
            let second = "\r\nGET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            let third = "GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            // In two pieces, of which the first ends in the middle of a line.
            await client.send(second + third.prefix(9))
            #expect(try await client.answer().text == "ready\n")
            await client.send(String(third.dropFirst(9)))
            #expect(try await client.answer().status == 404)
            #expect(await client.receive() == [])
        }
    }

    @Test("on a loopback address answers only those who ask for this machine")
    func rebinding() async throws {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:9470", "127.1.2.3", "[::1]", "[::1]:9470"] {
            #expect(StatusRoutes.namesLoopback(host), "\(host)")
        }
        for host in [
            "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "[::2]", "", "localhost:80:evil",
            "[::1",
            "[::1]evil", "10.0.0.1",
        ] {
            #expect(!StatusRoutes.namesLoopback(host), "\(host)")
        }
        try await serve { port in
            let status = try await get("/api/streams", port, host: "evil.example").status
            #expect(status == 403)
        }
        try await serve(host: "0.0.0.0") { port in
            let status = try await get("/api/streams", port, host: "camera.example").status
            #expect(status == 200)
        }
    }

    @Test("listens on IPv6, too")
    func ip6() async throws {
        try await serve(host: "::1") { port in #expect(port > 0) }
    }

    @Test("says what to do where it cannot listen, and gives the port back when it stops")
    func binding() async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var chosen = 0
        try await serve { port in
            chosen = port
            // A client that is still there when the server stops.
            let client = try RawClient(port: port)
            await client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            _ = try await client.answer()
            let second = try StatusServer(host: "localhost", port: port, inspection: daemon, logger: logger)
            await #expect {
                try await second.start()
            } throws: { error in
                "\(error)".hasPrefix("http: cannot listen on 127.0.0.1:\(port): Address already in use; choose another")
            }
        }
        let next = try StatusServer(host: "localhost", port: chosen, inspection: daemon, logger: logger)
        #expect(try await next.start() == chosen)
        #expect(try await get("/healthz", chosen).status == 200)
        await next.stop()
        await next.stop()
        #expect(throws: StatusServer.Failure.badAddress("example.com")) {
            try StatusServer(host: "example.com", port: 0, inspection: daemon, logger: logger)
        }
    }

    @Test("moves to another address, and stays at its own where the new one is taken")
    func exchange() async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        func exchange(_ running: StatusServer?, _ host: String, _ port: Int) async -> StatusServer? {
            await StatusServer.exchange(
                running, for: .init(host: host, port: port), inspection: daemon, logger: logger)
        }
        let taken = try StatusServer(host: "127.0.0.1", port: 0, inspection: daemon, logger: logger)
        let takenPort = try await taken.start()
        // Free a moment ago, which a port that nobody listens on stays for long.
        let spare = try StatusServer(host: "127.0.0.1", port: 0, inspection: daemon, logger: logger)
        let port = try await spare.start()
        await spare.stop()

        let first = try #require(await exchange(nil, "127.0.0.1", port))
        #expect(await exchange(first, "localhost", port) === first)
        #expect(await exchange(first, "127.0.0.1", takenPort) === first)
        #expect(try await get("/healthz", port).status == 200)
        // The same port at an address that no machine has: the old server has to stop first, and comes back.
        #expect(await exchange(first, "192.0.2.1", port) === first)
        #expect(try await get("/healthz", port).status == 200)
        let wide = try #require(await exchange(first, "0.0.0.0", port))
        #expect(wide !== first)
        #expect(try await get("/healthz", port).status == 200)

        // With no server there, the next call tries again.
        #expect(await exchange(nil, "127.0.0.1", takenPort) == nil)
        await taken.stop()
        let moved = try #require(await exchange(wide, "127.0.0.1", takenPort))
        #expect(try await get("/healthz", takenPort).status == 200)
        #expect(throws: (any Error).self) { try RawClient(port: port) }
        #expect(await StatusServer.exchange(moved, for: nil, inspection: daemon, logger: logger) == nil)
        #expect(throws: (any Error).self) { try RawClient(port: takenPort) }
    }

    // MARK: Clients that misbehave

    @Test("refuses heads that are too long, as soon as they are")
    func longHeads() async throws {
        try await serve { port in
            for text in [
                String(repeating: "x", count: 9000), "GET /\(String(repeating: "a", count: 9000)) HTTP/1.1\r\n",
                "GET / HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "b", count: 9000))\r\n\r\n",
                "GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 2000),
            ] {
                let client = try RawClient(port: port)
                await client.send(text)
                client.finishSending()
                #expect(try await client.answer().status == 431)
            }
            // One that never ends is cut off: the client cannot go on sending.
            let client = try RawClient(port: port)
            let block = [UInt8](repeating: UInt8(ascii: "y"), count: 1 << 20)
            var sent = 0
            while sent < 1000, await client.send(block) { sent += 1 }
            #expect(sent < 1000)
            #expect(try await get("/healthz", port).status == 200)
        }
    }

    @Test("keeps answering after garbage, half-closed connections and clients that go away")
    func garbage() async throws {
        var random = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...UInt64.max, using: &random)
        print("seed \(seed)")
        try await serve { port in
            var state = seed
            func next() -> UInt64 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return state >> 33
            }
            for round in 0..<300 {
                let client = try RawClient(port: port)
                var bytes = (0..<Int(next() % 600)).map { _ in UInt8(truncatingIfNeeded: next()) }
                switch round % 4 {
                case 0: bytes = Array("GET ".utf8) + bytes
                case 1: bytes += Array("\r\n\r\n".utf8)
                case 2: bytes = Array("GET / HTTP/1.1\r\nHost: ".utf8) + bytes + Array("\r\n\r\n".utf8)
                default: break
                }
                await client.send(bytes)
                if round % 3 == 0 { client.finishSending() }
                if round % 5 == 0 { _ = round % 3 == 0 ? await client.receiveAll() : nil }
            }
            #expect(try await get("/healthz", port).status == 200)
        }
    }

    @Test("makes room for who asks where others only stay connected")
    func manyClients() async throws {
        var limits = HTTPListener.Limits()
        limits.connections = 8
        limits.request = .seconds(3600)
        try await serve(limits: limits) { port in
            var silent: [RawClient] = []
            for number in 0..<100 {
                let client = try RawClient(port: port)
                if number % 2 == 0 { await client.send("GET / HTTP/1.1\r\nX: slow") }
                silent.append(client)
            }
            #expect(try await get("/healthz", port).status == 200)
            // The first ones were closed; with so long a time for a request, for want of room.
            for client in silent.prefix(92) { #expect(await client.receiveAll() == []) }
        }
    }

    @Test("closes connections whose request does not come in time")
    func slowClients() async throws {
        var limits = HTTPListener.Limits()
        limits.request = .milliseconds(50)
        try await serve(limits: limits) { port in
            let client = try RawClient(port: port)
            await client.send("GET / HTT")
            #expect(await client.receiveAll() == [])
        }
    }

    @Test("closes connections whose client does not take its answer")
    func clientsThatDoNotRead() async throws {
        var limits = HTTPListener.Limits()
        limits.answer = .milliseconds(50)
        daemon.set(picture: [UInt8](repeating: 7, count: 64 << 20), frame: 1, of: "door")
        try await serve(limits: limits) { port in
            let client = try RawClient(port: port)
            await client.send("GET /streams/door/picture.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            // Nothing is read until the server has given up: then its queue accepts nothing, and the connection ends short.
            while await client.send("\r\n") { try await Task.sleep(for: .milliseconds(1)) }
            let bytes = try #require(await client.receiveAll())
            #expect(bytes.count < 64 << 20)
        }
    }
}
