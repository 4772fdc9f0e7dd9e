import RandomNumbers
import Testing

@testable import MaskRCNN
@testable import Tensors
@testable import Training

/// How a tape passes gradients on where values meet.
@Suite struct TapeTests {
    private let network: LossNetwork

    init() throws { network = try TrainingReference(path: TrainingReference.small).network(threads: 2) }

    private var compute: Compute { network.compute }

    private func tensor(_ shape: [Int], seed: UInt64) -> Tensor {
        var random = SplitMix64(seed: seed)
        return Tensor((0..<shape.reduce(1, *)).map { _ in Float(random.normal()) }, shape: shape)
    }

    private func sum(_ a: Tensor, _ b: Tensor) -> [Float] { zip(a.elements, b.elements).map(+) }

    @Test func `a value that two operators read gets the sum of their gradients`() throws {
        let tape = network.tape()
        let input = Variable(tensor([2, 6, 5, 8], seed: 1), needsGradient: true)
        let (pooled, sampled) = (tape.maxPool(input), tape.subsample(input))
        let gradients = [tensor([2, 3, 3, 8], seed: 2), tensor([2, 3, 3, 8], seed: 3)]
        let before = gradients.map(\.elements)
        pooled.add(gradients[0], compute)
        sampled.add(gradients[1], compute)
        tape.runBackwards()
        let expected = sum(
            compute.maxPoolGradient(gradients[0], input: input.value, kernel: 3, padding: 1),
            compute.subsampleGradient(gradients[1], input: input.value.shape))
        #expect(try #require(input.gradient).elements == expected)
        #expect(gradients.map(\.elements) == before)
    }

    @Test func `a gradient that a sum passes on unchanged is not written to by others`() throws {
        let tape = network.tape()
        let large = Variable(tensor([4, 6, 8], seed: 4), needsGradient: true)
        let small = Variable(tensor([2, 3, 8], seed: 5), needsGradient: true)
        let sampled = tape.subsample(large)
        let upsampled = tape.addUpsampled(small, to: large)
        let gradients = [tensor([2, 3, 8], seed: 6), tensor([4, 6, 8], seed: 7)]
        let before = gradients.map(\.elements)
        sampled.add(gradients[0], compute)
        upsampled.add(gradients[1], compute)
        tape.runBackwards()
        #expect(gradients.map(\.elements) == before)
        let spread = compute.subsampleGradient(gradients[0], input: [4, 6, 8])
        #expect(try #require(large.gradient).elements == sum(gradients[1], spread))
        #expect(
            try #require(small.gradient).elements
                == compute.addUpsampledGradient(gradients[1], small: [2, 3, 8]).elements)
    }

    @Test func `regions pooled twice from a map that others read add up`() throws {
        let tape = network.tape()
        let maps = [tensor([2, 6, 5, 8], seed: 8), tensor([2, 3, 3, 8], seed: 9)].map {
            Variable($0, needsGradient: true)
        }
        let regions = [
            Compute.Region(level: 0, picture: 1, x0: 0.5, y0: 1, x1: 4, y1: 5),
            Compute.Region(level: 1, picture: 0, x0: 0, y0: 0, x1: 2, y1: 3),
        ]
        let sampled = tape.subsample(maps[0])
        let pooled = [7, 14].map { tape.roiAlign(maps, regions, size: $0, samples: 2) }
        let gradients = pooled.enumerated().map { tensor($1.value.shape, seed: 10 + UInt64($0)) }
        let other = tensor(sampled.value.shape, seed: 12)
        for (variable, gradient) in zip(pooled, gradients) { variable.add(gradient, compute) }
        sampled.add(other, compute)
        tape.runBackwards()
        let expected = maps.map { compute.zeros($0.value.shape) }
        for gradient in gradients { compute.addRoiAlignGradient(gradient, regions, samples: 2, to: expected) }
        compute.add(compute.subsampleGradient(other, input: maps[0].value.shape), to: expected[0])
        for (map, wanted) in zip(maps, expected) {
            // The same sums in another order.
            let found = try #require(map.gradient)
            #expect(zip(found.elements, wanted.elements).allSatisfy { abs($0 - $1) <= 1e-5 })
        }
    }

    @Test func `pictures that are selected pass their gradients on to their places`() throws {
        let tape = network.tape()
        let input = Variable(tensor([5, 2, 3, 8], seed: 18), needsGradient: true)
        let selected = tape.selected(input, [3, 0])
        #expect(selected.value.part(0).elements == input.value.part(3).elements)
        #expect(selected.value.part(1).elements == input.value.part(0).elements)
        let (gradient, other) = (tensor([2, 2, 3, 8], seed: 19), tensor([5, 2, 3, 8], seed: 20))
        selected.add(gradient, compute)
        input.add(other, compute)
        tape.runBackwards()
        let found = try #require(input.gradient)
        #expect(found.part(3).elements == sum(gradient.part(0), other.part(3)))
        #expect(found.part(0).elements == sum(gradient.part(1), other.part(0)))
        for picture in [1, 2, 4] { #expect(found.part(picture).elements == other.part(picture).elements) }
    }

    @Test func `what nothing that learns has a part in gets no gradient`() {
        let tape = network.tape()
        let input = Variable(tensor([6, 6, 8], seed: 13))
        let pooled = tape.maxPool(input)
        pooled.add(tensor([3, 3, 8], seed: 14), compute)
        tape.runBackwards()
        #expect(!pooled.needsGradient && pooled.gradient == nil && input.gradient == nil)
    }

    @Test func `outputs that the loss does not see pass nothing on`() {
        let tape = network.tape()
        let input = Variable(tensor([6, 6, 8], seed: 15), needsGradient: true)
        _ = tape.maxPool(input)
        tape.runBackwards()
        #expect(input.gradient == nil)
    }

    @Test func `a tape that ran backwards has forgotten everything`() throws {
        let tape = network.tape()
        let input = Variable(tensor([6, 6, 8], seed: 16), needsGradient: true)
        let pooled = tape.maxPool(input)
        let gradient = tensor([3, 3, 8], seed: 17)
        pooled.add(gradient, compute)
        tape.runBackwards()
        let once = try #require(input.gradient).elements
        pooled.add(gradient, compute)
        tape.runBackwards()
        #expect(input.gradient?.elements == once)
    }
}
