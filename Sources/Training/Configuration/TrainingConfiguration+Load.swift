import Configuration
import Files
import MaskRCNN

extension TrainingConfiguration {
    /// Reads a configuration and checks all of it that can be checked without reading models and data.
    ///
    /// - Parameter environment: The process's variables, for `${NAME}` in the file.
    /// - Throws: `ConfigurationError` with everything that is wrong.
    public static func load(
        path: String, environment: [String: String]
    ) throws(ConfigurationError) -> TrainingConfiguration {
        try read(YAMLDocument.bytes(of: path, file: path), file: path, environment: environment)
    }

    /// As `load`, for a file's bytes.
    static func read(
        _ bytes: [UInt8], file: String, environment: [String: String] = [:]
    ) throws(ConfigurationError) -> TrainingConfiguration {
        guard let root = try YAMLDocument.root(of: bytes, file: file), !ConfigurationReader.isNull(root) else {
            throw ConfigurationError([
                ConfigurationError.Issue(file: file, message: "is empty; name model or from, train and output in it")
            ])
        }
        let folder = FileCheck.absolute(Folder.containing(file))
        let reader = ConfigurationReader(file: file, folder: folder, environment: environment)
        var configuration = TrainingConfiguration(
            Section<TrainingKeys.Training>(root, reader: reader), file: file)
        try reader.finish()
        configuration.warnings = reader.warnings
        return configuration
    }

    /// What is missing or wrong is reported, and has some value here.
    private init(_ section: Section<TrainingKeys.Training>, file: String) {
        let start = Start(section)
        let train = DataSet(.train, of: section)
        if !section.has(.train) {
            section.report(.train, "train is missing: annotations, and the folder of their images")
        }
        let validation = DataSet(.validation, of: section)
        self.init(
            file: file, start: start ?? .checkpoint(path: ""), train: train ?? DataSet(annotations: "", images: ""),
            validation: validation, output: section.outputFolder(.output) ?? "",
            iterations: section.integer(.iterations, 1...Self.greatestCount), batch: section.integer(.batch, 1...1024),
            accumulate: section.integer(.accumulate, 1...1024),
            learningRate: section.number(.learningRate, 1e-9...100).map { Float($0) })
        if let train, train.annotations == validation?.annotations {
            section.reader.warn(
                section.place(of: .validation),
                "the training's own pictures are no validation; name others, or leave validation out")
        }
        readDescent(section)
        readPictures(section)
        readCourse(section)
        if start != nil { checkFreezing(section) }
    }

    /// Iterations at most.
    static let greatestCount = 100_000_000

    /// How weights are moved.
    private mutating func readDescent(_ section: Section<TrainingKeys.Training>) {
        momentum = section.number(.momentum, 0...0.9999).map { Float($0) } ?? momentum
        weightDecay = section.number(.weightDecay, 0...1).map { Float($0) } ?? weightDecay
        if let inner = section.section(.schedule, of: TrainingKeys.Schedule.self, shorthand: .kind) {
            schedule.read(inner)
        }
        if !section.isOff(.clip) { clip = section.number(.clip, 1e-6...1e9) }
        if !section.isOff(.ema) { ema = section.number(.ema, 0...0.999999).map { Float($0) } }
        if let inner = section.section(.freeze, of: TrainingKeys.Freeze.self) {
            freezing.stages = inner.integer(.stages, 0...5) ?? freezing.stages
            freezing.batchNorm = inner.bool(.batchNorm) ?? freezing.batchNorm
        }
    }

    /// What a step sees.
    private mutating func readPictures(_ section: Section<TrainingKeys.Training>) {
        if let inner = section.section(.sampling, of: TrainingKeys.Sampling.self) {
            sampling.anchors.size = inner.integer(.anchors, 1...100_000) ?? sampling.anchors.size
            sampling.regions.size = inner.integer(.regions, 1...10_000) ?? sampling.regions.size
            sampling.preNmsTopN = inner.integer(.preNms, 1...100_000) ?? sampling.preNmsTopN
            sampling.postNmsTopN = inner.integer(.postNms, 1...10_000) ?? sampling.postNmsTopN
        }
        guard let inner = section.section(.augment, of: TrainingKeys.Augment.self) else { return }
        augmentation.read(inner)
        guard case .model(let model) = start else { return }
        // Longer ones would all become the same, and nobody would see that.
        let greatest = model.transform.maxSize
        if let scale = augmentation.scales.first(where: { $0 > greatest }) {
            inner.report(.scales, "scales holds \(scale), and the model's pictures are at most \(greatest) pixels long")
        }
    }

    /// When something is said and written, and by whom.
    private mutating func readCourse(_ section: Section<TrainingKeys.Training>) {
        if section.isOff(.evaluateEvery) {
            evaluateEvery = nil
        } else if let every = section.integer(.evaluateEvery, 1...Self.greatestCount) {
            if section.has(.validation) {
                evaluateEvery = every
            } else {
                section.report(.evaluateEvery, "evaluate_every needs validation: the pictures to evaluate on")
            }
        }
        checkpointEvery = section.integer(.checkpointEvery, 1...Self.greatestCount) ?? checkpointEvery
        keep = section.integer(.keep, 1...10_000) ?? keep
        logEvery = section.integer(.logEvery, 1...Self.greatestCount) ?? logEvery
        seed = section.integer(.seed, 0...Int.max).map { UInt64($0) } ?? seed
        threads = section.integer(.threads, 1...1024)
        loaders = section.integer(.loaders, 1...64) ?? loaders
    }

    private func checkFreezing(_ section: Section<TrainingKeys.Training>) {
        guard case .model = start, freezing.stages > 0 || freezing.batchNorm else { return }
        section.reader.warn(
            section.place(of: .freeze), "what is frozen stays at random, since nothing is taken over with from")
    }
}

extension TrainingConfiguration.Start {
    /// - Returns: nil where nothing can be begun with, after that has been reported.
    fileprivate init?(_ section: Section<TrainingKeys.Training>) {
        switch (section.has(.model), section.has(.from)) {
        case (false, false):
            section.report(
                .model,
                "nothing says what is trained: name model to begin anew, or from to go on with a model's weights"
            )
            return nil
        case (true, true):
            section.report(.from, "model and from are both given; leave one out")
            return nil
        case (false, true):
            guard let path = section.existingFile(.from) else { return nil }
            self = .checkpoint(path: path)
        case (true, false):
            guard let model = ModelConfiguration(of: section) else { return nil }
            self = .model(model)
        }
    }
}

extension TrainingConfiguration.DataSet {
    /// - Returns: nil where the key says nothing, or what cannot be used, after that has been reported.
    fileprivate init?(_ key: TrainingKeys.Training, of section: Section<TrainingKeys.Training>) {
        guard let inner = section.section(key, of: TrainingKeys.DataSet.self) else { return nil }
        for needed in TrainingKeys.DataSet.allCases where section.isMapping(key) && !inner.has(needed) {
            inner.report(needed, "\(key.rawValue) needs \(needed.rawValue)")
        }
        let (annotations, images) = (inner.existingFile(.annotations), inner.existingFolder(.images))
        guard let annotations, let images else { return nil }
        self.init(annotations: annotations, images: images)
    }
}

extension Augmentation {
    fileprivate mutating func read(_ section: Section<TrainingKeys.Augment>) {
        flip = section.number(.flip, 0...1) ?? flip
        scales = section.integers(.scales, 1...8192, count: 1...64, example: "[640, 800]") ?? scales
        brightness = section.number(.brightness, 0...1) ?? brightness
        contrast = section.number(.contrast, 0...1) ?? contrast
        saturation = section.number(.saturation, 0...1) ?? saturation
        hue = section.number(.hue, 0...0.5) ?? hue
    }
}

extension Section<TrainingKeys.Training> {
    /// A folder that is there or can be made.
    fileprivate func outputFolder(_ key: Key) -> String? {
        guard has(key) else {
            report(key, "\(key.rawValue) is missing: the folder to write checkpoints to")
            return nil
        }
        guard let path = path(key).map(FileCheck.normal) else { return nil }
        if let problem = FileCheck.problem(ofFolder: path) {
            report(key, "\(key.rawValue): \(problem)")
            return nil
        }
        return path
    }
}
