import Instances
import RandomNumbers
import Testing

@testable import MaskRCNN
@testable import Tensors
@testable import Training

/// Whole steps, with boxes chosen by the network itself.
@Suite(.serialized) struct LossNetworkTests {
    private func gradients(_ network: LossNetwork) -> [String: [Float]] {
        Dictionary(uniqueKeysWithValues: network.parameters.trainable.map { ($0.name, $0.gradientElements ?? []) })
    }

    private func isNear(_ a: [Float], _ b: [Float], _ tolerance: Float) -> Bool {
        let greatest = b.map(abs).max() ?? 0
        return a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * greatest }
    }

    @Test func `gradients of a scaled step are scaled, and steps add up`() throws {
        let reference = try TrainingReference(path: TrainingReference.small)
        let network = try reference.network(threads: 2)
        var random = SplitMix64(seed: 1)
        let losses = network.learn(reference.pictures, using: &random)
        let whole = gradients(network)
        random = SplitMix64(seed: 1)
        #expect(network.learn(reference.pictures, scale: 0.5, using: &random) == losses)
        for (name, found) in gradients(network) {
            // 1 and 0.5 times the same, which roundings of the sum alone can change.
            let expected = try #require(whole[name]).map { 1.5 * $0 }
            #expect(isNear(found, expected, 1e-4), "\(name)")
        }
    }

    @Test func `batches of changing sizes have the losses that each has by itself`() throws {
        let reference = try TrainingReference(path: TrainingReference.small)
        func losses(_ network: LossNetwork, minSize: Int) -> Losses {
            var random = SplitMix64(seed: 8)
            let sizes = [Int](repeating: minSize, count: reference.pictures.count)
            return network.learn(reference.pictures, minSizes: sizes, using: &random)
        }
        let sizes = [64, 96, 64, 64, 128]
        let alone = try sizes.map { losses(try reference.network(threads: 2), minSize: $0) }
        let network = try reference.network(threads: 2)
        #expect(sizes.map { losses(network, minSize: $0) } == alone)
        #expect(alone[0] != alone[1] && alone[1] != alone[4])
    }

    @Test func `the seed decides which boxes a step learns from`() throws {
        let reference = try TrainingReference(path: TrainingReference.small)
        let network = try reference.network(threads: 2)
        let losses = [3, 3, 4].map { (seed: UInt64) -> Losses in
            var random = SplitMix64(seed: seed)
            network.sampling.anchors.size = 32
            network.sampling.regions.size = 16
            return network.learn(reference.pictures, using: &random)
        }
        #expect(losses[0] == losses[1] && losses[0] != losses[2])
    }

    @Test(arguments: TrainingReference.fixtures)
    func `pictures without objects teach the background alone`(path: String) throws {
        let reference = try TrainingReference(path: path)
        let network = try reference.network(threads: 2)
        let pictures = reference.pictures.map { TrainingPicture(image: $0.image, objects: [], name: $0.name) }
        var random = SplitMix64(seed: 2)
        let losses = network.learn(pictures, using: &random)
        #expect(losses.objectness > 0 && losses.classes > 0)
        #expect(losses.proposalBoxes == 0 && losses.boxes == 0 && losses.masks == 0)
        for (name, gradient) in gradients(network) {
            #expect(gradient.allSatisfy { $0.isFinite }, "\(name)")
            if name.contains("mask") || name.contains("bbox_pred") {
                #expect(gradient.allSatisfy { $0 == 0 }, "\(name)")
            }
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func `an object's box that is not finite makes losses that are not`(number: Float) throws {
        let reference = try TrainingReference(path: TrainingReference.small)
        let network = try reference.network(threads: 2)
        for corner in [\Box.x0, \.y0, \.x1, \.y1] {
            var pictures = reference.pictures
            pictures[1].objects[0].box[keyPath: corner] = number
            var random = SplitMix64(seed: 2)
            #expect(!network.learn(pictures, using: &random).total.isFinite)
        }
        #expect(gradients(network).values.joined().allSatisfy { $0 == 0 })
    }

    @Test func `constant normalisation and what is frozen stay as they are`() throws {
        let reference = try TrainingReference(path: TrainingReference.small)
        let network = try reference.network(threads: 2)
        let before = network.parameters.parameters.map(\.elements)
        let descent = GradientDescent(network.parameters, momentum: 0.9, weightDecay: 1e-4, network.compute)
        var random = SplitMix64(seed: 5)
        _ = network.learn(reference.pictures, using: &random)
        #expect(descent.gradientNorm > 0)
        descent.step(rate: 1e-3)
        #expect(descent.gradientNorm == 0)
        network.parametersChanged()
        for (parameter, old) in zip(network.parameters.parameters, before) {
            #expect((parameter.elements != old) == parameter.isTrainable, "\(parameter.name)")
        }
    }
}
