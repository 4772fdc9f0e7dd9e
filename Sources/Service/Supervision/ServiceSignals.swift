import Dispatch
import Glibc

/// The signals that steer a service, as a sequence: SIGTERM and SIGINT stop it, SIGHUP makes it read its configuration again.
///
/// From now on they do nothing else. A second SIGTERM or SIGINT ends the process as usual.
final class ServiceSignals: AsyncSequence, Sendable {
    typealias Element = CInt

    private let stream: AsyncStream<CInt>
    // Dispatch's sources may be used from any thread; only their Swift type does not say so.
    nonisolated(unsafe) private let sources: [any DispatchSourceSignal]

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: CInt.self, bufferingPolicy: .bufferingNewest(8))
        self.stream = stream
        sources = [SIGTERM, SIGINT, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if number != SIGHUP { for other in [SIGTERM, SIGINT] { signal(other, SIG_DFL) } }
                continuation.yield(number)
            }
            source.activate()
            return source
        }
    }

    deinit { for source in sources { source.cancel() } }

    func makeAsyncIterator() -> AsyncStream<CInt>.Iterator { stream.makeAsyncIterator() }
}
