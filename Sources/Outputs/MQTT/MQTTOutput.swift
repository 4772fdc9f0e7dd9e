import Locks
import Instances
import Pipeline

/// Publishes a stream's records to an MQTT broker.
///
/// | topic | what | retained |
/// |---|---|---|
/// | `PREFIX/status` | `online`, and `offline` when the output ends or the process vanishes | yes |
/// | `PREFIX/hello` | the stream's hello | yes |
/// | `PREFIX/frames` | frames, and gaps with frames in them | no |
/// | `PREFIX/events` | events, gaps with events in them, errors and the end | no |
/// | `PREFIX/state` | what is there now, when that changes, at most once a second | yes |
///
/// While the broker is away, records wait within a limit and the connection is tried again for ever; publishers never wait. What was sent and
/// not confirmed is sent again, so with the default quality of service every record that had room arrives, some of them twice. The oldest of
/// what has no room is dropped, and a `gap` says so.
public final class MQTTOutput: RecordOutput {
    public let name: String

    private let publisher: MQTTPublisher
    private let thread: NamedThread

    /// Begins to connect; whether the broker is there is not waited for.
    ///
    /// - Parameters:
    ///   - stream: The stream whose state is retained.
    ///   - onEvent: Told what belongs in a log, on the output's own thread.
    /// - Throws: `OutputError`: an option that cannot be, or a file of certificates that cannot be read.
    public init(
        stream: String, options: MQTTOptions, onEvent: @escaping @Sendable (OutputEvent) -> Void = { _ in }
    ) throws {
        try options.validate()
        name = "mqtt \(options.host):\(options.port)/\(options.topic)"
        let publisher = try MQTTPublisher(name: name, stream: stream, options: options, onEvent: onEvent)
        self.publisher = publisher
        thread = try NamedThread(name: "mqtt") { publisher.run() }
    }

    deinit { publisher.stop(at: .now + .seconds(1)) }

    public func publish(_ record: EncodedRecord) { publisher.publish(record) }

    public func finish(within time: Duration) {
        let deadline = ContinuousClock.now + time
        publisher.stop(at: deadline)
        // A thread that waits for a name server or for TCP is left behind.
        _ = thread.wait(until: deadline + .milliseconds(500))
    }

    public var status: OutputStatus { publisher.status }
}
