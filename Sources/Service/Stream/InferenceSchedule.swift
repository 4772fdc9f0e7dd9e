/// Says which frames the detector is to see, by media time.
struct InferenceSchedule: Sendable {
    /// Seconds from one inferred frame to the next at least; 0 where there is no limit.
    private let interval: Double
    /// What times may be early by, seconds: they are rounded to a container's time base, and cameras' clocks tremble.
    private static let tolerance = 0.005
    private var due = -Double.infinity
    private var last = -Double.infinity

    /// - Parameter rate: Inferred frames a second at most; no limit where nil.
    init(rate: Double?) {
        interval = rate.map { 1 / $0 } ?? 0
    }

    /// Whether a frame is due; a time before the last one's starts anew.
    func isDue(at seconds: Double) -> Bool {
        interval == 0 || seconds < last || seconds >= due - min(Self.tolerance, interval / 4)
    }

    /// Notes that the detector sees the frame.
    ///
    /// What is due next counts from when this one was due, so that a rate which does not divide the source's is kept on average.
    mutating func infer(at seconds: Double) {
        let isLate = seconds < last || seconds - due >= interval
        due = isLate ? seconds + interval : due + interval
        last = seconds
    }
}
