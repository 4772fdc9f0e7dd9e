/// Notices what has work to do and does not get on with it.
struct ProgressMonitor: Sendable {
    /// What one part of the program is at.
    struct Sample: Sendable, Equatable {
        /// The part's name, such as `door/detect`.
        var part: String
        /// Whether it has work; one that waits for work, or for a peer that is known to be away, is well.
        var isBusy: Bool
        /// A count that grows with every piece of work.
        var progress: Int
        /// How long one piece may take here where that is longer than elsewhere, such as a wait with a time-out of its own.
        var limit = Duration.zero
    }

    /// How long a piece of work may take.
    let limit: Duration
    private var seen: [String: (progress: Int, since: ContinuousClock.Instant)] = [:]

    init(limit: Duration) {
        self.limit = limit
    }

    /// Takes note of all parts, and returns the names of those that are stuck.
    mutating func check(_ samples: [Sample], at now: ContinuousClock.Instant) -> [String] {
        var stuck: [String] = []
        var next: [String: (progress: Int, since: ContinuousClock.Instant)] = [:]
        for sample in samples where sample.isBusy {
            let known = seen[sample.part].flatMap { $0.progress == sample.progress ? $0 : nil }
            let since = known?.since ?? now
            next[sample.part] = (sample.progress, since)
            if now - since > max(limit, sample.limit) { stuck.append(sample.part) }
        }
        seen = next
        return stuck
    }
}
