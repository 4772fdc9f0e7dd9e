import Files
import Foundation
import Locks
import MaskRCNN
import RandomNumbers
import Tensors

/// Trains a network as a configuration says, and keeps what a resumed run needs.
///
/// In the output folder stand `checkpoint-N.safetensors` after N iterations, the newest few; `model.safetensors`, which every command takes;
/// `metrics.jsonl`, a line for each entry of the log and each evaluation; and `curves.svg`, a picture of them. Which pictures a step sees,
/// how they are changed and which boxes are chosen follows from the seed and the step's number alone, so that a resumed run takes the steps
/// that an unbroken one would have taken.
public final class TrainingRun {
    /// How far a run is.
    public struct Progress: Sendable {
        /// Steps done.
        public var iteration: Int
        public var iterations: Int
        /// Means since the last entry of the log or the last evaluation.
        public var losses: Losses
        public var rate: Float
        public var imagesPerSecond: Double
        /// Seconds that the rest takes at this speed.
        public var secondsLeft: Double
    }

    /// How a run ended.
    public enum Outcome: Sendable, Equatable {
        case finished
        /// It was asked to stop; the iterations that were done.
        case stopped(iteration: Int)
    }

    /// Why a run cannot go on.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        /// What has to be finite.
        public enum Quantity: String, Sendable {
            case loss, gradient, weight
        }

        /// The pictures are the step's, the checkpoint the newest that the run has written or gone on from.
        case notFinite(Quantity, iteration: Int, pictures: [String], checkpoint: String?)
        case nothingToLearn
        /// No checkpoint of the output folder can be gone on from; what is wrong with each, the newest first.
        case noWholeCheckpoint(reasons: [String])
        /// A checkpoint cannot be gone on from for a reason other than damage; what is wrong with each newer one, the newest first.
        case olderCheckpoint(reason: String, damages: [String])

        public var description: String {
            switch self {
            case .notFinite(let quantity, let iteration, let pictures, let checkpoint):
                "iteration \(iteration): a \(quantity.rawValue) is not finite, with \(pictures.joined(separator: ", ")); "
                    + (checkpoint.map { "the last good checkpoint is \($0). " } ?? "")
                    + "Lower learning_rate, lengthen the warm-up, or set clip"
            case .nothingToLearn: "no picture shows an object to learn"
            case .noWholeCheckpoint(let reasons):
                "none of the checkpoints can be gone on from; begin anew in another output\n"
                    + reasons.map { "  \($0)" }.joined(separator: "\n")
            case .olderCheckpoint(let reason, let damages):
                "\(reason). What is newer is damaged:\n" + damages.map { "  \($0)" }.joined(separator: "\n")
            }
        }
    }

    /// What a run tells.
    public struct Observer {
        /// After each step, with the number done.
        public var onStep: (_ iteration: Int) -> Void = { _ in }
        /// After each entry of the log.
        public var onProgress: (Progress) -> Void = { _ in }
        /// After each evaluation, with its figures.
        public var onEvaluation: (_ iteration: Int, _ figures: [String: Double]) -> Void = { _, _ in }
        /// Asked after each step.
        public var shouldStop: () -> Bool = { false }
        /// Judges a model file; nil where there is nothing to judge by.
        public var evaluate: ((_ model: String) throws -> [String: Double])?

        public init() {}
    }

    public let network: LossNetwork
    let plan: TrainingConfiguration
    private let pictures: any PictureSource
    private let descent: GradientDescent
    private let average: MovingAverage?
    let state: TrainingState
    private var metrics: MetricsLog
    /// Steps done.
    public internal(set) var iteration = 0
    /// The newest checkpoint that this run has written or gone on from; the folder may hold newer ones, which are damaged.
    var checkpoint: String?
    /// The names of the last step's pictures.
    private var lastPictures: [String] = []

    /// Prepares a run of a network whose parameters have their first values.
    ///
    /// - Throws: `FileError`, `Failure.nothingToLearn`.
    public init(_ network: LossNetwork, plan: TrainingConfiguration, pictures: any PictureSource) throws {
        guard pictures.count > 0 else { throw Failure.nothingToLearn }
        self.network = network
        self.plan = plan
        self.pictures = pictures
        try Folder.create(plan.output)
        descent = GradientDescent(
            network.parameters, momentum: plan.momentum, weightDecay: plan.weightDecay, network.compute)
        average = plan.ema.map { MovingAverage(network.parameters, decay: Double($0), network.compute) }
        state = TrainingState(
            network: network, descent: descent, average: average, record: RunRecord(plan, pictures: pictures))
        metrics = MetricsLog(folder: plan.output)
    }

    /// Takes the steps that are left, after an evaluation that the last one should have had and has not.
    ///
    /// - Throws: `Failure`, `FileError`, and what a picture or the evaluation threw.
    public func run(_ observer: Observer = Observer()) throws -> Outcome {
        removeUnfinishedFiles()
        // Entries of steps that are taken again: behind the checkpoint, or of a run that was killed before its first one.
        try metrics.cut(after: iteration)
        try metrics.open()
        defer { metrics.close() }
        let isFinished = iteration >= plan.iterations
        let missing = isJudged && !metrics.hasEvaluation(of: iteration) ? observer.evaluate : nil
        // A run may have been killed between a checkpoint and the model, or stopped before the checkpoint was evaluated.
        if isFinished || missing != nil { try state.writeModel(to: "\(plan.output)/model.safetensors") }
        if let missing { try judge(missing, observer) }
        guard !isFinished else { return .finished }
        let perStep = plan.batch * plan.accumulate
        let loader = try PictureLoader(
            pictures, augmentation: plan.augmentation, seed: plan.seed, first: iteration * perStep,
            threads: plan.loaders, ahead: 2 * plan.batch)
        defer { loader.stop() }
        let clock = ContinuousClock()
        let begin = clock.now
        let first = iteration
        var (sum, count, since) = (Losses(), 0, begin)
        while iteration < plan.iterations {
            let losses: Losses
            do {
                losses = try step(loader)
            } catch let error where !(error is Failure) {
                // A picture that cannot be read costs no step that has been taken.
                if iteration > first { try? save() }
                throw error
            }
            sum = sum + losses
            count += 1
            iteration += 1
            observer.onStep(iteration)
            if iteration % plan.logEvery == 0 || iteration == plan.iterations {
                let now = clock.now
                let speed = Double(count * perStep) / max((now - since).inSeconds, 1e-9)
                let secondsAStep = (now - begin).inSeconds / Double(iteration - first)
                let progress = Progress(
                    iteration: iteration, iterations: plan.iterations, losses: sum.scaled(by: 1 / Double(count)),
                    rate: plan.schedule.rate(at: iteration - 1), imagesPerSecond: speed,
                    secondsLeft: secondsAStep * Double(plan.iterations - iteration))
                try metrics.add(progress)
                observer.onProgress(progress)
                (sum, count, since) = (Losses(), 0, now)
            }
            let stops = observer.shouldStop()
            let isLast = iteration == plan.iterations || stops
            // Before an evaluation, too, which takes a while and may be broken off.
            if iteration % plan.checkpointEvery == 0 || isLast || isJudged { try save() }
            if let evaluate = observer.evaluate, isJudged, !stops {
                try judge(evaluate, observer)
                // The speed is that of training; a new entry's losses begin anew with it.
                (sum, count, since) = (Losses(), 0, clock.now)
            }
            if stops && iteration < plan.iterations { return .stopped(iteration: iteration) }
        }
        return .finished
    }

    /// Whether what the steps so far have come to is to be evaluated.
    private var isJudged: Bool {
        guard iteration > 0, let every = plan.evaluateEvery else { return false }
        return iteration % every == 0 || iteration == plan.iterations
    }

    /// Evaluates the model that has been written.
    private func judge(_ evaluate: (_ model: String) throws -> [String: Double], _ observer: Observer) throws {
        let figures = try evaluate("\(plan.output)/model.safetensors")
        try metrics.add(iteration: iteration, figures: figures)
        observer.onEvaluation(iteration, figures)
        try metrics.draw()
    }

    private func step(_ loader: PictureLoader) throws -> Losses {
        var sum = Losses()
        lastPictures = []
        for part in 0..<plan.accumulate {
            let loaded = try (0..<plan.batch).map { _ in try loader.next() }
            lastPictures += loaded.map(\.picture.name)
            var random = SplitMix64(seed: plan.seed, part: 3, UInt64(iteration), UInt64(part))
            let sizes = loaded.compactMap(\.minSize)
            let losses = network.learn(
                loaded.map(\.picture), minSizes: sizes.count == loaded.count ? sizes : nil,
                scale: 1 / Float(plan.accumulate), using: &random)
            sum = sum + losses.scaled(by: 1 / Double(plan.accumulate))
        }
        let norm = plan.clip.map { _ in descent.gradientNorm }
        guard sum.total.isFinite, norm?.isFinite ?? true else {
            throw Failure.notFinite(
                sum.total.isFinite ? .gradient : .loss, iteration: iteration + 1, pictures: lastPictures,
                checkpoint: checkpoint)
        }
        var factor: Float = 1
        if let clip = plan.clip, let norm, norm > clip { factor = Float(clip / norm) }
        descent.step(rate: plan.schedule.rate(at: iteration), factor: factor)
        network.parametersChanged()
        average?.update()
        return sum
    }

    /// Writes a checkpoint and the model, and removes the checkpoints that are too many.
    private func save() throws {
        guard network.parameters.parameters.allSatisfy({ network.compute.sumOfSquares($0.value).isFinite }) else {
            throw Failure.notFinite(.weight, iteration: iteration, pictures: lastPictures, checkpoint: checkpoint)
        }
        let path = "\(plan.output)/checkpoint-\(iteration).safetensors"
        try state.write(to: path, iteration: iteration)
        checkpoint = path
        try state.writeModel(to: "\(plan.output)/model.safetensors")
        try metrics.draw()
        // Newer ones are none of this run's steps, and must not push out what has just been written.
        let own = Self.checkpoints(in: plan.output).filter { $0.iteration <= iteration }
        for old in own.dropLast(max(1, plan.keep)) {
            try? FileManager.default.removeItem(atPath: old.path)
        }
    }
}
