import Foundation
import Glibc

@testable import Video

/// A TCP server on this machine that does to its clients whatever a test wants.
///
/// Every connection has a thread, which ends with the handler; what is still open then is closed with the server.
final class FakeServer: Sendable {
    /// One client.
    struct Connection: Sendable {
        let descriptor: CInt
        /// The client's place in the order of arrival, from 0.
        let index: Int

        /// Sends everything; false where the client has gone.
        @discardableResult
        func send(_ bytes: [UInt8]) -> Bool {
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
                }
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }

        @discardableResult
        func send(_ text: String) -> Bool { send(Array(text.utf8)) }

        /// Reads up to an empty line, as the heads of HTTP and RTSP end; nil where the client has gone.
        func readHead() -> String? {
            var head: [UInt8] = []
            while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
                var byte: UInt8 = 0
                guard recv(descriptor, &byte, 1, 0) == 1, head.count < 1 << 16 else { return nil }
                head.append(byte)
            }
            return String(decoding: head, as: UTF8.self)
        }

        /// Reads until the client has gone.
        func waitForEnd() {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while recv(descriptor, &buffer, buffer.count, 0) > 0 {}
        }

        /// Whether the client has gone, by now or within so many milliseconds.
        func hasEnded(within milliseconds: CInt) -> Bool {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, milliseconds) > 0 else { return false }
            var byte: UInt8 = 0
            return recv(descriptor, &byte, 1, CInt(MSG_PEEK)) <= 0
        }
    }

    let port: UInt16
    private let listener: CInt
    private let open = Locked<Set<CInt>>([])

    init(_ handler: @escaping @Sendable (Connection) -> Void) throws {
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard listener >= 0 else { throw CommandFailure(description: "no socket") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        guard code else { throw CommandFailure(description: "the server cannot listen") }
        self.listener = listener
        port = UInt16(bigEndian: address.sin_port)
        let open = open
        Thread {
            var index = 0
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                let connection = Connection(descriptor: descriptor, index: index)
                index += 1
                open.withLock { _ = $0.insert(descriptor) }
                Thread {
                    handler(connection)
                    open.withLock { descriptors in
                        descriptors.remove(descriptor)
                        close(descriptor)
                    }
                }.start()
            }
        }.start()
    }

    deinit {
        // Wakes the accepting thread and all handlers.
        shutdown(listener, CInt(SHUT_RDWR))
        close(listener)
        open.withLock { descriptors in
            for descriptor in descriptors { shutdown(descriptor, CInt(SHUT_RDWR)) }
        }
    }
}

/// Opens once, for any number of threads that wait for it.
final class Gate: Sendable {
    private let interrupter = Interrupter()

    func open() { interrupter.interrupt() }

    /// Waits for the gate to open, for a minute at most.
    func wait() { interrupter.wait(until: .now + .seconds(60)) }
}

/// Collects the events of a source.
final class SourceEventLog: Sendable {
    private let list = Locked<[LiveSource.Event]>([])

    var events: [LiveSource.Event] { list.withLock { $0 } }
    /// The reasons of all losses.
    var losses: [String] {
        events.compactMap { event in
            if case .lost(let reason, _) = event { return reason }
            return nil
        }
    }

    func append(_ event: LiveSource.Event) { list.withLock { $0.append(event) } }
}
