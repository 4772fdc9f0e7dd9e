/// What a run does, whatever it learns from.
public struct TrainingPlan: Sendable {
    /// Steps of the weights.
    public var iterations = 10_000
    /// Pictures that go through the network at once.
    public var batch = 2
    /// Batches whose gradients make a step.
    public var accumulate = 1
    /// The learning rate of a step.
    public var rate: @Sendable (_ iteration: Int) -> Float
    public var momentum: Float = 0.9
    public var weightDecay: Float = 1e-4
    /// The greatest norm of all gradients together; nil for any.
    public var clip: Double?
    /// The decay of the weights' moving average; nil for none.
    public var averageDecay: Double?
    public var augmentation = Augmentation()
    /// All random choices follow from it.
    public var seed: UInt64 = 1
    /// Threads that read pictures.
    public var loaders = 2
    /// Iterations between lines of the log; likewise the next two.
    public var logEvery = 20
    public var evaluateEvery = 1000
    public var checkpointEvery = 500
    /// Checkpoints that stay.
    public var kept = 3
    /// The folder that everything is written to.
    public var output: String

    public init(output: String, rate: @escaping @Sendable (Int) -> Float) {
        self.output = output
        self.rate = rate
    }
}
