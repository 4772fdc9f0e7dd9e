import Configuration

/// Every key that a training's configuration may have, by the mapping that it stands in.
enum TrainingKeys {
    enum Training: String, ConfigurationKey {
        case model, from, train, validation, output, iterations, batch, accumulate
        case learningRate = "learning_rate"
        case momentum
        case weightDecay = "weight_decay"
        case schedule, clip, ema, freeze, sampling, augment
        case evaluateEvery = "evaluate_every"
        case checkpointEvery = "checkpoint_every"
        case keep
        case logEvery = "log_every"
        case seed, threads, loaders
        static let section = "training"
    }

    enum Model: String, ConfigurationKey {
        case backbone
        case minSize = "min_size"
        case maxSize = "max_size"
        case anchorSizes = "anchor_sizes"
        case aspectRatios = "aspect_ratios"
        case scoreThreshold = "score_threshold"
        case detectionsPerImage = "detections_per_image"
        static let section = "model"
    }

    enum DataSet: String, ConfigurationKey {
        case annotations, images
        static let section = "data_set"
    }

    enum Schedule: String, ConfigurationKey {
        case kind, warmup
        case warmupFactor = "warmup_factor"
        case steps, factor
        static let section = "schedule"
    }

    enum Freeze: String, ConfigurationKey {
        case stages
        case batchNorm = "batch_norm"
        static let section = "freeze"
    }

    enum Sampling: String, ConfigurationKey {
        case anchors, regions
        case preNms = "pre_nms"
        case postNms = "post_nms"
        static let section = "sampling"
    }

    enum Augment: String, ConfigurationKey {
        case flip, scales, brightness, contrast, saturation, hue
        static let section = "augment"
    }

    /// All of them, by section.
    static let all: [String: [String]] = {
        func entry<Key: ConfigurationKey>(_: Key.Type) -> (String, [String]) { (Key.section, Key.names) }
        return Dictionary(uniqueKeysWithValues: [
            entry(Training.self), entry(Model.self), entry(DataSet.self), entry(Schedule.self), entry(Freeze.self),
            entry(Sampling.self), entry(Augment.self),
        ])
    }()
}
