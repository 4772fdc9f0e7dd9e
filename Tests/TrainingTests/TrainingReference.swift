import Foundation
import Instances
import Testing

@testable import Checkpoints
@testable import MaskRCNN
@testable import Tensors
@testable import Training

/// Steps that torchvision took, as Tests/Training/reference.py wrote them.
struct TrainingReference {
    let checkpoint: Checkpoint
    let configuration: ModelConfiguration
    let steps: Int
    let pictures: [TrainingPicture]

    /// The small one with constant normalisation.
    static let small = fixture("basic")
    /// All that stand beside the tests, as Tests/Training/fixtures.sh makes them.
    static let fixtures = ["basic", "norms", "bottleneck", "groups", "vgg"].map(fixture)

    private static func fixture(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Fixtures/training/\(name).safetensors").standardized.path
    }

    init(path: String) throws {
        checkpoint = try Checkpoint.open(path)
        configuration = try ModelConfiguration(json: #require(checkpoint.metadata["configuration"]))
        steps = try #require(checkpoint.metadata["steps"].flatMap { Int($0) })
        let count = try #require(checkpoint.metadata["pictures"].flatMap { Int($0) })
        let checkpoint = checkpoint
        pictures = try (0..<count).map { try Self.picture($0, checkpoint) }
    }

    private static func picture(_ index: Int, _ checkpoint: Checkpoint) throws -> TrainingPicture {
        func tensor(_ name: String) throws -> StoredTensor {
            try #require(checkpoint.tensors["picture/\(index)/\(name)"])
        }
        let shape = try tensor("image").shape
        let image = RGBImage(width: shape[1], height: shape[0])
        let samples = try tensor("image").floats()
        image.withMutableSamples { for (i, value) in samples.enumerated() { $0[i] = UInt8(value) } }
        let (boxes, labels, masks) = (
            try tensor("boxes").floats(), try tensor("labels").floats(), try tensor("masks").floats()
        )
        let area = shape[0] * shape[1]
        let objects = labels.indices.map { i in
            TrainingObject(
                box: Box(x0: boxes[4 * i], y0: boxes[4 * i + 1], x1: boxes[4 * i + 2], y1: boxes[4 * i + 3]),
                label: Int(labels[i]),
                mask: Mask(
                    width: shape[1], height: shape[0], bitmap: masks[i * area..<(i + 1) * area].map { UInt8($0) }))
        }
        return TrainingPicture(image: image, objects: objects, name: "\(index)")
    }

    /// The network before the first step.
    func network(threads: Int? = nil) throws -> LossNetwork {
        let stages = try #require(checkpoint.metadata["stages"].flatMap { Int($0) })
        let network = LossNetwork(
            configuration,
            freezing: .init(stages: stages, batchNorm: checkpoint.metadata["live_norms"] != "1"),
            compute: Compute(threads: threads))
        for parameter in network.parameters.parameters {
            parameter.set(try #require(checkpoint.tensors["weights/\(parameter.name)"], "\(parameter.name)").floats())
        }
        return network
    }

    func losses(step: Int) throws -> [Double] {
        let tensor = try #require(checkpoint.tensors["step/\(step)/losses"])
        return tensor.floats().map(Double.init)
    }

    func gradient(_ name: String) throws -> [Float] {
        try #require(checkpoint.tensors["gradient/\(name)"], "\(name)").floats()
    }

    /// How far the furthest of torchvision's own gradients is from the exact one, relative to its norm.
    func rounding() throws -> Double {
        let text = try #require(checkpoint.metadata["rounding"])
        let table = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Double]
        return try #require(table?.values.max())
    }

    /// Running statistics of batch normalisation after the last step, by name; none where they are constant.
    func statistics() -> [String: [Float]] {
        let prefix = "statistics/"
        let names = checkpoint.tensors.keys.filter { $0.hasPrefix(prefix) }
        return Dictionary(
            uniqueKeysWithValues: names.compactMap { name in
                checkpoint.tensors[name].map { (String(name.dropFirst(prefix.count)), $0.floats()) }
            })
    }

    func integers(_ name: String) throws -> [Int] {
        try #require(checkpoint.tensors[name], "\(name)").floats().map { Int($0) }
    }

    /// The boxes that torchvision chose in a step.
    func regions(step: Int, picture: Int) throws -> [RegionLoss.Sample] {
        let boxes = try #require(checkpoint.tensors["step/\(step)/regions/\(picture)"]).floats()
        let labels = try integers("step/\(step)/region_labels/\(picture)")
        let objects = try integers("step/\(step)/region_objects/\(picture)")
        return labels.indices.map { i in
            RegionLoss.Sample(
                picture: picture,
                box: Box(x0: boxes[4 * i], y0: boxes[4 * i + 1], x1: boxes[4 * i + 2], y1: boxes[4 * i + 3]),
                label: labels[i], object: labels[i] > 0 ? objects[i] : nil)
        }
    }

    /// The losses of a step with the boxes that torchvision chose; adds the gradients.
    func learn(_ network: LossNetwork, step: Int) throws -> [Double] {
        let batch = network.batch(pictures)
        let tape = network.tape()
        let levels = network.levels(of: batch, tape)
        let anchors = Array(levels.anchors.joined())
        let samples = try batch.objects.enumerated().map { picture, objects in
            let matches = BoxMatcher.anchors(anchors, objects: objects)
            let places = try integers("step/\(step)/anchors/\(picture)")
            let labels = try integers("step/\(step)/anchor_labels/\(picture)")
            for (place, label) in zip(places, labels) {
                #expect((matches[place] == .background) == (label == 0) && matches[place] != .between)
            }
            return ProposalLoss.Sample(places: places, matches: matches, objects: objects)
        }
        let proposals = ProposalLoss(anchors: levels.anchors)(levels.heads, samples: samples, scale: 1, network.compute)
        let regions = try pictures.indices.flatMap { try self.regions(step: step, picture: $0) }
        let heads = network.learnRegions(regions, levels.levels, batch, scale: 1, tape)
        tape.runBackwards()
        return [proposals.objectness, proposals.boxes, heads.classes, heads.boxes, heads.masks]
    }
}
