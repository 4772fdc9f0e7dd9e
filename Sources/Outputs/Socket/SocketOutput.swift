import Locks
import Glibc
import Instances
import Pipeline

/// A Unix stream socket that gives a stream's records to any number of clients, one line of JSON each.
///
/// A client first gets the `hello` of every stream there is, then each record that comes. Clients have queues of their own: one that reads
/// slowly or not at all loses its own oldest records, is told so by a `gap` before the next one, and costs nobody anything but its queue.
/// What clients send is thrown away. Several streams can share one socket.
///
/// The socket ends with `finish(within:)`, or at once when the last reference goes.
public final class SocketOutput: RecordOutput {
    public let name: String
    /// The socket's name in the file system.
    public let path: String

    private let server: SocketServer
    private let thread: NamedThread

    /// Makes a socket; a file that a dead process has left under that name is replaced.
    ///
    /// - Parameter onEvent: Told what belongs in a log, on the socket's own thread.
    /// - Throws: `OutputError`: the name is in use by a running process or by something that is not a socket, its folder is missing, the
    ///   owner or group is not known, or the system refuses.
    public convenience init(
        path: String, options: SocketOptions = SocketOptions(),
        onEvent: @escaping @Sendable (OutputEvent) -> Void = { _ in }
    ) throws {
        try self.init(file: SocketFile(path: path, options: options), options: options, onEvent: onEvent)
    }

    /// Serves a socket that is open already, from `SocketActivation`. Its name and the descriptor stay when the output ends: they belong to
    /// systemd and to the activation, which can hand the socket out again.
    ///
    /// - Throws: `OutputError`: `wrongDescriptor` where it is not a listening Unix stream socket, or no descriptor is free.
    public convenience init(
        inherited descriptor: Int32, options: SocketOptions = SocketOptions(),
        onEvent: @escaping @Sendable (OutputEvent) -> Void = { _ in }
    ) throws {
        try self.init(file: SocketFile(inherited: descriptor), options: options, onEvent: onEvent)
    }

    private init(
        file: SocketFile, options: SocketOptions, onEvent: @escaping @Sendable (OutputEvent) -> Void
    ) throws {
        path = file.path
        name = "socket \(file.path)"
        do {
            let server = try SocketServer(file: file, options: options, name: name, onEvent: onEvent)
            self.server = server
            thread = try NamedThread(name: "socket") { server.run() }
        } catch {
            file.removeName()
            close(file.descriptor)
            throw error
        }
    }

    deinit { server.stop(at: .now) }

    /// Sets what a stream says to every new client; those that are there get it now.
    public func setHello(_ hello: StreamRecord.Hello) { publish(EncodedRecord(.hello(hello))) }

    /// Queues a record for every client. A stream's `hello` is kept for clients to come until its `end`. Never waits for a client.
    public func publish(_ record: EncodedRecord) { server.publish(record) }

    /// Takes no more clients, sends what is queued to those who read, and closes.
    public func finish(within time: Duration) {
        let deadline = ContinuousClock.now + time
        server.stop(at: deadline)
        // The thread never waits for anything but the deadline itself.
        _ = thread.wait(until: deadline + .seconds(1))
    }

    public var status: OutputStatus { server.status }
}
