/// Collects how long each stage of a detector takes; for benchmarks.
///
/// Not for two threads at once.
public final class StageClock {
    /// Time by stage, in the order of a frame's way.
    public private(set) var times: [(stage: String, time: Duration)] = []

    public init() {}

    /// Runs a stage and adds its time.
    func measure<Result>(_ stage: String, _ body: () -> Result) -> Result {
        let start = ContinuousClock.now
        let result = body()
        times.append((stage, ContinuousClock.now - start))
        return result
    }
}

extension StageClock? {
    func measure<Result>(_ stage: String, _ body: () -> Result) -> Result {
        guard let self else { return body() }
        return self.measure(stage, body)
    }
}
