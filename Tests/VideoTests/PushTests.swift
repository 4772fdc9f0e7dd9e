import Foundation
import Glibc
import Instances
import Testing

@testable import Video

/// A local socket on a free port.
final class LocalSocket {
    let descriptor: CInt
    let port: UInt16

    init(_ type: __socket_type) throws {
        descriptor = socket(AF_INET, CInt(type.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard code else { throw CommandFailure(description: "no socket: \(String(cString: strerror(errno)))") }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }

    /// What has come, at most so many bytes; waits for the first.
    func receive(_ count: Int, flags: Int = 0) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let received = recv(descriptor, &bytes, count, CInt(flags))
        return Array(bytes.prefix(max(0, received)))
    }
}

@Suite("Pushing to peers")
struct PushTests {
    let folder: Folder
    let log = EventLog()

    init() throws { folder = try Folder() }

    @Test("a receiver of datagrams gets a whole transport stream")
    func datagrams() throws {
        let socket = try LocalSocket(SOCK_DGRAM)
        // The kernel throws datagrams away that do not fit.
        var size: CInt = 4 << 20
        setsockopt(socket.descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        let broadcast = try broadcast([.push(.init(url: "udp://127.0.0.1:\(socket.port)"))], log: log)
        try broadcast.write(0..<30, from: midday)
        #expect(broadcast.finish(within: .seconds(60)) == [])
        var stream: [UInt8] = []
        while case let datagram = socket.receive(65_536, flags: Int(MSG_DONTWAIT)), !datagram.isEmpty {
            #expect(datagram.count % 188 == 0 && datagram.count <= 1316 && datagram[0] == 0x47)
            stream += datagram
        }
        try folder.write(stream, to: "a.ts")
        #expect(try numbers(folder("a.ts")) == Array(0..<30))
    }

    /// FFmpeg as a server that takes one stream, by the address it listens at and the one to push to.
    static let servers: [(listen: [String], url: String)] = [
        (["-rtsp_flags", "listen", "-i", "rtsp://127.0.0.1:PORT/live"], "rtsp://127.0.0.1:PORT/live"),
        (["-listen", "1", "-i", "rtmp://127.0.0.1:PORT/live/key"], "rtmp://127.0.0.1:PORT/live/key"),
        (["-i", "srt://127.0.0.1:PORT?mode=listener"], "srt://127.0.0.1:PORT"),
    ]

    @Test("a server gets every picture, also where it comes only after a while", arguments: servers.indices)
    func server(_ index: Int) throws {
        let port = try LocalSocket(index == 2 ? SOCK_DGRAM : SOCK_STREAM).port
        let (listen, url) = Self.servers[index]
        func fill(_ text: String) -> String { text.replacingOccurrences(of: "PORT", with: "\(port)") }
        let broadcast = try broadcast(
            [.push(.init(url: fill(url), timeout: .seconds(20), backoff: soon))],
            options: .init(preset: "ultrafast", keyframeInterval: .milliseconds(500), policy: .block), log: log)
        var next = 0
        func write() throws {
            try broadcast.write(next..<next + 1, from: WallClock(seconds: midday.seconds + Double(next) / 10))
            next += 1
            usleep(20_000)
        }
        try eventually("the push fails without a server") {
            try write()
            return !log.reasons.isEmpty
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["timeout", "120", "ffmpeg", "-v", "error", "-y"] + listen.map(fill) + ["-c", "copy", folder("out.ts")]
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        try eventually("the server gets a stream") {
            try write()
            return broadcast.status.targets[0].state == .running
        }
        for _ in 0..<40 { try write() }
        #expect(broadcast.finish(within: .seconds(60)) == [])
        process.waitUntilExit()
        let found = try numbers(folder("out.ts"))
        let first = try #require(found.first)
        #expect(found.count >= 30 && found == Array(first..<first + found.count))
        // An SRT receiver throws away what it still holds back, by default 120 ms, when its peer has gone.
        #expect((index == 2 ? next - 15...next : next...next).contains(first + found.count))
    }

    @Test(
        "a server that accepts and says nothing is given up after the time-out, and its user is not named",
        arguments: ["rtsp", "rtmp"])
    func silent(_ scheme: String) throws {
        let server = try LocalSocket(SOCK_STREAM)
        listen(server.descriptor, 16)
        let options = VideoBroadcast.PushOptions(
            url: "\(scheme)://127.0.0.1:\(server.port)/live/secretkey?token=hidden",
            credentials: Credentials(username: "admin", password: "swordfish"), timeout: .milliseconds(200),
            backoff: soon)
        let broadcast = try broadcast(
            [.push(options), .record(.init(directory: folder("videos")))],
            options: .init(preset: "ultrafast", keyframeInterval: .milliseconds(100), policy: .block), log: log)
        var next = 0
        try eventually("the time-out has come twice") {
            try broadcast.write(next..<next + 1, from: WallClock(seconds: midday.seconds + Double(next) / 10))
            next += 1
            usleep(10_000)
            return log.reasons.count >= 2
        }
        #expect(log.reasons[0].contains("did not answer within 0.2 s"))
        #expect(broadcast.finish(within: .seconds(60)) == [])
        let words = "\(log.all) \(broadcast.status)"
        for secret in ["admin", "swordfish", "hidden"] + (scheme == "rtmp" ? ["secretkey"] : []) {
            #expect(!words.contains(secret))
        }
        #expect(words.contains("127.0.0.1:\(server.port)/live"))
        let videos = try FileManager.default.contentsOfDirectory(atPath: folder("videos")).sorted()
        #expect(try videos.flatMap { try numbers(folder("videos/\($0)")) } == (0..<next).map { $0 & 1023 })
    }

    @Test("a peer that hangs does not hold up an end")
    func abandoned() throws {
        let server = try LocalSocket(SOCK_STREAM)
        listen(server.descriptor, 16)
        let broadcast = try broadcast(
            [
                .push(.init(url: "rtsp://127.0.0.1:\(server.port)/live", timeout: .seconds(3600))),
                .record(.init(directory: folder("videos"))),
            ], log: log)
        try broadcast.write(0..<20, from: midday)
        // The peer has been asked, and the file is whole but for its end.
        let peer = accept(server.descriptor, nil, nil)
        defer { close(peer) }
        try eventually("everything is encoded") {
            broadcast.status.picturesEncoded == 20 && broadcast.status.targets[1].queueDepth == 0
        }
        #expect(broadcast.finish(within: .seconds(2)) == ["push rtsp://127.0.0.1:\(server.port)/live"])
        #expect(broadcast.status.targets.map(\.state) == [.failed, .ended])
        #expect(try numbers(folder("videos/door-2026-11-24T12-00-00Z.mp4")) == Array(0..<20))
        // The connection is closed too, without its peer's help: reading comes to an end.
        var bytes = [UInt8](repeating: 0, count: 4096)
        while recv(peer, &bytes, bytes.count, 0) > 0 {}
    }

    @Test(
        "addresses are checked, and shown without their secrets",
        arguments: [
            ("rtsp://u:p@host/live", "rtsp://host/live"), ("RTMP://host/live/key", "RTMP://host/live/***"),
            ("srt://host:9000?passphrase=longsecret&mode=caller", "srt://host:9000?passphrase=***&mode=caller"),
        ])
    func addresses(_ url: String, _ shown: String) throws {
        #expect(try PushAddress(url, credentials: nil).redacted == shown)
    }

    @Test("credentials are encoded into the address in place of its own")
    func credentials() throws {
        let address = try PushAddress(
            "rtsp://a:b@host:554/live?x=1", credentials: Credentials(username: "me", password: "p@ss:/?"))
        #expect(address.url == "rtsp://me:p%40ss%3A%2F%3F@host:554/live?x=1")
        #expect(!address.redacted.contains("a:b"))
    }

    @Test(
        "what cannot be pushed to is refused at once",
        arguments: [
            "", "host/live", "http://host/live", "rtsp:///x", "rtsp://u@/x", "rtsp://h/a b", "file:///etc/passwd",
        ])
    func refusals(_ url: String) {
        #expect(throws: VideoError.self) { try broadcast([.push(.init(url: url))]) }
    }
}
