import Foundation
import Testing

@testable import Outputs

/// As much of an MQTT 3.1.1 broker as a publisher needs, which does what a test tells it to.
final class FakeBroker: Sendable {
    /// A message that a client published.
    struct Message: Equatable {
        var topic: String
        var payload: String
        var isRetained: Bool
        var isDuplicate: Bool
    }

    /// What a client said when it connected.
    struct Greeting: Equatable {
        var clientID: String
        var isCleanSession: Bool
        var willTopic: String?
        var willPayload: String?
        var username: String?
        var password: String?
    }

    private struct State {
        var listener: CInt = -1
        var connection: CInt = -1
        var messages: [Message] = []
        var greetings: [Greeting] = []
        var confirms = true
        var answer: UInt8? = 0
        var goodbyes = 0
        var unconfirmed = 0
        var mostUnconfirmed = 0
    }

    let port: Int
    private let lock = NSLock()
    nonisolated(unsafe) private var state = State()

    init() throws {
        let (listener, port) = try FakeBroker.listen(on: 0)
        self.port = port
        state.listener = listener
        serve(listener)
    }

    deinit { stop() }

    // MARK: What a test tells and asks

    /// Ends as a killed broker does.
    func stop() {
        lock.withLock {
            // The thread that waits for them closes them.
            shutdown(state.listener, CInt(SHUT_RDWR))
            shutdown(state.connection, CInt(SHUT_RDWR))
        }
    }

    /// Begins again on the same port.
    func start() throws {
        let (listener, _) = try FakeBroker.listen(on: port)
        lock.withLock { state.listener = listener }
        serve(listener)
    }

    /// Whether published messages are confirmed.
    func setConfirms(_ value: Bool) { lock.withLock { state.confirms = value } }

    /// What a client is answered when it connects: 0 welcomes it, nil leaves it waiting.
    func setAnswer(_ value: UInt8?) { lock.withLock { state.answer = value } }

    var messages: [Message] { lock.withLock { state.messages } }

    func payloads(_ topic: String) -> [String] { messages.filter { $0.topic == topic }.map(\.payload) }

    var greetings: [Greeting] { lock.withLock { state.greetings } }

    /// Connections that were ended in order.
    var goodbyes: Int { lock.withLock { state.goodbyes } }

    /// The most messages of one connection that were not confirmed at once.
    var mostUnconfirmed: Int { lock.withLock { state.mostUnconfirmed } }

    // MARK: The protocol

    private static func listen(on port: Int) throws -> (CInt, Int) {
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var on: CInt = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard bind(listener, pointer, length) == 0, Glibc.listen(listener, 8) == 0 else { return errno }
                return getsockname(listener, pointer, &length) == 0 ? 0 : errno
            }
        }
        try #require(code == 0, "\(systemReason(code))")
        return (listener, Int(in_port_t(bigEndian: address.sin_port)))
    }

    private func serve(_ listener: CInt) {
        Thread.detachNewThread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0, let self else { break }
                self.lock.withLock {
                    self.state.connection = connection
                    self.state.unconfirmed = 0
                }
                while self.handlePacket(connection) {}
                self.lock.withLock { self.state.connection = -1 }
                close(connection)
            }
            close(listener)
        }
    }

    /// - Returns: False at the connection's end.
    private func handlePacket(_ connection: CInt) -> Bool {
        guard let first = read(connection, 1)?.first else { return false }
        var (length, shift) = (0, 0)
        while true {
            guard let byte = read(connection, 1)?.first else { return false }
            length |= Int(byte & 0x7f) << shift
            shift += 7
            if byte & 0x80 == 0 { break }
        }
        guard let body = read(connection, length) else { return false }
        switch first >> 4 {
        case 1:
            let answer = lock.withLock {
                state.greetings.append(Self.greeting(body))
                return state.answer
            }
            if let answer { reply(connection, [0x20, 2, 0, answer]) }
            return answer == nil || answer == 0
        case 3:
            var rest = body[...]
            let topic = Self.string(&rest)
            let quality = first >> 1 & 3
            let identifier = quality > 0 ? Array(rest.prefix(2)) : []
            let payload = String(decoding: rest.dropFirst(identifier.count), as: UTF8.self)
            let confirms = lock.withLock {
                state.messages.append(
                    Message(topic: topic, payload: payload, isRetained: first & 1 == 1, isDuplicate: first & 8 == 8))
                if !state.confirms && quality > 0 { state.unconfirmed += 1 }
                state.mostUnconfirmed = max(state.mostUnconfirmed, state.unconfirmed)
                return state.confirms
            }
            if confirms && quality > 0 { reply(connection, [0x40, 2] + identifier) }
        case 12: reply(connection, [0xd0, 0])
        case 14: lock.withLock { state.goodbyes += 1 }
        default: break
        }
        return true
    }

    private static func greeting(_ body: [UInt8]) -> Greeting {
        var rest = body[...]
        _ = string(&rest)
        let flags = rest[rest.startIndex + 1]
        rest = rest.dropFirst(4)
        var greeting = Greeting(clientID: string(&rest), isCleanSession: flags & 2 != 0)
        if flags & 4 != 0 {
            greeting.willTopic = string(&rest)
            greeting.willPayload = string(&rest)
        }
        if flags & 0x80 != 0 { greeting.username = string(&rest) }
        if flags & 0x40 != 0 { greeting.password = string(&rest) }
        return greeting
    }

    private static func string(_ rest: inout ArraySlice<UInt8>) -> String {
        let length = rest.prefix(2).reduce(0) { $0 << 8 | Int($1) }
        defer { rest = rest.dropFirst(2 + length) }
        return String(decoding: rest.dropFirst(2).prefix(length), as: UTF8.self)
    }

    private func reply(_ connection: CInt, _ bytes: [UInt8]) {
        _ = send(connection, bytes, bytes.count, CInt(MSG_NOSIGNAL))
    }

    private func read(_ connection: CInt, _ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var buffer = [UInt8](repeating: 0, count: count - bytes.count)
            let got = Glibc.read(connection, &buffer, buffer.count)
            guard got > 0 else { return nil }
            bytes.append(contentsOf: buffer[..<got])
        }
        return bytes
    }
}
