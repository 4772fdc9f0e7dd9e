import Dispatch
import Foundation
import Glibc
import Instances
import Synchronization

@testable import Service

/// A daemon of which everything is known.
final class FakeDaemon: ServiceInspection {
    private struct State {
        var snapshot = ServiceSnapshot()
        var isReady = true
        var illness: String?
        var pictures: [String: (jpeg: [UInt8], frame: Int)] = [:]
        var widths: [Int] = []
    }

    private let state = Mutex(State())

    init(_ snapshot: ServiceSnapshot = .example) { state.withLock { $0.snapshot = snapshot } }

    func snapshot() -> ServiceSnapshot { state.withLock(\.snapshot) }
    var isReady: Bool { state.withLock(\.isReady) }
    var illness: String? { state.withLock(\.illness) }

    func picture(of stream: String, maxWidth: Int) async -> (jpeg: [UInt8], frame: Int)? {
        state.withLock { state in
            state.widths.append(maxWidth)
            return state.pictures[stream]
        }
    }

    /// The widths that pictures were asked for with.
    var widths: [Int] { state.withLock(\.widths) }

    func set(isReady: Bool) { state.withLock { $0.isReady = isReady } }
    func set(illness: String?) { state.withLock { $0.illness = illness } }
    func set(picture: [UInt8], frame: Int, of stream: String) {
        state.withLock { $0.pictures[stream] = (picture, frame) }
    }
}

extension ServiceSnapshot {
    /// Two streams: one that runs, one that failed and whose name has to be escaped everywhere.
    static let example: ServiceSnapshot = {
        var snapshot = ServiceSnapshot()
        snapshot.program = "segmentd 1.0"
        snapshot.started = WallClock(seconds: 1_800_000_000)
        snapshot.uptime = 3600.25
        snapshot.model = "shapes.safetensors"
        snapshot.engine = "avx512"
        snapshot.precision = "fp32"
        snapshot.process.residentMemory = 512 << 20
        snapshot.process.openDescriptors = 41
        snapshot.process.threads = 17
        snapshot.process.processorTime = 12.5
        var door = StreamSnapshot()
        door.name = "door"
        door.source = "rtsp://camera/door"
        door.state = .running
        door.since = WallClock(seconds: 1_800_000_001)
        (door.width, door.height, door.sourceRate) = (640, 360, 29.97)
        door.policy = "latency"
        (door.framesIn, door.framesInferred, door.framesPredicted, door.framesStill) = (120, 40, 70, 10)
        door.dropped = [
            .init(stage: "detect", reason: "queue full", count: 7),
            .init(stage: "write", reason: "queue full", count: 0),
        ]
        door.queues = [("detect", 1), ("write", 0)]
        for seconds in [0.002, 0.04, 0.04, 0.3, 90] { door.latency.observe(seconds) }
        door.inference.observe(0.03)
        door.reconnects = 2
        door.tracks = [
            .init(id: 4, category: "circle", score: 0.912, box: [10, 20, 30.04, 40]),
            .init(id: nil, category: "circle", score: 0.5, box: [0, 0, 1, 1]),
            .init(id: 9, category: "<b>\"star\"</b>", score: 0.7, box: [1, 2, 3, 4]),
        ]
        door.events = [
            StreamEvent(
                stream: "door", frame: 100, pts: 4, time: "2027-01-15T08:00:00.000Z", kind: .enter(zone: "mat"),
                object: Instance(
                    trackID: 4, categoryID: 1, category: "circle", score: 0.9, box: .init(x0: 0, y0: 0, x1: 1, y1: 1)))
        ]
        door.outputs = [
            .init(name: "socket /run/door.sock", state: "running", written: 40, clients: 2, connections: 5),
            .init(
                name: "record /var/videos", state: "waiting", lastError: "no space left", written: 1 << 40, segments: 3,
                isVideo: true),
        ]
        var yard = StreamSnapshot()
        yard.name = "the \"yard\"\\\n<script>/é"
        yard.state = .failed
        yard.lastError = "no such device"
        yard.policy = "every-frame"
        snapshot.streams = [door, yard]
        return snapshot
    }()
}

/// A client that sends what it likes.
///
/// It waits on threads of its own: those that tasks share are the server's.
final class RawClient: Sendable {
    private let descriptor: CInt
    /// One of its own, since tasks and the global queues have a few threads in common.
    private let queue = DispatchQueue(label: "client")

    init(port: Int) throws(ClientFailure) {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            let number = errno
            close(descriptor)
            throw ClientFailure(number: number)
        }
    }

    deinit { close(descriptor) }

    private func wait<Value: Sendable>(_ body: @escaping @Sendable (CInt) -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            // The descriptor stays open as long as the client is captured.
            self.queue.async { continuation.resume(returning: body(self.descriptor)) }
        }
    }

    /// Sends as much as the server takes before it closes; whether that was all.
    @discardableResult
    func send(_ bytes: [UInt8]) async -> Bool {
        await wait { descriptor in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
                }
                guard count > 0 else { return false }
                rest.removeFirst(count)
            }
            return true
        }
    }

    @discardableResult
    func send(_ text: String) async -> Bool { await send(Array(text.utf8)) }

    /// Says that nothing more will be sent.
    func finishSending() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// What comes until the server closes; nil where it has not closed after half a minute of silence.
    func receiveAll() async -> [UInt8]? {
        var bytes: [UInt8] = []
        while true {
            guard let more = await receive() else { return nil }
            if more.isEmpty { return bytes }
            bytes += more
        }
    }

    /// The next bytes; empty where the server has closed, nil where nothing comes for half a minute.
    func receive() async -> [UInt8]? {
        await wait { descriptor in
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            // A connection that the server reset is as closed as any.
            if count < 0 { return errno == EAGAIN ? nil : [] }
            return Array(buffer.prefix(count))
        }
    }

    /// One answer of a connection that stays open.
    func answer() async throws -> RawAnswer {
        var bytes: [UInt8] = []
        while true {
            if let answer = RawAnswer(bytes) { return answer }
            guard let more = await receive(), !more.isEmpty else { throw ClientFailure(number: 0) }
            bytes += more
        }
    }
}

struct ClientFailure: Error, CustomStringConvertible {
    let number: CInt
    var description: String { number == 0 ? "the server closed before its answer" : String(cString: strerror(number)) }
}

/// An answer, taken apart without any of the server's own code.
struct RawAnswer {
    var status = 0
    var headers: [String: String] = [:]
    var body: [UInt8] = []

    /// Nil where the bytes are not the whole answer.
    init?(_ bytes: [UInt8], hasBody: Bool = true) {
        let text = String(decoding: bytes, as: Unicode.ASCII.self)
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count >= 3, words[0] == "HTTP/1.1", let status = Int(words[1]) else { return nil }
        self.status = status
        for line in lines.dropFirst() {
            guard let colon = line.range(of: ": ") else { return nil }
            headers[String(line[..<colon.lowerBound])] = String(line[colon.upperBound...])
        }
        let start = text.utf8.distance(from: text.startIndex, to: end.upperBound)
        guard hasBody, status != 204 else { return }
        guard let length = headers["Content-Length"].flatMap({ Int($0) }) else { return nil }
        // Above ASCII, a byte became three of UTF-8; heads have none.
        guard bytes.count >= start + length else { return nil }
        body = Array(bytes[start..<(start + length)])
    }

    var text: String { String(decoding: body, as: UTF8.self) }
}
