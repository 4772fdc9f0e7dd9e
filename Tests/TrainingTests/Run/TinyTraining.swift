import Foundation
import Instances
import RandomNumbers

@testable import MaskRCNN
@testable import Tensors
@testable import Training

/// Pictures in memory, one of which may be unreadable.
struct MemoryPictures: PictureSource {
    struct Unreadable: Error, Equatable {
        var index: Int
    }

    var pictures: [TrainingPicture]
    var unreadable: Int?

    /// Pictures of 64x48 of noise, each with a rectangle of a class's colour.
    init(count: Int, seed: UInt64 = 7) {
        var random = SplitMix64(seed: seed)
        pictures = (0..<count).map { index in
            let image = RGBImage(width: 64, height: 48)
            let label = 1 + index % 3
            let (x, y) = (Int.random(in: 2..<20, using: &random), Int.random(in: 2..<16, using: &random))
            let (width, height) = (Int.random(in: 16..<40, using: &random), Int.random(in: 12..<28, using: &random))
            var bitmap = [UInt8](repeating: 0, count: 64 * 48)
            image.withMutableSamples { samples in
                for place in 0..<64 * 48 {
                    let isInside = (x..<x + width).contains(place % 64) && (y..<y + height).contains(place / 64)
                    bitmap[place] = isInside ? 1 : 0
                    for channel in 0..<3 {
                        let level = isInside && channel == label - 1 ? 220 : 60
                        samples[3 * place + channel] = UInt8(level + Int.random(in: -30...30, using: &random))
                    }
                }
            }
            let object = TrainingObject(
                box: Box(x0: Float(x), y0: Float(y), x1: Float(x + width), y1: Float(y + height)), label: label,
                mask: Mask(width: 64, height: 48, bitmap: bitmap))
            return TrainingPicture(image: image, objects: [object], name: "picture \(index)")
        }
    }

    var count: Int { pictures.count }

    var digest: UInt64 {
        var digest = PictureDigest()
        for picture in pictures { digest.add(picture.name) }
        return digest.value
    }

    func picture(_ index: Int) throws -> TrainingPicture {
        if index == unreadable { throw Unreadable(index: index) }
        return pictures[index]
    }
}

/// A folder for the runs of a network of few weights; it vanishes with its test.
final class TinyTraining {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)").path
    var configuration: ModelConfiguration

    init() throws {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Training/configurations/basic.json").standardized
        var configuration = try ModelConfiguration(json: String(contentsOf: url, encoding: .utf8))
        (configuration.transform.minSize, configuration.transform.maxSize) = (48, 64)
        self.configuration = configuration
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The names in a folder of a run, hidden ones too.
    func names(_ output: String = "out") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(output)").sorted()
    }

    func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }

    /// The entries of a run's log; a line that is no JSON throws.
    func metrics(_ output: String = "out") throws -> [[String: Double]] {
        let text = String(decoding: try bytes("\(output)/metrics.jsonl"), as: UTF8.self)
        return try text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { line in
            let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: NSNumber]
            return try entry.map { $0.mapValues(\.doubleValue) } ?? { throw CocoaError(.fileReadCorruptFile) }()
        }
    }

    /// All that a run may have, in little.
    func plan(_ output: String = "out", iterations: Int, rate: Float = 0.01) -> TrainingConfiguration {
        var plan = TrainingConfiguration(
            file: "t.yaml", start: .model(configuration), train: .init(annotations: "", images: ""),
            output: "\(path)/\(output)", iterations: iterations, batch: 2, accumulate: 2, learningRate: rate)
        plan.schedule.warmup = 2
        plan.clip = 5
        plan.ema = 0.9
        plan.sampling.anchors.size = 32
        plan.sampling.regions.size = 16
        (plan.sampling.preNmsTopN, plan.sampling.postNmsTopN) = (60, 30)
        plan.augmentation.scales = [40, 48]
        (plan.augmentation.brightness, plan.augmentation.hue) = (0.2, 0.1)
        (plan.checkpointEvery, plan.logEvery) = (100, 1)
        return plan
    }

    /// A run from the beginning, with weights by the plan's seed.
    func run(
        _ plan: TrainingConfiguration, threads: Int = 1, pictures: MemoryPictures = MemoryPictures(count: 5)
    ) throws -> TrainingRun {
        let network = LossNetwork(
            configuration, freezing: plan.freezing, sampling: plan.sampling, compute: Compute(threads: threads))
        network.parameters.initialize(seed: plan.seed)
        return try TrainingRun(network, plan: plan, pictures: pictures)
    }
}

extension TrainingRun {
    /// The bits of all parameters, by name.
    var bits: [String: [UInt32]] {
        Dictionary(
            uniqueKeysWithValues: network.parameters.parameters.map { ($0.name, $0.elements.map(\.bitPattern)) })
    }

    /// Runs until so many iterations are done.
    func run(until last: Int) throws -> Outcome {
        var observer = Observer()
        observer.shouldStop = { self.iteration >= last }
        return try run(observer)
    }
}
