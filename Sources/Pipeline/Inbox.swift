/// What a stage that chooses works with: the items that wait before it, and the way out.
///
/// For the stage's own thread, and the turnstile's while that stage has its turn.
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

    /// Waits for the party's turn and uses it; waiting is no work of the stage, the turn is.
    ///
    /// - Returns: Nil where the party was cancelled before its turn came; `body` is then not called.
    public func withTurn<Result>(of party: Turnstile.Party, _ body: () throws -> Result) throws -> Result? {
        stage.beginWait(forTurn: true)
        let result = try party.withTurn {
            stage.endWait()
            return try stage.countingProcessorTime(body)
        }
        if result == nil { stage.endWait() }
        return result
    }
}
