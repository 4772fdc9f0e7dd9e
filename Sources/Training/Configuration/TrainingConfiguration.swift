import Configuration
import MaskRCNN

/// What `segmentd train` is told by its file; every value has passed its check.
///
/// Defaults stand beside the values here, or in `init` where they follow from other values.
public struct TrainingConfiguration: Sendable, Equatable {
    /// What the first iteration begins with.
    public enum Start: Sendable, Equatable {
        /// `model`: random weights. Without categories in it, they are the data set's, and so is the number of classes.
        case model(ModelConfiguration)
        /// `from`: the weights of a checkpoint or a model file, by its absolute path.
        case checkpoint(path: String)
    }

    /// Pictures with what they show.
    public struct DataSet: Sendable, Equatable {
        /// `annotations`: the absolute path of a JSON file of COCO's form.
        public var annotations: String
        /// `images`: the absolute path of the folder in which the names of its pictures begin.
        public var images: String

        public init(annotations: String, images: String) {
            self.annotations = annotations
            self.images = images
        }
    }

    /// The file that it was read from.
    public var file: String
    /// `model` or `from`.
    public var start: Start
    /// `train`: what is learned from.
    public var train: DataSet
    /// `validation`: what is never learned from, and evaluated on; nil for none.
    public var validation: DataSet?
    /// `output`: the absolute path of the folder for checkpoints, which need not be there yet.
    public var output: String
    /// `batch`: pictures that go through the network together, 1...1024.
    public var batch = 2
    /// `accumulate`: batches whose gradients are one iteration's, 1...1024.
    public var accumulate = 1
    /// `momentum`: 0..<1.
    public var momentum: Float = 0.9
    /// `weight_decay`: 0...1.
    public var weightDecay: Float = 1e-4
    /// `iterations` (10,000), `learning_rate` (0.02 for 16 pictures an iteration, and in proportion; arXiv 1706.02677, section 2.1) and
    /// `schedule`, whose defaults are those of `Schedule.init`.
    public var schedule: Schedule
    /// `clip`: the norm that all gradients together are cut to; nil for any.
    public var clip: Double?
    /// `ema`: the decay of an exponential moving average of the weights, for each iteration, 0..<1; nil for no average.
    public var ema: Float?
    /// `freeze`: with `from` the first convolution and stage, and batch normalisation; with `model` nothing.
    public var freezing: ParameterStore.Freezing
    /// `sampling`: 256 anchors and 512 regions of a picture, 2,000 candidates before and 2,000 proposals after suppression.
    public var sampling = LossNetwork.Sampling()
    /// `augment`.
    public var augmentation = Augmentation()
    /// `evaluate_every`: iterations; a tenth of all with `validation`, nil for never.
    public var evaluateEvery: Int?
    /// `checkpoint_every`: iterations.
    public var checkpointEvery = 500
    /// `keep`: the newest checkpoints that are kept, 1...10000.
    public var keep = 3
    /// `log_every`: iterations.
    public var logEvery = 20
    /// `seed`: all that is random follows from it.
    public var seed: UInt64 = 1
    /// `threads`: of the network, 1...1024; nil for one a processor.
    public var threads: Int?
    /// `loaders`: threads that read pictures, 1...64.
    public var loaders = 2
    /// What works and is likely not what is meant.
    public var warnings: [ConfigurationError.Issue] = []

    /// - Parameters:
    ///   - iterations: Likewise `batch`, `accumulate` and `learningRate`: what other defaults follow from; nil for their own.
    public init(
        file: String, start: Start, train: DataSet, validation: DataSet? = nil, output: String,
        iterations: Int? = nil, batch: Int? = nil, accumulate: Int? = nil, learningRate: Float? = nil
    ) {
        self.file = file
        self.start = start
        self.train = train
        self.validation = validation
        self.output = output
        self.batch = batch ?? self.batch
        self.accumulate = accumulate ?? self.accumulate
        let linear = 0.02 * Double(self.batch) * Double(self.accumulate) / 16
        schedule = Schedule(rate: learningRate ?? Float(linear), iterations: iterations ?? 10_000)
        switch start {
        case .model: freezing = ParameterStore.Freezing(stages: 0, batchNorm: false)
        case .checkpoint: freezing = ParameterStore.Freezing(stages: 2, batchNorm: true)
        }
        evaluateEvery = validation.map { _ in max(1, schedule.iterations / 10) }
    }

    /// How many times the weights are moved.
    public var iterations: Int { schedule.iterations }
}
