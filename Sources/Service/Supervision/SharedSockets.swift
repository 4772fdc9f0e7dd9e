import Instances
import Outputs
import Synchronization

/// The sockets of all streams by their paths: streams may share one, and one stays open over a reload that keeps it and its
/// settings.
final class SharedSockets: Sendable {
    private struct Entry {
        let socket: SocketOutput
        let settings: StreamOutput.Socket
        var users: Int
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let activation: SocketActivation
    private let onEvent: @Sendable (OutputEvent) -> Void

    init(activation: SocketActivation, onEvent: @escaping @Sendable (OutputEvent) -> Void) {
        self.activation = activation
        self.onEvent = onEvent
    }

    /// A socket for one stream's records, made where there is none yet.
    ///
    /// - Throws: `OutputError`; also where the socket is in use with other settings, by a stream that has not stopped.
    func socket(_ settings: StreamOutput.Socket, hello: StreamRecord.Hello) throws -> any RecordOutput {
        let socket = try entries.withLock { entries in
            if var entry = entries[settings.path] {
                guard entry.settings == settings else {
                    throw OutputError.refused(
                        action: "apply the new settings", name: settings.path,
                        reason: "a stream that has not stopped still uses the socket with the old ones; "
                            + "reload again when it has, or restart the service")
                }
                entry.users += 1
                entries[settings.path] = entry
                return entry.socket
            }
            var options = SocketOptions()
            options.mode = settings.mode
            options.owner = settings.owner
            options.group = settings.group
            options.queue = QueueLimit(records: settings.queue, bytes: settings.queueSize)
            let socket: SocketOutput
            if let descriptor = activation.descriptor(forPath: settings.path) {
                socket = try SocketOutput(inherited: descriptor, options: options, onEvent: onEvent)
            } else {
                socket = try SocketOutput(path: settings.path, options: options, onEvent: onEvent)
            }
            entries[settings.path] = Entry(socket: socket, settings: settings, users: 1)
            return socket
        }
        return StreamSocket(socket: socket, stream: hello.stream) { [self] time in
            release(settings.path, within: time)
        }
    }

    /// Keeps those of the outputs' sockets open that are open now with the same settings, until it is let go.
    ///
    /// One whose settings have changed is not kept: it closes with the last stream that uses it, and the next one opens it anew.
    func hold(_ outputs: [StreamOutput]) -> Hold {
        let wanted = outputs.compactMap { output -> StreamOutput.Socket? in
            if case .socket(let settings) = output { settings } else { nil }
        }
        let held = entries.withLock { entries in
            var held: [String] = []
            for settings in wanted where !held.contains(settings.path) {
                guard var entry = entries[settings.path], entry.settings == settings else { continue }
                entry.users += 1
                entries[settings.path] = entry
                held.append(settings.path)
            }
            return held
        }
        return Hold(sockets: self, paths: held)
    }

    /// Sockets that are kept open.
    struct Hold: Sendable {
        fileprivate let sockets: SharedSockets
        fileprivate let paths: [String]

        /// Lets go; a socket that nobody uses meanwhile ends.
        func release() {
            for path in paths { sockets.release(path, within: .seconds(1)) }
        }
    }

    private func release(_ path: String, within time: Duration) {
        let socket = entries.withLock { entries -> SocketOutput? in
            guard var entry = entries[path] else { return nil }
            entry.users -= 1
            entries[path] = entry.users > 0 ? entry : nil
            return entry.users > 0 ? nil : entry.socket
        }
        socket?.finish(within: time)
    }
}

/// One stream's share in a socket.
private final class StreamSocket: RecordOutput {
    let socket: SocketOutput
    private let stream: String
    private let release: @Sendable (Duration) -> Void
    private let isReleased = Mutex(false)

    init(socket: SocketOutput, stream: String, release: @escaping @Sendable (Duration) -> Void) {
        self.socket = socket
        self.stream = stream
        self.release = release
    }

    var name: String { socket.name }

    func publish(_ record: EncodedRecord) { socket.publish(record) }

    func finish(within time: Duration) {
        let wasReleased = isReleased.withLock { isReleased in
            defer { isReleased = true }
            return isReleased
        }
        if !wasReleased { release(time) }
    }

    var status: OutputStatus { socket.status }
}
