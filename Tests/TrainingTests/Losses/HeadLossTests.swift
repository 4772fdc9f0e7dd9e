import Instances
import RandomNumbers
import Testing

@testable import MaskRCNN
@testable import Tensors
@testable import Training

/// The losses of whole heads: their gradients are the slopes of the losses, in the places that were sampled and nowhere else.
@Suite struct HeadLossTests {
    private let compute = Compute(threads: 2)

    private func tensor(_ shape: [Int], _ random: inout SplitMix64) -> Tensor {
        Tensor((0..<shape.reduce(1, *)).map { _ in Float(random.normal()) }, shape: shape)
    }

    private func box(_ random: inout SplitMix64) -> Box {
        let (x, y) = (Float(random.uniform()) * 60, Float(random.uniform()) * 60)
        return Box(x0: x, y0: y, x1: x + 4 + Float(random.uniform()) * 30, y1: y + 4 + Float(random.uniform()) * 30)
    }

    /// Expects each value's gradient to be the slope of the loss.
    private func expectSlopes(_ values: [Tensor], _ gradients: [Tensor], loss: ([Tensor]) -> Double) {
        // Small against the bends of smooth L1, and large against roundings of values of some units.
        let step: Float = 1 / 2048
        for (number, tensor) in values.enumerated() {
            for index in 0..<tensor.count {
                func moved(_ step: Float) -> Double {
                    var elements = tensor.elements
                    elements[index] += step
                    var all = values
                    all[number] = Tensor(elements, shape: tensor.shape)
                    return loss(all)
                }
                let slope = (moved(step) - moved(-step)) / Double(2 * step)
                // A loss is divided by a number of samples of at least 6.
                #expect(abs(slope - Double(gradients[number].elements[index])) <= 2e-4, "\(number), \(index)")
            }
        }
    }

    @Test func `the proposals' gradients are the slopes of their losses`() throws {
        var random = SplitMix64(seed: 11)
        // Two pictures, two levels of 2x3 and 1x1 places with three anchors each.
        let anchors = [18, 3].map { count in (0..<count).map { _ in box(&random) } }
        let objects = [[box(&random), box(&random)], []]
        let values = [[2, 2, 3, 3], [2, 2, 3, 12], [2, 1, 1, 3], [2, 1, 1, 12]].map { tensor($0, &random) }
        var matches = [
            [BoxMatcher.Match](repeating: .background, count: 21),
            [BoxMatcher.Match](repeating: .background, count: 21),
        ]
        (matches[0][4], matches[0][17], matches[0][18], matches[0][5]) = (.object(1), .object(0), .object(0), .between)
        let places = [[0, 4, 17, 18, 20], [3, 19]]
        let samples = (0..<2).map {
            ProposalLoss.Sample(places: places[$0], matches: matches[$0], objects: objects[$0])
        }
        func losses(_ values: [Tensor], scale: Float) -> (loss: (Double, Double), gradients: [Tensor?]) {
            let variables = values.map { Variable($0, needsGradient: true) }
            let loss = ProposalLoss(anchors: anchors)(
                [
                    ProposalHead.Output(objectness: variables[0], deltas: variables[1]),
                    ProposalHead.Output(objectness: variables[2], deltas: variables[3]),
                ], samples: samples, scale: scale, compute)
            return (loss, variables.map(\.gradient))
        }
        let gradients = try losses(values, scale: 1).gradients.map { try #require($0) }
        expectSlopes(values, gradients) { values in
            let (objectness, boxes) = losses(values, scale: 1).loss
            return objectness + boxes
        }
        let sampled = gradients[0].elements.indices.filter { gradients[0].elements[$0] != 0 }
        #expect(sampled == [0, 4, 17, 18 + 3])
        #expect(gradients[1].elements.filter { $0 != 0 }.count == 2 * 4)

        let scaled = try losses(values, scale: 0.25).gradients.map { try #require($0) }
        for (part, whole) in zip(scaled, gradients) { #expect(part.elements == whole.elements.map { 0.25 * $0 }) }
    }

    @Test func `the regions' gradients are the slopes of their losses`() throws {
        var random = SplitMix64(seed: 12)
        let (classes, objects) = (4, [[box(&random)], [box(&random), box(&random)]])
        let samples: [RegionLoss.Sample] = [(0, 2, 0), (0, 0, nil), (1, 3, 1), (1, 1, 0), (1, 0, nil), (0, 2, 0)].map {
            picture, label, object in
            RegionLoss.Sample(picture: picture, box: box(&random), label: label, object: object)
        }
        let values = [[6, classes], [6, 4 * classes]].map { tensor($0, &random) }
        func losses(_ values: [Tensor]) -> (loss: (Double, Double), gradients: [Tensor?]) {
            let variables = values.map { Variable($0, needsGradient: true) }
            let loss = RegionLoss().boxes(
                BoxHead.Output(logits: variables[0], deltas: variables[1]), samples: samples, objects: objects,
                scale: 1,
                compute)
            return (loss, variables.map(\.gradient))
        }
        let gradients = try losses(values).gradients.map { try #require($0) }
        expectSlopes(values, gradients) { values in
            let (classes, boxes) = losses(values).loss
            return classes + boxes
        }
        for (row, sample) in samples.enumerated() {
            let own = gradients[1].part(row).elements
            let label = sample.object == nil ? nil : sample.label
            for place in own.indices where place / 4 != label { #expect(own[place] == 0) }
        }
    }

    @Test func `the masks' gradients are the slopes of their loss`() throws {
        var random = SplitMix64(seed: 13)
        let targets = (0..<3 * 16).map { _ in Float(random.uniform()) }
        let samples = (0..<3).map {
            RegionLoss.Sample(picture: 0, box: box(&random), label: 1, object: $0)
        }
        let values = tensor([3, 4, 4], &random)
        func losses(_ values: Tensor) -> (loss: Double, gradient: Tensor?) {
            let variable = Variable(values, needsGradient: true)
            let loss = RegionLoss().masks(variable, samples: samples, scale: 1, compute) { sample, target in
                for pixel in 0..<16 { target[pixel] = targets[(sample.object ?? 0) * 16 + pixel] }
            }
            return (loss, variable.gradient)
        }
        expectSlopes([values], [try #require(losses(values).gradient)]) { losses($0[0]).loss }
    }
}
