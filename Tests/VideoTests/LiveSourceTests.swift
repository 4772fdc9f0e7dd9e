import Foundation
import Glibc
import RandomNumbers
import Testing

@testable import Video

/// A short transport stream, whose bytes can be sent again and again.
private func transportStream(
    _ codec: String = "libx264 -bf 0 -g 5", size: String = "64x64", seconds: Double = 1, extra: String = "",
    in folder: Folder
) throws -> [UInt8] {
    let name = UUID().uuidString + ".ts"
    try ffmpeg(
        pattern(size: size, seconds: seconds) + " \(extra) -c:v \(codec) -pix_fmt yuv420p -flush_packets 1",
        folder(name))
    return try folder.bytes(name)
}

@Suite("Live sources")
struct LiveSourceTests {
    let folder: Folder
    let log = SourceEventLog()

    init() throws { folder = try Folder() }

    /// Waits that end soon, for sources that come back at once.
    private func quick(
        openTimeout: Duration = .seconds(60), readTimeout: Duration = .seconds(60), attempts: Int? = nil
    ) -> LiveSource.Options {
        LiveSource.Options(
            openTimeout: openTimeout, readTimeout: readTimeout,
            backoff: Backoff(initial: .milliseconds(1), maximum: .milliseconds(20)), attempts: attempts)
    }

    private func source(_ text: String, _ options: LiveSource.Options) throws -> LiveSource {
        let log = log
        return LiveSource(try SourceAddress(text), options: options) { log.append($0) }
    }

    private func expectIncreasing(_ frames: [VideoFrame]) {
        let times = frames.map(\.timestamp.value)
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        #expect(Set(frames.map(\.timestamp.timeBase.denominator)).count == 1)
        #expect(frames.map(\.number) == Array(0..<frames.count))
    }

    @Test("a file is read once, with its own times")
    func file() throws {
        try ffmpeg(pattern() + " -c:v libx264 -bf 2", folder("a.mp4"))
        let expected = try frames(folder("a.mp4")).map(\.timestamp)
        let source = try source(folder("a.mp4"), quick())
        var found: [VideoFrame] = []
        while let frame = try source.next() { found.append(frame) }
        #expect(found.map(\.timestamp) == expected)
        #expect(try source.next() == nil)
        let information = try VideoSource(folder("a.mp4")).information
        #expect(log.events == [.connecting(attempt: 1), .connected(information), .ended])
        #expect(source.status.state == .ended && source.status.frames == expected.count)
        #expect(source.status.information == information && source.status.lastFrame == found.last?.captureTime)
    }

    @Test("a file that is looped goes on by one frame at its end, for as long as anybody wants")
    func loop() throws {
        try ffmpeg(pattern(size: "64x64", seconds: 0.4) + " -c:v libx264 -bf 0", folder("a.mp4"))
        var options = quick()
        options.loop = true
        let source = try source(folder("a.mp4"), options)
        let found = try (0..<35).map { _ in try #require(try source.next()) }
        expectIncreasing(found)
        let step = found[1].timestamp.value - found[0].timestamp.value
        #expect(zip(found, found.dropFirst()).allSatisfy { $1.timestamp.value - $0.timestamp.value == step })
        #expect(source.status.reconnects == 0)
    }

    @Test("what was interrupted can be gone on with, and what has failed cannot")
    func resume() throws {
        try ffmpeg(pattern(size: "64x64", seconds: 0.4) + " -c:v libx264 -bf 0", folder("a.mp4"))
        var options = quick()
        options.loop = true
        let source = try source(folder("a.mp4"), options)
        var found = try (0..<3).map { _ in try #require(try source.next()) }
        source.interrupt()
        for _ in 0..<2 { #expect(throws: VideoError.interrupted(input: folder("a.mp4"))) { try source.next() } }
        try source.resume()
        found += try (0..<12).map { _ in try #require(try source.next()) }
        expectIncreasing(found)
        let missing = try self.source(folder("none.mp4"), quick())
        #expect(throws: VideoError.self) { try missing.next() }
        #expect(throws: VideoError.self) { try missing.resume() }
    }

    @Test("a looped file that is missing for a while is waited for")
    func replaced() throws {
        try ffmpeg(pattern(size: "64x64", seconds: 0.4) + " -c:v libx264 -bf 0", folder("a.mp4"))
        var options = quick()
        options.loop = true
        options.backoff = Backoff(initial: .milliseconds(20), maximum: .milliseconds(20))
        let source = try source(folder("a.mp4"), options)
        var found = try (0..<3).map { _ in try #require(try source.next()) }
        try FileManager.default.moveItem(atPath: folder("a.mp4"), toPath: folder("b.mp4"))
        let (from, to) = (folder("b.mp4"), folder("a.mp4"))
        let log = log
        Thread {
            while log.losses.count < 2 { usleep(1000) }
            try? FileManager.default.moveItem(atPath: from, toPath: to)
        }.start()
        found += try (0..<12).map { _ in try #require(try source.next()) }
        expectIncreasing(found)
        #expect(log.losses.count >= 2)
    }

    @Test("what waiting does not mend is thrown", arguments: ["none.mp4", "text.mp4"])
    func brokenFile(_ name: String) throws {
        try folder.write(Array("This is not a video.\n".utf8), to: "text.mp4")
        let source = try source(folder(name), quick())
        #expect(throws: VideoError.self) { try source.next() }
        #expect(source.status.state == .ended && source.status.lastError?.hasPrefix(folder(name)) == true)
        #expect(log.losses.isEmpty)
    }

    @Test("a test pattern has the size and rate of its address, and ends where it is told to")
    func testPattern() throws {
        var options = quick()
        options.pace = .asFast
        let source = try source("test:testsrc2?size=96x64&rate=10&duration=1", options)
        var found: [VideoFrame] = []
        while let frame = try source.next() { found.append(frame) }
        #expect(found.map(\.width) == Array(repeating: 96, count: 10))
        #expect(source.status.information?.frameRate == Rational(10, 1))
        #expect(Set(try found.map { try $0.rgbImage().samples }).count == 10)
    }

    @Test("a pattern that FFmpeg refuses is thrown, not retried")
    func badPattern() throws {
        let source = try source("test:testsrc2?size=abc", quick())
        #expect(throws: VideoError.self) { try source.next() }
        #expect(log.losses.isEmpty)
    }

    @Test("a connection that ends is opened again, and times and numbers go on")
    func reconnects() throws {
        let bytes = try transportStream(in: folder)
        try folder.write(bytes, to: "a.ts")
        let expected = try frames(folder("a.ts")).map(\.timestamp)
        let server = try FakeServer { connection in
            connection.send(bytes)
            shutdown(connection.descriptor, CInt(SHUT_WR))
            connection.waitForEnd()
        }
        let source = try source("tcp://127.0.0.1:\(server.port)", quick())
        let found = try (0..<(expected.count * 3)).map { _ in try #require(try source.next()) }
        expectIncreasing(found)
        #expect(found.prefix(expected.count).map(\.timestamp) == expected)
        #expect(source.status.reconnects == 2 && source.status.state == .running)
        #expect(log.losses.count == 2 && log.losses.allSatisfy { $0.contains("ended the stream") })
        #expect(source.status.lastError == log.losses.last)
    }

    @Test("a server that is not there yet is tried until it is")
    func notThereYet() throws {
        let bytes = try transportStream(in: folder)
        // Taken and given back, so that nobody listens there.
        var server: FakeServer? = try FakeServer { _ in }
        let port = server?.port ?? 0
        server = nil
        let source = try source("tcp://127.0.0.1:\(port)", quick(attempts: 3))
        #expect(throws: VideoError.self) { try source.next() }
        #expect(log.losses.count == 2)
        #expect(source.status.state == .ended)
        let gate = Gate()
        let other = SourceEventLog()
        let patient = LiveSource(try SourceAddress("udp://127.0.0.1:\(port)?timeout=20000"), options: quick()) {
            event in
            other.append(event)
            if other.losses.count == 3 { gate.open() }
        }
        let sender = Thread {
            gate.wait()
            // Datagrams without a receiver are lost: the stream is sent until it has been seen.
            let descriptor = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            address.sin_port = port.bigEndian
            while patient.status.frames == 0 {
                for start in stride(from: 0, to: bytes.count, by: 1316) {
                    let part = Array(bytes[start..<min(start + 1316, bytes.count)])
                    _ = withUnsafePointer(to: &address) {
                        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                            sendto(descriptor, part, part.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                        }
                    }
                    usleep(1000)
                }
            }
        }
        sender.start()
        #expect(try patient.next() != nil)
        #expect(other.losses.count >= 3)
    }

    /// What a server does to whoever connects, and a word of the reason that it is lost for.
    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var scheme: String
        var handler: @Sendable (FakeServer.Connection) -> Void
    }

    static let faults =
        ["tcp", "http", "rtsp", "rtmp"].map { scheme in
            Fault(testDescription: "\(scheme): accepts and never answers", scheme: scheme) { $0.waitForEnd() }
        }
        + ["tcp", "http", "rtsp"].map { scheme in
            Fault(testDescription: "\(scheme): a byte every now and then", scheme: scheme) { connection in
                while connection.send([0x47]) && !connection.hasEnded(within: 20) {}
            }
        }
        + ["tcp", "http", "rtsp", "rtmp"].map { scheme in
            Fault(testDescription: "\(scheme): noise without an end", scheme: scheme) { connection in
                var generator = SplitMix64(seed: UInt64(connection.index))
                while connection.send((0..<1024).map { _ in UInt8.random(in: 0...255, using: &generator) }) {}
            }
        }
        + ["tcp", "http", "rtsp"].map { scheme in
            Fault(testDescription: "\(scheme): hangs up", scheme: scheme) { _ in }
        }
        + [
            Fault(testDescription: "http: a page", scheme: "http") { connection in
                _ = connection.readHead()
                let body = "<html>" + String(repeating: "<p>Not a video.</p>", count: 100)
                connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            },
            Fault(testDescription: "http: not found", scheme: "http") { connection in
                _ = connection.readHead()
                connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            },
            Fault(testDescription: "http: a redirect to itself", scheme: "http") { connection in
                _ = connection.readHead()
                connection.send("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
            },
            Fault(testDescription: "http: a playlist of itself", scheme: "http") { connection in
                _ = connection.readHead()
                connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n\r\n#EXTM3U\n#EXT-X-TARGETDURATION:1\n"
                        + "#EXTINF:1,\n/again\n")
            },
        ]
        + [
            "RTSP/1.0 200 OK\r\n\r\n", "RTSP/1.0 abc\r\n\r\n", "RTSP/1.0 454 Session Not Found\r\nCSeq: 1\r\n\r\n",
            "RTSP/1.0 200 OK\r\nCSeq: 99999999999999999999\r\nContent-Length: -1\r\n\r\n",
            "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 2147483647\r\n\r\nv=0\r\n",
            "RTSP/1.0 302 Moved\r\nCSeq: 1\r\nLocation: rtsp://127.0.0.1:1/\r\n\r\n",
            "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\(String(repeating: "a", count: 5000))\r\n\r\n",
            "$\u{0}\u{7f}\u{7f}" + String(repeating: "x", count: 40_000),
            String(repeating: "A", count: 100_000) + "\r\n\r\n",
        ].enumerated().map { index, answer in
            Fault(testDescription: "rtsp: a malformed answer (\(index))", scheme: "rtsp") { connection in
                while connection.readHead() != nil && connection.send(answer) {}
            }
        }
        + [
            "", "v=0", "m=video 0 RTP/AVP 96\r\n", String(repeating: "m=video 0 RTP/AVP 96\r\n", count: 5000),
            "v=0\r\nm=video 99999999 RTP/AVP 999\r\na=rtpmap:999 H264/0\r\na=fmtp:999 sprop-parameter-sets=====,,,\r\n",
            "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:"
                + String(repeating: "/", count: 70_000) + "\r\n",
            "v=0\r\nc=IN IP4 999.999.999.999/999\r\nm=video 0 RTP/AVP 26\r\na=framesize:26 99999999-99999999\r\na=range:npt=-1-nan\r\n",
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 \(String(repeating: "X", count: 10_000))/-1/-1/-1\r\n",
        ].enumerated().map { index, description in
            Fault(testDescription: "rtsp: an absurd description (\(index))", scheme: "rtsp") { connection in
                var sequence = 0
                while let head = connection.readHead() {
                    sequence += 1
                    let isDescribe = head.hasPrefix("DESCRIBE")
                    let body = isDescribe ? description : ""
                    let type = isDescribe ? "Content-Type: application/sdp\r\n" : ""
                    let session =
                        head.hasPrefix("SETUP") ? "Session: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-255\r\n" : ""
                    connection.send(
                        "RTSP/1.0 200 OK\r\nCSeq: \(sequence)\r\n\(type)\(session)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                    )
                }
            }
        }

    @Test("a server that does not do what it should is lost, and tried again", arguments: faults)
    func faulty(_ fault: Fault) throws {
        let server = try FakeServer(fault.handler)
        let options = quick(openTimeout: .milliseconds(400), readTimeout: .milliseconds(400), attempts: 2)
        let source = try source("\(fault.scheme)://127.0.0.1:\(server.port)/a", options)
        let error = #expect(throws: VideoError.self) { while try source.next() != nil {} }
        #expect(error?.description.hasPrefix("\(fault.scheme)://127.0.0.1:\(server.port)/a: ") == true)
        #expect(log.losses.count == 1)
        #expect(source.status.state == .ended)
    }

    @Test("a stream that stops coming is lost after the time-out")
    func stall() throws {
        let bytes = try transportStream(in: folder)
        let server = try FakeServer { connection in
            connection.send(bytes)
            connection.waitForEnd()
        }
        let source = try source("tcp://127.0.0.1:\(server.port)", quick(readTimeout: .milliseconds(500)))
        var found: [VideoFrame] = []
        while log.losses.isEmpty || found.isEmpty { found.append(try #require(try source.next())) }
        expectIncreasing(found)
        #expect(log.losses.first == "tcp://127.0.0.1:\(server.port): no frame came within 0.5 s")
    }

    @Test("sound that goes on does not hide that the picture has stopped")
    func soundOnly() throws {
        let sound = "-f lavfi -i sine=duration=1 -c:a mp2"
        let bytes = try transportStream(extra: sound, in: folder)
        // The muxer gives the second stream the second of its packet identifiers (ISO/IEC 13818-1, section 2.4.3.2).
        let packets = stride(from: 0, to: bytes.count, by: 188).map { Array(bytes[$0..<($0 + 188)]) }
        let audio = packets.filter { (Int($0[1]) & 0x1F) << 8 | Int($0[2]) == 0x101 }.flatMap(\.self)
        try #require(!audio.isEmpty)
        let server = try FakeServer { connection in
            connection.send(bytes)
            while connection.send(audio) && !connection.hasEnded(within: 20) {}
        }
        let source = try source("tcp://127.0.0.1:\(server.port)", quick(readTimeout: .milliseconds(500)))
        var count = 0
        while log.losses.isEmpty {
            _ = try source.next()
            count += 1
        }
        #expect(count > 0)
        #expect(log.losses.first?.hasSuffix("no frame came within 0.5 s") == true)
    }

    @Test("an interrupt ends every kind of wait", arguments: ["open", "read", "backoff", "pace"])
    func interrupt(_ wait: String) throws {
        let bytes = try transportStream(in: folder)
        let reached = Gate()
        let server = try FakeServer { connection in
            if wait == "read" || wait == "pace" { connection.send(bytes) }
            if wait == "open" { reached.open() }
            if wait != "backoff" { connection.waitForEnd() }
        }
        var options = quick()
        if wait == "pace" { options.pace = .native }
        if wait == "backoff" { options.backoff = Backoff(initial: .seconds(600), maximum: .seconds(600)) }
        let source = LiveSource(try SourceAddress("tcp://127.0.0.1:\(server.port)"), options: options) { event in
            if case .lost = event { reached.open() }
        }
        let interrupter = Thread {
            reached.wait()
            source.interrupt()
        }
        interrupter.start()
        let error = #expect(throws: VideoError.self) {
            while try source.next() != nil { if wait == "read" || wait == "pace" { reached.open() } }
        }
        #expect(error == .interrupted(input: "tcp://127.0.0.1:\(server.port)"))
        #expect(throws: VideoError.self) { try source.next() }
        #expect(source.status.state == .ended)
    }

    /// What a stream of H.264 in 64x64 becomes, and whether that can be told without opening it anew.
    struct Change: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var arguments: String
        var isTold: Bool
    }

    static let changes = [
        Change(testDescription: "another size", arguments: "libx264 -bf 0 -g 5", isTold: true),
        Change(
            testDescription: "another codec with another packet identifier", arguments: "mpeg2video -streamid 0:0x234",
            isTold: true),
        Change(testDescription: "MPEG-2", arguments: "mpeg2video", isTold: false),
        Change(
            testDescription: "HEVC", arguments: "libx265 -preset ultrafast -g 5 -x265-params log-level=none",
            isTold: false),
    ]

    @Test("a stream that changes its size or its codec goes on", arguments: changes)
    func goesOn(_ change: Change) throws {
        // Longer than what is read ahead to know a stream.
        let first = try transportStream(seconds: 12, in: folder)
        let second = try transportStream(change.arguments, size: "96x80", seconds: 4, in: folder)
        let started = Gate()
        let server = try FakeServer { connection in
            if connection.index == 0 {
                connection.send(first)
                started.wait()
            }
            connection.send(second)
            connection.waitForEnd()
        }
        let options = quick(readTimeout: change.isTold ? .seconds(60) : .seconds(2), attempts: 10)
        let source = try source("tcp://127.0.0.1:\(server.port)", options)
        var found: [VideoFrame] = []
        while found.last?.width != 96 {
            found.append(try #require(try source.next()))
            started.open()
        }
        expectIncreasing(found)
        #expect(try found.last?.rgbImage().height == 80)
        #expect(try found.last?.drawablePicture().width == 96)
        if change.isTold {
            #expect(log.losses.isEmpty)
            // All of the first stream's 300 frames have come but for the last two, which demuxer and parser hold until they
            // see another begin.
            #expect(found.filter { $0.width == 64 }.count >= 298)
        }
    }

    @Test("credentials reach the server, and nobody else")
    func credentials() throws {
        let seen = Locked<[String]>([])
        let server = try FakeServer { connection in
            while let head = connection.readHead() {
                seen.withLock { $0.append(head) }
                connection.send(
                    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"\r\nContent-Length: 0\r\n\r\n")
            }
        }
        var options = quick(attempts: 2)
        options.credentials = Credentials(username: "me", password: "p@ss:w/rd")
        let source = try source("http://old:secret@127.0.0.1:\(server.port)/a?token=hunter2", options)
        let error = #expect(throws: VideoError.self) { try source.next() }
        // base64 of me:p@ss:w/rd
        #expect(seen.withLock { $0.contains { $0.contains("Authorization: Basic bWU6cEBzczp3L3Jk") } })
        let shown = "\(log.events) \(String(describing: error)) \(source.status)"
        for secret in ["p@ss", "p%40ss", "secret", "hunter2"] { #expect(!shown.contains(secret)) }
        #expect(shown.contains("http://127.0.0.1:\(server.port)/a?token=***"))
    }

    @Test("a named pipe is opened again when its writer has gone")
    func namedPipe() throws {
        let bytes = try transportStream(in: folder)
        let path = folder("pipe")
        try #require(mkfifo(path, 0o600) == 0)
        let gate = Gate()
        let writer = Thread {
            for _ in 0..<2 {
                let descriptor = open(path, O_WRONLY)
                bytes.withUnsafeBytes { _ = write(descriptor, $0.baseAddress, $0.count) }
                close(descriptor)
                gate.wait()
            }
        }
        writer.start()
        let log = log
        let source = LiveSource(try SourceAddress(path), options: quick()) { event in
            log.append(event)
            if case .lost = event { gate.open() }
        }
        let found = try (0..<40).map { _ in try #require(try source.next()) }
        expectIncreasing(found)
        #expect(source.status.reconnects == 1)
    }

    @Test("a thousand connections leave no descriptor open")
    func descriptors() throws {
        let server = try FakeServer { connection in
            connection.send("HTTP/1.0 200 OK\r\n\r\nThis is no video.")
        }
        var options = quick(attempts: 1000)
        options.backoff = Backoff(initial: .zero, maximum: .zero)
        options.formatOptions = ["timeout": "60000000"]
        let source = try source("http://127.0.0.1:\(server.port)/", options)
        #expect(throws: VideoError.self) { try source.next() }
        #expect(log.losses.count == 999)
        // Other tests run at the same time and have some open as well, but not as many.
        #expect(try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count < 900)
    }

    @Test("pictures that a program makes are frames like others")
    func frameMaker() throws {
        let source = try source("test:testsrc2?size=34x18", quick())
        let image = try #require(try source.next()).rgbImage()
        let time = Timestamp(value: 3, timeBase: Rational(1, 30))
        let frame = try FrameMaker(input: "shapes").frame(of: image, number: 3, timestamp: time)
        #expect(frame.number == 3 && frame.timestamp == time && frame.width == 34 && frame.height == 18)
        #expect(try frame.rgbImage().samples == image.samples)
        #expect(try frame.drawablePicture().height == 18)
    }
}
