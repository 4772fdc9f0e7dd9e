import Dispatch
import Foundation
import Synchronization

/// Turns the first SIGINT, SIGTERM or SIGHUP into a call; a second signal, whichever, ends the process as usual.
final class Interruption: Sendable {
    private struct State {
        /// The signal's number once one has come.
        var number: Int32?
        var action: (@Sendable () -> Void)?
    }

    /// What the signals' handlers keep.
    private final class Shared: Sendable {
        let state = Mutex(State())
    }

    private let shared: Shared
    // Dispatch's sources may be used from any thread; only their Swift type does not say so.
    nonisolated(unsafe) private let sources: [any DispatchSourceSignal]

    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    /// Catches signals from now on, so that files which are opened next can be removed again.
    init() {
        let shared = Shared()
        self.shared = shared
        let registrations = DispatchGroup()
        sources = Self.signals.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                for other in Self.signals { signal(other, SIG_DFL) }
                let action = shared.state.withLock { state in
                    defer { state.number = state.number ?? number }
                    return state.number == nil ? state.action : nil
                }
                action?()
            }
            // Until then the signal would be lost, since it is ignored already.
            registrations.enter()
            source.setRegistrationHandler { registrations.leave() }
            source.activate()
            return source
        }
        registrations.wait()
    }

    /// Sets what a signal does; called at once where one has come already, and from any thread.
    func onSignal(_ action: @escaping @Sendable () -> Void) {
        let isLate = shared.state.withLock { state in
            state.action = action
            return state.number != nil
        }
        if isLate { action() }
    }

    /// The exit code that goes with the signal received, if any: 128 and its number.
    var exitCode: Int32? { shared.state.withLock { $0.number.map { 128 + $0 } } }

    /// Lets signals end the process again.
    func stop() {
        for source in sources { source.cancel() }
        for number in Self.signals { signal(number, SIG_DFL) }
    }
}
