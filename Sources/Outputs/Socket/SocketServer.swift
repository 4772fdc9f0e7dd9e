import Locks
import Glibc
import Instances
import Pipeline

/// The thread behind a `SocketOutput`: it lets clients in, sends, and removes those who have gone.
// Sendable: what is not behind the monitor is touched by the thread of `run()` only.
final class SocketServer: @unchecked Sendable {
    private struct State {
        var clients: [SocketClient] = []
        /// What a new client is told first, in the order in which the streams began.
        var hellos: [(stream: String, record: EncodedRecord)] = []
        /// When to end at the latest; nil while the output is open.
        var deadline: ContinuousClock.Instant?
        var hasEnded = false
        var connections = 0
        /// Counts of clients that have gone.
        var past = SocketClient.Counts()
        var lastError: String?
        /// Whether nobody is let in for a while.
        var isPaused = false
    }

    /// What the thread alone knows of a client.
    private struct Connection {
        let client: SocketClient
        /// Whether to wait until the client takes more.
        var isBlocked = false
        /// Whether the client may still send something.
        var canSend = true
        /// Whether nothing of it is read until the next record: it sends more than anyone needs.
        var isMuted = false
    }

    private let file: SocketFile
    private let options: SocketOptions
    private let name: String
    private let onEvent: @Sendable (OutputEvent) -> Void
    private let wakeup: Wakeup
    private let state = Monitor(State())

    private var connections: [Connection] = []
    private var outgoing: [UInt8] = []
    private var incoming = [UInt8](repeating: 0, count: 8192)
    /// Until when nobody is let in, since the system had no descriptor left.
    private var acceptsAfter: ContinuousClock.Instant? {
        didSet { state.withLock { $0.isPaused = acceptsAfter != nil } }
    }
    private var isTurningAway = false

    init(
        file: SocketFile, options: SocketOptions, name: String, onEvent: @escaping @Sendable (OutputEvent) -> Void
    ) throws {
        self.file = file
        self.options = options
        self.name = name
        self.onEvent = onEvent
        wakeup = try Wakeup(for: name)
    }

    // MARK: From any thread

    func publish(_ record: EncodedRecord) {
        let clients: [SocketClient] = state.withLock { state in
            guard state.deadline == nil else { return [] }
            switch record.record {
            case .hello(let hello):
                if let index = state.hellos.firstIndex(where: { $0.stream == hello.stream }) {
                    state.hellos[index].record = record
                } else {
                    state.hellos.append((hello.stream, record))
                }
            case .end(let stream, _, _): state.hellos.removeAll { $0.stream == stream }
            case .frame, .event, .gap, .error: break
            }
            return state.clients
        }
        guard !clients.isEmpty else { return }
        for client in clients { client.publish(record) }
        wakeup.signal()
    }

    /// Asks the thread to end when everything is sent, or at the deadline.
    func stop(at deadline: ContinuousClock.Instant) {
        state.withLock { $0.deadline = min(deadline, $0.deadline ?? deadline) }
        wakeup.signal()
    }

    var status: OutputStatus {
        state.withLock { state in
            var status = OutputStatus(state: state.hasEnded ? .failed : state.isPaused ? .waiting : .running)
            status.lastError = state.lastError
            status.clients = state.clients.count
            status.connections = state.connections
            status.recordsWritten = state.past.written
            status.recordsDropped = state.past.dropped
            for client in state.clients {
                let counts = client.counts
                status.recordsWritten += counts.written
                status.recordsDropped += counts.dropped
                status.queueDepth = max(status.queueDepth, counts.depth)
            }
            return status
        }
    }

    // MARK: On the thread

    func run() {
        tell(.opened, "listens")
        while true {
            let deadline = state.withLock { $0.deadline }
            if let deadline, deadline <= .now || connections.allSatisfy({ $0.client.counts.depth == 0 }) { break }
            serve(until: deadline)
        }
        end()
    }

    /// Waits until there is something to do, and does it.
    private func serve(until deadline: ContinuousClock.Instant?) {
        if let after = acceptsAfter, after <= .now { acceptsAfter = nil }
        let isAccepting = deadline == nil && acceptsAfter == nil
        var polled = [pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0)]
        // A negative descriptor is passed over.
        polled.append(pollfd(fd: isAccepting ? file.descriptor : -1, events: Int16(POLLIN), revents: 0))
        for connection in connections {
            var events: CInt = connection.isBlocked ? POLLOUT : 0
            if connection.canSend && !connection.isMuted { events |= POLLIN }
            polled.append(pollfd(fd: connection.client.descriptor, events: Int16(events), revents: 0))
        }
        let next = [deadline, acceptsAfter].compactMap { $0 }.min()
        poll(&polled, nfds_t(polled.count), milliseconds(until: next))

        let isWoken = polled[0].revents != 0
        if isWoken { wakeup.clear() }
        var gone = Set<CInt>()
        for index in connections.indices {
            let events = CInt(polled[index + 2].revents)
            if !serve(&connections[index], events: events, isWoken: isWoken) {
                gone.insert(connections[index].client.descriptor)
            }
        }
        if !gone.isEmpty { remove(gone) }
        if polled[1].revents != 0 { accept() }
    }

    /// - Returns: False where the connection is over.
    private func serve(_ connection: inout Connection, events: CInt, isWoken: Bool) -> Bool {
        if isWoken { connection.isMuted = false }
        if events & (POLLHUP | POLLERR | POLLNVAL) != 0 { return false }
        if events & POLLIN != 0 {
            switch connection.client.discardInput(with: &incoming) {
            case .drained: break
            case .flooding: connection.isMuted = true
            case .ended: connection.canSend = false
            case .gone: return false
            }
        }
        let canTakeMore = events & POLLOUT != 0 || isWoken && !connection.isBlocked
        if canTakeMore && !send(&connection) { return false }
        if isWoken, let lost = connection.client.takeNotice() {
            tell(.lost, "a client reads too slowly and begins to lose records (\(lost) so far); the others go on")
        }
        return true
    }

    private func send(_ connection: inout Connection) -> Bool {
        switch connection.client.send(with: &outgoing) {
        case .idle: connection.isBlocked = false
        // Polling comes back at once for a client that takes more, after the others had their turn.
        case .blocked, .busy: connection.isBlocked = true
        case .gone: return false
        }
        return true
    }

    private func accept() {
        for _ in 0..<64 {
            let descriptor = Glibc.accept(file.descriptor, nil, nil)
            if descriptor < 0 {
                switch errno {
                case EINTR, ECONNABORTED: continue
                case EAGAIN: return
                case let code: return pauseAccepting(systemReason(code))
                }
            }
            SocketAddress.prepare(descriptor)
            if connections.count >= options.maxClients {
                turnAway(descriptor)
                continue
            }
            admit(descriptor)
        }
    }

    private func admit(_ descriptor: CInt) {
        let client = SocketClient(descriptor: descriptor, limit: options.queue)
        state.withLock { state in
            for hello in state.hellos { client.publish(hello.record) }
            state.clients.append(client)
            state.connections += 1
        }
        connections.append(Connection(client: client))
        tell(.connected, "a client has connected, \(connections.count) now")
        _ = send(&connections[connections.count - 1])
    }

    private func turnAway(_ descriptor: CInt) {
        let reason = "\(options.maxClients) clients are connected, and no more are let in"
        let line = EncodedRecord(.error(stream: "", time: nil, message: reason)).line
        _ = line.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
        close(descriptor)
        state.withLock { $0.lastError = reason }
        // Once for as long as it is full.
        if !isTurningAway { tell(.refused, reason) }
        isTurningAway = true
    }

    /// Lets nobody in for a second: the one that waits would otherwise wake the thread over and over.
    private func pauseAccepting(_ reason: String) {
        acceptsAfter = .now + .seconds(1)
        let message = "cannot let a client in: \(reason); trying again in a second (see LimitNOFILE= or ulimit -n)"
        state.withLock { $0.lastError = message }
        tell(.failed, message)
    }

    private func remove(_ gone: Set<CInt>) {
        state.withLock { state in
            state.clients.removeAll { client in
                guard gone.contains(client.descriptor) else { return false }
                let counts = client.counts
                state.past.written += counts.written
                state.past.dropped += counts.dropped
                return true
            }
        }
        connections.removeAll { gone.contains($0.client.descriptor) }
        // Descriptors have become free.
        acceptsAfter = nil
        isTurningAway = false
        tell(
            .disconnected,
            "\(gone.count == 1 ? "a client has" : "\(gone.count) clients have") gone, \(connections.count) left")
    }

    private func end() {
        file.removeName()
        close(file.descriptor)
        for index in connections.indices {
            // What lies unread would make the system tell the client of an error instead of the end.
            _ = connections[index].client.discardInput(with: &incoming)
            shutdown(connections[index].client.descriptor, CInt(SHUT_RDWR))
        }
        remove(Set(connections.map(\.client.descriptor)))
        state.withLock { $0.hasEnded = true }
        tell(.closed, "closed")
    }

    private func tell(_ kind: OutputEvent.Kind, _ message: String) {
        onEvent(OutputEvent(output: name, kind: kind, message: message))
    }

    private func milliseconds(until time: ContinuousClock.Instant?) -> CInt {
        guard let time else { return -1 }
        let (seconds, attoseconds) = (time - .now).components
        return seconds < 0 ? 0 : CInt(min(seconds, 3600)) * 1000 + CInt(attoseconds / 1_000_000_000_000_000) + 1
    }
}
