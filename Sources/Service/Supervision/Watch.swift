import Dispatch
import Foundation
import Locks

/// Looks after the daemon's progress and tells systemd: as long as every part that has work gets on with it, the watchdog is fed.
///
/// On a thread of its own, so that nothing else can keep it from looking.
final class Watch: Sendable {
    private let daemon: Daemon
    private let notifier: SystemdNotifier
    private let end = DispatchSemaphore(value: 0)

    init(daemon: Daemon, notifier: SystemdNotifier) {
        self.daemon = daemon
        self.notifier = notifier
    }

    func start() {
        Thread {
            ThreadName.set("watch")
            self.run()
        }.start()
    }

    /// Ends the watch; what happens afterwards has the stop's own bound.
    func stop() { end.signal() }

    private func run() {
        let limit = daemon.patience
        var monitor = ProgressMonitor(limit: limit)
        let interval = min(1, limit.inSeconds / 4)
        var status = ""
        while end.wait(timeout: .now() + interval) == .timedOut {
            let stuck = monitor.check(daemon.progress, at: .now)
            daemon.note(stuck: stuck)
            if stuck.isEmpty { notifier.watchdog() }
            let summary = stuck.isEmpty ? daemon.summary : "stuck: \(stuck.joined(separator: ", "))"
            if summary != status { notifier.status(summary) }
            status = summary
        }
    }
}
