/// What a stage that chooses works with: the items that wait before it, and the way out.
///
/// For the stage's own thread.
public final class Inbox<Input: Sendable, Output: Sendable> {
    private let queue: BoundedQueue<Input>
    private let output: BoundedQueue<Output>
    private let stage: Stage
    /// Whether nobody takes what comes out any more.
    private(set) var isClosed = false

    init(queue: BoundedQueue<Input>, output: BoundedQueue<Output>, stage: Stage) {
        self.queue = queue
        self.output = output
        self.stage = stage
    }

    /// Takes items that wait, the oldest first; never waits, and is empty where the pipeline has been cancelled meanwhile.
    public func take(limit: Int = .max) -> [Input] { queue.takeAll(limit: limit) }

    /// Passes an item on; waits for room where the next queue blocks.
    public func emit(_ item: Output) {
        guard !isClosed else { return }
        if !stage.idle({ output.push(item) }) { isClosed = true }
    }

    /// Runs what is waiting for a turn, and no work.
    public func waitingForTurn<Result>(_ body: () throws -> Result) rethrows -> Result {
        try stage.idle(forTurn: true, body)
    }
}
