import Dispatch
import Foundation
import Synchronization

/// Turns SIGINT and SIGTERM into a call, once; a second signal ends the process as usual.
final class Interruption: Sendable {
    /// The signal's number once one has come.
    private final class Received: Sendable {
        let number = Mutex<Int32?>(nil)
    }

    private let received: Received
    // Dispatch's sources may be used from any thread; only their Swift type does not say so.
    nonisolated(unsafe) private let sources: [any DispatchSourceSignal]

    /// - Parameter action: Called from a thread of its own at the first signal.
    init(action: @escaping @Sendable () -> Void) {
        let received = Received()
        self.received = received
        sources = Self.signals.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                received.number.withLock { $0 = number }
                signal(number, SIG_DFL)
                action()
            }
            source.activate()
            return source
        }
    }

    private static let signals = [SIGINT, SIGTERM]

    /// The exit code that goes with the signal received, if any: 128 and its number.
    var exitCode: Int32? { received.number.withLock { $0.map { 128 + $0 } } }

    /// Lets signals end the process again.
    func stop() {
        for source in sources { source.cancel() }
        for number in Self.signals { signal(number, SIG_DFL) }
    }
}
