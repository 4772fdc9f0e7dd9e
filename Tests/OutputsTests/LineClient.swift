import Foundation
import Instances
import Testing

@testable import Outputs

/// A consumer of a Unix socket, for tests; it reads only when it is told to.
final class LineClient: Sendable {
    let descriptor: CInt
    nonisolated(unsafe) private var rest: [UInt8] = []

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        let code = try SocketAddress.with(path: path) { connect(descriptor, $0, $1) == 0 ? 0 : errno }
        if code != 0 {
            close(descriptor)
            throw OutputError.refused(action: "connect", name: path, reason: systemReason(code))
        }
        // A test that waits in vain fails instead of hanging.
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// The next line without its end; nil at the end of the connection.
    func line() -> String? {
        while true {
            if let end = rest.firstIndex(of: 10) {
                defer { rest.removeSubrange(...end) }
                return String(decoding: rest[..<end], as: UTF8.self)
            }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let got = read(descriptor, &buffer, buffer.count)
            guard got > 0 else { return nil }
            rest.append(contentsOf: buffer[..<got])
        }
    }

    /// Lines up to the end of the connection.
    func lines() -> [String] {
        var lines: [String] = []
        while let line = line() { lines.append(line) }
        return lines
    }

    /// The next line's fields.
    func fields() throws -> [String: Any] { try LineClient.fields(#require(line())) }

    static func fields(_ line: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
}

/// Waits until the condition holds; a test that waits in vain fails.
func expectEventually(
    _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () throws -> Bool
) rethrows {
    let deadline = ContinuousClock.now + .seconds(30)
    while try !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record(what, sourceLocation: sourceLocation)
            return
        }
        usleep(2000)
    }
}

/// What an output told its log.
final class EventLog: Sendable {
    private let lock = NSLock()
    nonisolated(unsafe) private var list: [OutputEvent] = []

    func append(_ event: OutputEvent) { lock.withLock { list.append(event) } }

    var events: [OutputEvent] { lock.withLock { list } }

    func count(_ kind: OutputEvent.Kind) -> Int { events.filter { $0.kind == kind }.count }
}

/// Records for tests.
enum Sample {
    static func hello(_ stream: String) -> StreamRecord.Hello {
        .init(program: "segmentd", stream: stream, categories: [Category(id: 1, name: "disc")])
    }

    /// A frame without objects; `padding` makes its line longer.
    static func frame(_ number: Int, stream: String = "door", padding: Int = 0) -> EncodedRecord {
        let objects =
            padding == 0
            ? []
            : [
                Instance(
                    trackID: 1, categoryID: 1, category: String(repeating: "x", count: padding), score: 0.5,
                    box: Box(x0: 0, y0: 0, x1: 1, y1: 1))
            ]
        return EncodedRecord(
            .frame(
                FrameResult(stream: stream, frame: number, pts: Double(number), width: 4, height: 2, objects: objects)))
    }

    static func event(_ number: Int, stream: String = "door") -> EncodedRecord {
        let object = Instance(
            trackID: 1, categoryID: 1, category: "disc", score: 0.5, box: Box(x0: 0, y0: 0, x1: 1, y1: 1))
        return EncodedRecord(.event(StreamEvent(stream: stream, frame: number, pts: 0, kind: .new, object: object)))
    }

    static func end(_ stream: String = "door") -> EncodedRecord {
        EncodedRecord(.end(stream: stream, time: nil, reason: "stopped"))
    }
}
