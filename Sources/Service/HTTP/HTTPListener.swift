import FlyingSocks
import Foundation
import Glibc
import Instances
import Synchronization

/// Answers requests of HTTP/1.1 on one address, within bounds: connections, the length of a head, the time that a client takes.
///
/// FlyingFox's own server has no such bounds, and one descriptor too few ends it; so of that package only the sockets and their
/// event loop are used. Who is connected longest without having asked makes room for who comes next.
final class HTTPListener: Sendable {
    struct Limits: Sendable {
        var connections = 64
        /// Bytes of a request's head.
        var head = 8192
        /// For a client to send a whole head, from its connection or the answer before.
        var request = Duration.seconds(10)
        /// For an answer to be made and taken.
        var answer = Duration.seconds(30)
        /// For what a client still sends after the last answer.
        var farewell = Duration.seconds(1)
    }

    /// A client, while its task runs.
    private struct Connection {
        var task: Task<Void, Never>
        var deadline: ContinuousClock.Instant
        /// When it was last the client's turn; nil while its answer is made or sent.
        var waitsSince: ContinuousClock.Instant?
    }

    private struct Connections {
        var all: [Int: Connection] = [:]
        var last = 0
    }

    private let socket: Socket
    private let limits: Limits
    private let answer: @Sendable (HTTPRequest) async -> HTTPAnswer
    private let pool = SocketPool<ePoll>.ePoll()
    private let connections = Mutex(Connections())

    /// Begins to listen; clients are answered once it runs.
    ///
    /// - Throws: `SocketError`.
    init(
        address: some SocketAddress, limits: Limits = Limits(),
        answer: @escaping @Sendable (HTTPRequest) async -> HTTPAnswer
    ) throws {
        self.limits = limits
        self.answer = answer
        socket = try Socket(domain: CInt(type(of: address).family))
        do {
            // Clients of the process before, whose connections have not quite ended, do not keep the port.
            try socket.setValue(true, for: .localAddressReuse)
            try socket.bind(to: address)
        } catch {
            try? socket.close()
            throw error
        }
        try socket.listen()
    }

    /// The port, which the system has chosen where 0 was asked for.
    var port: Int {
        switch try? socket.sockname() {
        case .ip4(_, let port), .ip6(_, let port): Int(port)
        case .unix, nil: 0
        }
    }

    /// Clients connected now.
    var count: Int { connections.withLock { $0.all.count } }

    /// Answers until its task is cancelled; then all connections and the socket are closed.
    ///
    /// - Throws: `SocketError` where the system has no more events to give. To be called once.
    func run() async throws {
        defer { try? socket.close() }
        let listener = try AsyncSocket(socket: socket, pool: pool)
        try await pool.prepare()
        let outcome: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { try await self.pool.run() }
                group.addTask { try await self.accept(from: listener) }
                group.addTask { try await self.watchDeadlines() }
                try await group.next()
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        for connection in connections.withLock({ Array($0.all.values) }) {
            connection.task.cancel()
            await connection.task.value
        }
        if !Task.isCancelled { try outcome.get() }
    }

    private func accept(from listener: AsyncSocket) async throws {
        while true {
            try Task.checkCancellation()
            do {
                let client = try await listener.accept()
                await makeRoom()
                serve(client)
            } catch SocketError.failed(_, let code, _) where ![EBADF, EINVAL, ENOTSOCK].contains(code) {
                // A client that has gone already, or no descriptor free: others will come, or be freed.
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Ends connections until there is room for one more: the one that has waited longest for its client, and only then one that
    /// is answered.
    private func makeRoom() async {
        while true {
            let victim = connections.withLock { connections -> Task<Void, Never>? in
                guard connections.all.count >= limits.connections else { return nil }
                let waiting = connections.all.values.filter { $0.waitsSince != nil }
                let victim =
                    waiting.min { $0.waitsSince! < $1.waitsSince! }
                    ?? connections.all.values.min { $0.deadline < $1.deadline }
                return victim?.task
            }
            guard let victim else { return }
            victim.cancel()
            await victim.value
        }
    }

    private func watchDeadlines() async throws {
        let interval = min(.seconds(1), limits.request, limits.answer)
        while true {
            try await Task.sleep(for: interval)
            let now = ContinuousClock.now
            let late = connections.withLock { $0.all.values.filter { $0.deadline < now } }
            for connection in late { connection.task.cancel() }
        }
    }

    private func serve(_ client: AsyncSocket) {
        connections.withLock { connections in
            connections.last += 1
            let id = connections.last
            let task = Task {
                // What a client does wrong ends its own connection, and is of no further interest.
                try? await self.converse(with: client, id)
                try? client.close()
                self.connections.withLock { $0.all[id] = nil }
            }
            let now = ContinuousClock.now
            connections.all[id] = Connection(task: task, deadline: now + limits.request, waitsSince: now)
        }
    }

    private func begin(_ id: Int, _ time: Duration, isWaiting: Bool) {
        let now = ContinuousClock.now
        connections.withLock {
            $0.all[id]?.deadline = now + time
            $0.all[id]?.waitsSince = isWaiting ? now : nil
        }
    }

    private func converse(with client: AsyncSocket, _ id: Int) async throws {
        var received: [UInt8] = []
        var keepsConnection = true
        while keepsConnection {
            begin(id, limits.request, isWaiting: true)
            let request: Result<HTTPRequest, HTTPRequest.Fault> = try await nextRequest(from: client, &received)
            begin(id, limits.answer, isWaiting: false)
            let response: HTTPAnswer
            var hasBody = true
            switch request {
            case .success(let request):
                response = await answer(request)
                keepsConnection = request.keepsConnection
                hasBody = request.method != "HEAD"
            case .failure(let fault):
                response = HTTPAnswer(fault)
                keepsConnection = false
            }
            try await client.write(
                response.encoded(hasBody: hasBody, keepsConnection: keepsConnection, at: .now))
            // A client that asks without a pause leaves the thread to others in between.
            await Task.yield()
        }
        // Closing while bytes are unread would tell the client of an error, and it could lose the answer (RFC 9112, 9.6).
        begin(id, limits.farewell, isWaiting: true)
        shutdown(client.socket.file.rawValue, CInt(SHUT_WR))
        var rest = 64 * 1024
        while rest > 0 { rest -= try await client.read(atMost: 4096).count }
    }

    /// Reads up to the end of a head; what has come after it stays in `received`.
    private func nextRequest(
        from client: AsyncSocket, _ received: inout [UInt8]
    ) async throws -> Result<HTTPRequest, HTTPRequest.Fault> {
        var searched = 0
        while true {
            // An empty line before a request line is to be passed over (RFC 9112, section 2.2).
            if searched == 0 {
                received = Array(received.drop { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") })
            }
            if let end = HTTPRequest.endOfHead(in: received, from: searched) {
                let head = received[..<end]
                guard head.count <= limits.head else { return .failure(.headTooLarge) }
                let request = Result { () throws(HTTPRequest.Fault) in try HTTPRequest(head: head) }
                received.removeFirst(end)
                return request
            }
            guard received.count <= limits.head else { return .failure(.headTooLarge) }
            searched = received.count
            received += try await client.read(atMost: 4096)
        }
    }
}
