import Synchronization
import Tensors

/// Collects how long the stages and operators of one frame take; for benchmarks.
public final class FrameClock: Sendable {
    /// One run of an operator.
    public struct OperatorTime: Sendable {
        /// The stage that it belongs to.
        public var stage: String
        /// The layer's name in checkpoints, or what an operator without weights does.
        public var name: String
        public var cost: OperatorCost
        public var time: Duration
    }

    private struct State: Sendable {
        var stages: [(stage: String, time: Duration)] = []
        var operators: [OperatorTime] = []
        var stage = ""
    }

    private let state = Mutex(State())

    public init() {}

    /// Time by stage, in the order of a frame's way.
    public var stages: [(stage: String, time: Duration)] { state.withLock { $0.stages } }

    /// Every operator that ran, in the order of a frame's way.
    public var operators: [OperatorTime] { state.withLock { $0.operators } }

    /// Runs a stage and keeps its time.
    func measure<Result>(stage: String, _ body: () -> Result) -> Result {
        state.withLock { $0.stage = stage }
        let start = ContinuousClock.now
        let result = body()
        let time = ContinuousClock.now - start
        state.withLock { $0.stages.append((stage, time)) }
        return result
    }

    /// Runs an operator and keeps its time.
    func measure<Result>(operator name: String, _ cost: OperatorCost, _ body: () -> Result) -> Result {
        let start = ContinuousClock.now
        let result = body()
        let time = ContinuousClock.now - start
        state.withLock {
            $0.operators.append(OperatorTime(stage: $0.stage, name: name, cost: cost, time: time))
        }
        return result
    }
}

extension FrameClock? {
    func measure<Result>(stage: String, _ body: () -> Result) -> Result {
        guard let self else { return body() }
        return self.measure(stage: stage, body)
    }

    /// - Parameter cost: Reckoned only where there is a clock.
    func measure<Result>(operator name: String, _ cost: @autoclosure () -> OperatorCost, _ body: () -> Result) -> Result
    {
        guard let self else { return body() }
        return self.measure(operator: name, cost(), body)
    }
}
