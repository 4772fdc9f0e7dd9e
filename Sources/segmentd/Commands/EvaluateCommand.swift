import ArgumentParser
import COCO
import Foundation
import Instances
import Locks
import MaskRCNN
import Outputs
import Synchronization
import Video

/// `segmentd evaluate`: how good a model is on annotated images.
struct EvaluateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Measures a model, or stored results, on annotated images.",
        discussion: """
            Prints COCO's twelve figures for boxes and for masks, equal to those of pycocotools. The model's categories are those of \
            the data set by their names. With --results, results that 'detect' or another detector has stored are \
            measured instead of a model.
            """)

    @Option(name: [.short, .long], help: ArgumentHelp("COCO's instance annotations, a JSON file.", valueName: "file"))
    var annotations: String

    @Option(name: [.short, .long], help: ArgumentHelp("The folder that holds the images.", valueName: "folder"))
    var images: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Measure these COCO results, and run no model.", valueName: "file"))
    var results: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Also write what the model finds, as COCO results.", valueName: "file"))
    var output: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The score that an object must exceed, 0...1; the model's own if not given.", valueName: "score"))
    var threshold: Double?

    @Flag(help: "Print one JSON object with every figure, also by category.")
    var json = false

    @Flag(help: "Also print each category's figures, as --verbose does.")
    var perCategory = false

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var verbosity: VerbosityOptions

    func run() async throws {
        try requireSense()
        let dataset = try COCODataset(path: annotations)
        try check(dataset)
        let detections: [Detection]
        let chosen: Set<Int>?
        if let results {
            detections = try Detection.read(results, of: dataset)
            chosen = try modelOptions.categories(among: dataset.categories, of: "the data set")
            warnOfUnknown(detections, dataset)
        } else {
            (detections, chosen) = try await detect(dataset)
        }
        let report = try evaluate(detections, dataset, categories: chosen)
        if json { return print(report.json) }
        print(report.table)
        if perCategory || verbosity.verbose { print("\n\(report.categoryTable)") }
    }

    private func requireSense() throws {
        if let threshold { try ModelOptions.requireFraction(threshold, "--threshold") }
        try OutputNames.requireSeparate(
            [output].compactMap(\.self), from: [annotations, results, modelOptions.model].compactMap(\.self))
        if results != nil {
            for (option, isGiven) in [
                ("--model", modelOptions.model != nil), ("--images", images != nil), ("--output", output != nil),
                ("--threshold", threshold != nil), ("--threads", modelOptions.threads != nil),
            ] where isGiven {
                throw CommandFailure("\(option): --results are measured without a model; leave out one of the two")
            }
        } else if let images {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: images, isDirectory: &isFolder), isFolder.boolValue else {
                throw CommandFailure("\(images): there is no such folder of images")
            }
        } else {
            throw CommandFailure("--images is missing; name the folder of the images, or stored results with --results")
        }
        if output == "-" {
            throw CommandFailure("--output: standard output is for the figures; name a file for the results")
        }
    }

    /// Says what is wrong with a data set.
    ///
    /// - Throws: `CommandFailure` where it cannot be used so.
    private func check(_ dataset: COCODataset) throws {
        let problems = dataset.problems(imageFolder: images)
        let errors = problems.filter(\.isError)
        ProblemList(path: annotations, problems: errors).report(isWhole: verbosity.verbose, Terminal.note)
        guard errors.isEmpty else {
            throw CommandFailure(
                "\(annotations): \(errors.count) things are wrong with the data set; correct them and run again")
        }
        guard !problems.isEmpty else { return }
        if verbosity.verbose {
            for problem in problems { verbosity.warn("\(annotations): \(problem)") }
        } else {
            verbosity.note(
                "\(annotations): \(problems.count) boxes or polygons are odd, which does no harm; --verbose lists them")
        }
    }

    private func warnOfUnknown(_ detections: [Detection], _ dataset: COCODataset) {
        let known = Set(dataset.categories.map(\.id))
        let unknown = Set(detections.map(\.categoryID)).subtracting(known).sorted()
        guard let first = unknown.first else { return }
        let numbers = unknown.count == 1 ? "category \(first), which is" : "\(unknown.count) categories that are"
        verbosity.warn("\(results ?? ""): has results of \(numbers) not in \(annotations); they are left out")
    }

    /// Runs the model over the data set's images.
    private func detect(_ dataset: COCODataset) async throws -> ([Detection], categories: Set<Int>?) {
        let detector = try modelOptions.detector()
        let configuration = detector.configuration
        let chosen = try modelOptions.categories(of: configuration)
        let match = try CategoryMatch(
            model: configuration.categories, dataset: dataset.categories, chosen: chosen, path: annotations)
        let interruption = Interruption()
        defer { interruption.stop() }
        let writer = try output.map { try COCOResultsWriter(path: $0) }
        let interrupter = Interrupter()
        var reader = DatasetImages(dataset: dataset, folder: images ?? ".", interrupter: interrupter)
        let collected = Collected()
        let started = ContinuousClock.now
        let run = DetectionRun(
            detector: detector, threshold: threshold, categories: match.reported, total: dataset.images.count,
            isQuiet: verbosity.quiet)
        let names = Dictionary(dataset.categories.map { ($0.id, $0.name) }) { first, _ in first }
        let totals = try await run.run(
            name: "evaluate", interruption: interruption, interrupter: interrupter, into: writer,
            next: { try reader.next() },
            finish: { item in
                item.objects = item.objects.compactMap { object in
                    guard let id = match.dataset[object.categoryID] else { return nil }
                    var object = object
                    (object.categoryID, object.category) = (id, names[id] ?? object.category)
                    return object
                }
                let found = item.objects.map { Detection($0, imageID: item.id, categoryID: $0.categoryID) }
                collected.detections.withLock { $0 += found }
            })
        let seconds = (ContinuousClock.now - started).inSeconds
        verbosity.note(
            "\(totals.done) images in \(String(format: "%.1f", seconds)) s, \(totals.objects ?? 0) objects")
        return (collected.detections.withLock { $0 }, match.evaluated)
    }

    private func evaluate(
        _ detections: [Detection], _ dataset: COCODataset, categories: Set<Int>?
    ) throws -> EvaluationReport {
        let evaluator = COCOEvaluator(dataset, categories: categories)
        func counts(_ category: Int) -> Bool { categories?.contains(category) != false }
        let annotated = dataset.annotations.count { counts($0.categoryID) }
        let found = detections.count { counts($0.categoryID) }
        let unmasked = dataset.annotations.count { counts($0.categoryID) && $0.segmentation == nil }
        var masks: COCOEvaluator.Evaluation?
        if unmasked > 0 {
            verbosity.note("\(unmasked) annotations have no segmentation: masks are not measured")
        } else if !detections.isEmpty && detections.allSatisfy({ $0.segmentation == nil }) {
            verbosity.note("the results have no segmentations: masks are not measured")
        } else {
            masks = try measure(detections, .masks, evaluator)
        }
        return EvaluationReport(
            images: dataset.images.count, annotations: annotated, detections: found,
            boxes: try measure(detections, .boxes, evaluator), masks: masks)
    }

    private func measure(
        _ detections: [Detection], _ kind: COCOEvaluator.Kind, _ evaluator: COCOEvaluator
    ) throws -> COCOEvaluator.Evaluation {
        let counter = ProgressReporter.Counter()
        // Of what an image shows of a category with what was found of it.
        let unit = "comparisons of \(kind.rawValue)"
        let progress = verbosity.quiet ? nil : ProgressReporter(unit: unit) { counter.state.withLock { $0 } }
        defer { progress?.stop() }
        return try evaluator.evaluate(detections, kind) { done, all in
            counter.state.withLock { ($0.done, $0.total) = (done, all) }
        }
    }
}

/// What a pipeline's last stage has found.
private final class Collected: Sendable {
    let detections = Mutex<[Detection]>([])
}
