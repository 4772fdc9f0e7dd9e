import ArgumentParser
import COCO
import Configuration
import Foundation
import Instances
import MaskRCNN
import Tensors
import Training
import Video

/// `segmentd train`: pictures with known objects in, a model out.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Trains a model on a COCO data set, from scratch or from a checkpoint.",
        discussion: """
            The configuration names the data, what to begin with, and the output folder, into which checkpoints, \
            model.safetensors, metrics.jsonl and curves.svg are written; Config/train.yaml has every option with its \
            default. Ctrl-C stops after the step, with a checkpoint; --resume goes on from the newest one that is whole. \
            Of more than \(ProblemList.mostShown) problems of the data the first are shown and all are counted by kind; the \
            whole list is problems.txt in the output folder until a later check finds no such number.
            """)

    @Option(name: [.short, .long], help: ArgumentHelp("The YAML file to read.", valueName: "file"))
    var config: String

    @Flag(help: "Go on from the newest checkpoint in the output folder that is whole.")
    var resume = false

    @Flag(
        help:
            "Check the configuration and the data, say what would be done, and stop. Writes nothing but problems.txt, where there are many."
    )
    var check = false

    @Flag(
        help:
            "Leave out objects that cannot be learned from, such as boxes outside of their pictures, instead of refusing the data."
    )
    var lenient = false

    @OptionGroup var verbosity: VerbosityOptions

    func run() throws {
        let training = try TrainingConfiguration.load(path: config, environment: ProcessInfo.processInfo.environment)
        for warning in training.warnings { verbosity.warn("\(warning)") }
        let dataset = try dataset(training.train, output: training.output)
        let validation = try training.validation.map { try self.dataset($0, output: training.output) }
        if check { print(training.summary) }
        let newest = TrainingRun.newestCheckpoint(in: training.output)
        if let newest, !resume, !check {
            throw CommandFailure(
                "\(training.output): holds a run of \(newest.iteration) iterations; go on with --resume, or name another output"
            )
        }
        if resume, newest == nil { throw CommandFailure("\(training.output): holds no checkpoint to go on from") }
        let start = try TrainingStart(training, dataset: dataset, compute: Compute(threads: training.threads))
        if let validation { try expectKnown(validation.categories, of: validation.path, start.network.configuration) }
        let pictures = COCOPictures(dataset, folder: training.train.images, labels: start.labels)
        guard !check else { return print("\(pictures.count) pictures with objects, nothing found that is wrong") }

        let interruption = Interruption()
        defer { interruption.stop() }
        let run = try TrainingRun(start.network, plan: training, pictures: pictures)
        if newest != nil {
            tell(try run.resume(), run)
        }
        if start.hasNewHeads, newest == nil {
            verbosity.note("the categories are new to the checkpoint: the heads' last layers begin at random")
        }
        verbosity.note("\(pictures.count) pictures, \(start.network.configuration.classes - 1) categories")
        let outcome = try run.run(observer(interruption, training, validation))
        switch outcome {
        case .finished: verbosity.note("\(training.output)/model.safetensors is trained")
        case .stopped(let iteration):
            verbosity.note("stopped after iteration \(iteration); go on with --resume")
            throw ExitCode(interruption.exitCode ?? 1)
        }
    }

    /// Found out at the first evaluation, it would be found out hours later.
    private func expectKnown(_ categories: [Category], of path: String, _ model: ModelConfiguration) throws {
        let unknown = CategoryMatch.unknown(categories, to: model.categories)
        guard unknown.isEmpty else {
            let names = unknown.prefix(20).map(\.printableName).joined(separator: ", ")
            throw CommandFailure(
                "\(path): has categories that are not learned: \(names)\(unknown.count > 20 ? " and others" : ""); give those of "
                    + "train and validation the same names")
        }
    }

    private func tell(_ resumption: TrainingRun.Resumption, _ run: TrainingRun) {
        for damage in resumption.damages { verbosity.warn(damage) }
        verbosity.note("going on after iteration \(run.iteration), from \(resumption.path)")
        func list(_ changes: [TrainingRun.Resumption.Change]) -> String {
            changes.map(\.description).joined(separator: "; ")
        }
        let ofRow = resumption.changes.filter(\.isOfRow)
        if !ofRow.isEmpty {
            verbosity.warn(
                "\(config): from here on the pictures, or what they show, are not what the run would have gone on with: "
                    + list(ofRow)
            )
        }
        let others = resumption.changes.filter { !$0.isOfRow }
        if !others.isEmpty { verbosity.note("changed since the checkpoint: \(list(others))") }
    }

    /// A data set in which nothing is wrong.
    ///
    /// - Parameter output: The folder into which a long list of problems is written.
    private func dataset(_ data: TrainingConfiguration.DataSet, output: String) throws -> COCODataset {
        let dataset = try COCODataset(path: data.annotations)
        let problems = dataset.problems(
            imageFolder: data.images, imageSize: { ImageFile.size(of: $0) }, requiresMasks: true)
        // What is of no use is no harm, but nobody would see that it is left out.
        let errors = problems.filter { $0.isError || !lenient }
        if errors.isEmpty, !problems.isEmpty {
            verbosity.warn(
                "\(data.annotations): \(problems.count) objects cannot be learned from, the first: \(problems[0])")
        }
        ProblemList(path: data.annotations, problems: errors)
            .report(isWhole: verbosity.verbose, folder: output, Terminal.note)
        guard errors.isEmpty else {
            throw CommandFailure(
                "\(data.annotations): \(errors.count) \(errors.count == 1 ? "problem" : "problems"); nothing has been trained"
            )
        }
        return dataset
    }

    private func observer(
        _ interruption: Interruption, _ training: TrainingConfiguration, _ validation: COCODataset?
    ) -> TrainingRun.Observer {
        let isQuiet = verbosity.quiet
        var observer = TrainingRun.Observer()
        observer.shouldStop = { interruption.exitCode != nil }
        var last: TrainingRun.Progress?
        observer.onProgress = { progress in
            last = progress
            if !isQuiet && !Terminal.isInteractive { Terminal.note(Self.line(progress, at: progress.iteration)) }
        }
        observer.onStep = { iteration in
            guard !isQuiet, Terminal.isInteractive, let last else { return }
            ProgressReporter.write(Self.line(last, at: iteration), done: iteration, of: training.iterations)
        }
        observer.onEvaluation = { iteration, figures in
            let text = figures.sorted { $0.key < $1.key }.map { "\($0.key) \(String(format: "%.4f", $0.value))" }
            verbosity.note("iteration \(iteration): \(text.joined(separator: ", "))")
        }
        if let validation, let images = training.validation?.images {
            observer.evaluate = { model in
                try Self.evaluate(
                    model, validation, images: images, threads: training.threads, interruption: interruption,
                    isQuiet: isQuiet)
            }
        }
        return observer
    }

    /// What matters most comes first, where a line is cut.
    private static func line(_ progress: TrainingRun.Progress, at iteration: Int) -> String {
        let losses = progress.losses.named.map { "\($0.name) \(String(format: "%.3f", $0.value))" }
        let speed = String(format: "%.2f", progress.imagesPerSecond)
        return
            "\(iteration)/\(progress.iterations), \(ProgressReporter.clock(progress.secondsLeft)) left, \(speed) images/s, "
            + losses.joined(separator: ", ")
    }

    /// The average precision of boxes and masks.
    ///
    /// - Throws: What `measure` throws, with what to do where it will fail again and again, and with it --resume.
    private static func evaluate(
        _ path: String, _ dataset: COCODataset, images: String, threads: Int?, interruption: Interruption, isQuiet: Bool
    ) throws -> [String: Double] {
        do {
            return try measure(
                path, dataset, images: images, threads: threads, interruption: interruption, isQuiet: isQuiet)
        } catch let code as ExitCode {
            throw code
        } catch {
            throw CommandFailure(
                "\(error)\nThe evaluation has failed. Correct its cause and go on with --resume, which evaluates first; "
                    + "with evaluate_every: off it goes on without evaluations")
        }
    }

    /// The average precision of boxes and masks.
    ///
    /// - Throws: `CommandFailure` for images that are not as annotated, `ExitCode` after a signal.
    private static func measure(
        _ path: String, _ dataset: COCODataset, images: String, threads: Int?, interruption: Interruption, isQuiet: Bool
    ) throws -> [String: Double] {
        let detector = try Detector(Model(path: path), threads: threads)
        let match = try CategoryMatch(
            model: detector.configuration.categories, dataset: dataset.categories, chosen: nil, path: dataset.path)
        var pictures = DatasetImages(dataset: dataset, folder: images, interrupter: Interrupter())
        var found: [Detection] = []
        var done = 0
        while let item = try pictures.next() {
            if let code = interruption.exitCode { throw ExitCode(code) }
            for instance in detector.detect(item.image, categories: match.reported) {
                guard let id = match.dataset[instance.categoryID] else { continue }
                found.append(Detection(instance, imageID: item.id, categoryID: id))
            }
            done += 1
            if !isQuiet && Terminal.isInteractive {
                ProgressReporter.write(
                    "evaluating \(done)/\(dataset.images.count) images", done: done, of: dataset.images.count)
            }
        }
        let evaluator = COCOEvaluator(dataset)
        var figures: [String: Double] = [:]
        for (kind, name) in [(COCOEvaluator.Kind.boxes, "box_ap"), (.masks, "mask_ap")] {
            figures[name] = try evaluator.evaluate(found, kind).figures.averagePrecision
        }
        return figures
    }
}
