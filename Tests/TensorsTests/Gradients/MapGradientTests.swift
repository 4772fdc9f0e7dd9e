import Testing

@testable import Tensors

/// Pooling, upsampling and RoIAlign backwards.
@Suite struct MapGradientTests {
    private let compute = Compute(threads: 2)

    @Test(arguments: [[1, 1, 1], [5, 6, 19], [8, 7, 64], [3, 9, 8, 17], [2, 1, 2, 40], [2, 40, 31, 16]])
    func `the gradient of a maximum goes to the greatest of each window`(shape: [Int]) {
        var numbers = SeededNumbers(seed: 51)
        let input = numbers.tensor(shape)
        let output = compute.maxPool(input)
        let gradient = numbers.tensor(output.shape)
        // A maximum grows with all its values by the same factor, so that its slope times the values is the maximum.
        GradientCheck.expectTranspose(
            of: output, gradient.elements, input.elements,
            gradient: compute.maxPoolGradient(gradient, input: input, kernel: 3, padding: 1).elements)
    }

    /// Each value in all of so many channels, as few as one and as many as vectors and a rest take.
    private func map(_ values: [Float], side: Int, channels: Int) -> Tensor {
        Tensor(values.flatMap { [Float](repeating: $0, count: channels) }, shape: [side, side, channels])
    }

    @Test(arguments: [1, 17, 40])
    func `the padding has no part in a maximum of negative values`(channels: Int) {
        let input = map((1...9).map { -Float($0) }, side: 3, channels: channels)
        let gradient = map([1, 10, 100, 1000], side: 2, channels: channels)
        let found = compute.maxPoolGradient(gradient, input: input, kernel: 3, padding: 1)
        #expect(found.elements == map([1, 10, 0, 100, 1000, 0, 0, 0, 0], side: 3, channels: channels).elements)
    }

    @Test(arguments: [1, 17, 40])
    func `of equal values the first takes the gradient of a maximum`(channels: Int) {
        // Windows begin at -1 and 1.
        let input = map([0, 5, 5, 0, 5, 5, 7, 0, 0, 7, 5, 0, 0, 0, 0, 5], side: 4, channels: channels)
        let gradient = map([1, 10, 100, 1000], side: 2, channels: channels)
        let found = compute.maxPoolGradient(gradient, input: input, kernel: 3, padding: 1)
        var expected = [Float](repeating: 0, count: 16)
        (expected[1], expected[6], expected[9]) = (1, 1010, 100)
        #expect(found.elements == map(expected, side: 4, channels: channels).elements)
    }

    @Test(arguments: [[1, 1, 5], [7, 8, 17], [3, 8, 7, 40], [2, 1, 6, 3], [0, 4, 4, 8]])
    func `the gradient of every second pixel is the transpose`(shape: [Int]) {
        var numbers = SeededNumbers(seed: 52)
        let input = numbers.tensor(shape)
        let output = compute.subsample(input)
        let gradient = numbers.tensor(output.shape)
        let found = compute.subsampleGradient(gradient, input: shape)
        #expect(found.shape == shape)
        GradientCheck.expectTranspose(of: output, gradient.elements, input.elements, gradient: found.elements)
    }

    @Test(arguments: [
        ([4, 6, 17], [8, 12]), ([4, 6, 40], [7, 11]), ([1, 1, 3], [1, 1]), ([1, 1, 16], [5, 2]),
        ([2, 3, 5, 8], [5, 9]),
        ([3, 25, 34, 16], [50, 68]), ([2, 7, 5, 19], [13, 10]), ([5, 7, 9], [3, 4]), ([100, 60, 8], [199, 119]),
    ])
    func `the gradient of the smaller map is the transpose of upsampling`(small: [Int], large: [Int]) {
        var numbers = SeededNumbers(seed: 53)
        let input = numbers.tensor(small)
        let shape = Array(small.dropLast(3)) + large + [input.channels]
        let output = compute.addUpsampled(input, to: compute.zeros(shape))
        let gradient = numbers.tensor(shape)
        let found = compute.addUpsampledGradient(gradient, small: small)
        #expect(found.shape == small)
        GradientCheck.expectTranspose(of: output, gradient.elements, input.elements, gradient: found.elements)
    }

    @Test(arguments: [(1, 7, 2), (17, 7, 2), (40, 14, 2), (64, 7, 2), (100, 3, 3), (8, 5, 1)])
    func `the gradients of the maps are the transpose of RoIAlign`(channels: Int, size: Int, samples: Int) {
        var numbers = SeededNumbers(seed: 54)
        let pictures = 3
        let maps = [[12, 17], [6, 9], [3, 5], [1, 1]].map { numbers.tensor([pictures] + $0 + [channels]) }
        // Inside, tiny, of no size, larger than the map, at each border, partly and wholly outside.
        let boxes: [(Float, Float, Float, Float)] = [
            (2.3, 1.1, 14.2, 9.7), (5.1, 5.2, 5.3, 5.4), (4, 4, 4, 4), (-30, -20, 60, 40), (12, 8, 25, 19),
            (-9, -9, -4, -5), (0, 0, 17, 12), (15.9, 10.9, 16.9, 11.9), (-1, -1, 0.5, 0.5), (0, 0, 1, 1),
            (40, 40, 50, 50),
        ]
        let regions = (0..<maps.count * pictures).flatMap { place in
            boxes.map {
                Compute.Region(
                    level: place % maps.count, picture: place / maps.count, x0: $0.0, y0: $0.1, x1: $0.2, y1: $0.3)
            }
        }
        let output = compute.roiAlign(maps, regions, size: size, samples: samples)
        let gradient = numbers.tensor(output.shape)
        let targets = maps.map { compute.zeros($0.shape) }
        compute.addRoiAlignGradient(gradient, regions, samples: samples, to: targets)
        GradientCheck.expectTranspose(
            of: output, gradient.elements, maps.flatMap(\.elements), gradient: targets.flatMap(\.elements))

        // Of one map and picture alone, so that nothing went to another.
        for (level, map) in maps.enumerated() {
            for picture in 0..<pictures {
                let own = regions.indices.filter { regions[$0].level == level && regions[$0].picture == picture }
                GradientCheck.expectTranspose(
                    of: Tensor(own.flatMap { output.part($0).elements }, shape: [own.count, size, size, channels]),
                    own.flatMap { gradient.part($0).elements }, map.part(picture).elements,
                    gradient: targets[level].part(picture).elements, "level \(level), picture \(picture)")
            }
        }
    }

    @Test func `no regions leave the maps' gradients as they are`() {
        var numbers = SeededNumbers(seed: 55)
        let map = numbers.tensor([2, 3, 4, 5])
        let before = map.elements
        compute.addRoiAlignGradient(Tensor([], shape: [0, 7, 7, 5]), [], samples: 2, to: [map])
        #expect(map.elements == before)
    }
}
