import Locks
import Glibc
import Pipeline

/// A thread that belongs to one output and carries its name.
///
/// Not a queue of Dispatch: an output's thread waits for as long as the output lives, and Dispatch has only so many threads.
final class OutputThread: Sendable {
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
    /// - Throws: `OutputError.refused` where the system has no thread left.
    init(name: String, _ body: @escaping @Sendable () -> Void) throws {
        let start = Unmanaged.passRetained(Start(name: name, body: body, hasEnded: hasEnded))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                OutputThread.setName(start.name)
                start.body()
                start.hasEnded.update { $0 = true }
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw OutputError.refused(action: "start a thread", name: name, reason: systemReason(code))
        }
        pthread_detach(thread)
    }

    /// Waits for the thread's end.
    ///
    /// - Returns: Whether it came in time.
    func wait(until deadline: ContinuousClock.Instant) -> Bool {
        hasEnded.update(when: { $0 }, until: deadline) { $0 }
    }

    private static func setName(_ name: String) {
        // glibc shows its call for this only to C programs that ask for GNU extensions; the kernel's file does the same.
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        var short = name
        while short.utf8.count > 15 { short.removeLast() }
        write(file, short, short.utf8.count)
    }
}
