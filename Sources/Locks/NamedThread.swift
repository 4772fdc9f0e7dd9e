import Glibc

/// A thread of its own for work that may wait as long as it likes, such as that of an output.
///
/// Not a queue of Dispatch: an output's thread waits for as long as the output lives, and Dispatch has only so many threads.
package final class NamedThread: Sendable {
    /// The system has no thread left.
    package struct Failure: Error, Equatable, CustomStringConvertible {
        package var name: String
        package var reason: String

        package var description: String { "\(name): cannot start a thread: \(reason)" }
    }

    /// What the new thread is handed.
    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        let hasEnded: Monitor<Bool>

        init(name: String, body: @escaping @Sendable () -> Void, hasEnded: Monitor<Bool>) {
            self.name = name
            self.body = body
            self.hasEnded = hasEnded
        }
    }

    private let hasEnded = Monitor(false)

    /// Starts the thread.
    ///
    /// - Parameter name: For debuggers and `top -H`; the kernel keeps 15 bytes.
    /// - Throws: `Failure`.
    @discardableResult
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws {
        let start = Unmanaged.passRetained(Start(name: name, body: body, hasEnded: hasEnded))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                ThreadName.set(start.name)
                start.body()
                start.hasEnded.update { $0 = true }
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw Failure(name: name, reason: String(cString: strerror(code)))
        }
        pthread_detach(thread)
    }

    /// Waits for the thread's end.
    ///
    /// - Returns: Whether it came in time.
    package func wait(until deadline: ContinuousClock.Instant) -> Bool {
        hasEnded.update(when: { $0 }, until: deadline) { $0 }
    }
}
