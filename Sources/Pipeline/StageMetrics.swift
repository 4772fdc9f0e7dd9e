/// What one stage of a pipeline has done so far.
///
/// The durations of work and waiting tell the bottleneck: it is the stage that is busy while those before it are blocked on their output and those after it
/// wait for input.
public struct StageMetrics: Sendable, Equatable {
    /// The stage's name.
    public var name: String
    /// Items that the stage took; 0 for a source.
    public var itemsIn = 0
    /// Items that the stage made; 0 for a sink.
    public var itemsOut = 0
    /// Items that the stage made and that were dropped before the next stage took them.
    public var dropped = 0
    /// Time inside the stage's own work.
    public var busy = Duration.zero
    /// Since when the stage has been at the item that it is at; nil where it waits for an item, for room or for its turn.
    public var busySince: ContinuousClock.Instant?
    /// Whether the stage waits for its turn at something that it shares with others.
    public var isWaitingForTurn = false
    /// Processor time of the stage's own thread inside its work; what it does on other threads is not in it.
    public var processor = Duration.zero
    /// Time without an item to work on.
    public var waitingForInput = Duration.zero
    /// Time with a finished item that the next stage had no room for.
    public var blockedOnOutput = Duration.zero
    /// Items that wait before the stage now.
    public var queueDepth = 0
    /// The most items that ever waited before the stage.
    public var queueHighWater = 0

    public init(name: String) {
        self.name = name
    }
}
