import Dispatch
import Foundation
import Locks
import Synchronization

/// Shows how far a run is, on standard error: a line written over on a terminal, a line now and then otherwise.
final class ProgressReporter: Sendable {
    /// How far a run is.
    struct State: Sendable {
        var done = 0
        /// How many there will be, where that is known.
        var total: Int?
        /// Objects found, where any are looked for.
        var objects: Int?
    }

    /// A state for those who count themselves.
    final class Counter: Sendable {
        let state = Mutex(State())
    }

    private struct Window: Sendable {
        var time = ContinuousClock.now
        var done = 0
        var rate: Double?
    }

    // Dispatch's sources may be used from any thread; only their Swift type does not say so.
    nonisolated(unsafe) private let timer: any DispatchSourceTimer
    private let queue = DispatchQueue(label: "segmentd.progress")
    private let window = Mutex(Window())

    private static let barWidth = 24

    /// Begins to show.
    ///
    /// - Parameters:
    ///   - unit: What is counted, such as `frames`.
    ///   - state: Asked from a thread of its own.
    init(unit: String, state: @escaping @Sendable () -> State) {
        timer = DispatchSource.makeTimerSource(queue: queue)
        let seconds = Terminal.isInteractive ? 0.2 : 5
        timer.setEventHandler { [weak self] in self?.show(state(), unit: unit) }
        timer.schedule(deadline: .now() + seconds, repeating: seconds)
        timer.activate()
    }

    /// Ends the display and clears the line.
    func stop() {
        timer.cancel()
        // After a line that is just being written.
        queue.sync { if Terminal.isInteractive { Terminal.write("\r\u{1b}[K") } }
    }

    private func show(_ state: State, unit: String) {
        guard state.done > 0, !timer.isCancelled else { return }
        let rate = window.withLock { window -> Double in
            let now = ContinuousClock.now
            let elapsed = (now - window.time).inSeconds
            if elapsed >= 2 || window.rate == nil {
                window.rate = Double(state.done - window.done) / max(elapsed, 1e-3)
                (window.time, window.done) = (now, state.done)
            }
            return window.rate ?? 0
        }
        var text = "\(state.done)"
        if let total = state.total, total >= state.done { text += "/\(total)" }
        text += " \(unit), \(String(format: "%.1f", rate)) \(unit)/s"
        if let objects = state.objects { text += ", \(objects) objects" }
        if let total = state.total, total > state.done, rate > 0 {
            text += ", \(Self.clock(Double(total - state.done) / rate)) left"
        }
        Self.write(text, done: state.done, of: state.total)
    }

    /// Shows a line with a bar before it, where there is room for one.
    static func write(_ text: String, done: Int, of total: Int?) {
        guard Terminal.isInteractive else { return Terminal.note(text) }
        var text = text
        // A line that wraps could not be written over; the last column makes some terminals wrap.
        let room = Terminal.columns - 1
        if let total, total > 0, text.count + barWidth + 1 <= room {
            let filled = min(barWidth, barWidth * done / total)
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: barWidth - filled)
            text = "\(bar) \(text)"
        }
        Terminal.write("\r\u{1b}[K\(text.prefix(room))")
    }

    static func clock(_ seconds: Double) -> String {
        let total = Int(seconds.rounded(.up))
        return total >= 3600
            ? String(format: "%d:%02d:%02d", total / 3600, total / 60 % 60, total % 60)
            : String(format: "%d:%02d", total / 60, total % 60)
    }
}
