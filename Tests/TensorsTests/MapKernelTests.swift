import Testing

@testable import Tensors

/// Pooling and resizing on sizes and channel counts that fit no vector, against plain loops.
@Suite struct MapKernelTests {
    private let compute = Compute(threads: 2)
    private var numbers = SeededNumbers(seed: 12)

    @Test(arguments: [
        (9, 13, 9, 13), (20, 31, 47, 70), (47, 70, 20, 31), (1, 1, 40, 3), (33, 1, 5, 7), (2, 50, 90, 50),
    ])
    func `a picture is resized exactly as in PyTorch's own steps`(height: Int, width: Int, toHeight: Int, toWidth: Int)
    {
        var numbers = numbers
        let pixels = numbers.floats(height * width * 3, in: 0...255).map { UInt8($0) }
        let table = numbers.floats(768, in: -2...2)
        let found = pixels.withUnsafeBufferPointer {
            compute.resizeNormalized(
                $0, height: height, width: width, table: table, size: (toHeight, toWidth),
                padded: (toHeight + 3, toWidth + 5))
        }
        func place(_ i: Int, _ length: Int, _ output: Int) -> (low: Int, high: Int, weight: Float) {
            let source = max(0, Float(length) / Float(output) * (Float(i) + 0.5) - 0.5)
            let low = min(Int(source), length - 1)
            return (low, min(low + 1, length - 1), min(1, source - Float(low)))
        }
        var expected = [Float](repeating: 0, count: found.count)
        for y in 0..<toHeight {
            let down = place(y, height, toHeight)
            for x in 0..<toWidth {
                let across = place(x, width, toWidth)
                for c in 0..<3 {
                    func value(_ row: Int) -> Float {
                        let (left, right) = (
                            pixels[(row * width + across.low) * 3 + c], pixels[(row * width + across.high) * 3 + c]
                        )
                        return (1 - across.weight) * table[256 * c + Int(left)] + across.weight
                            * table[256 * c + Int(right)]
                    }
                    expected[(y * (toWidth + 5) + x) * 3 + c] =
                        (1 - down.weight) * value(down.low) + down.weight * value(down.high)
                }
            }
        }
        #expect(found.elements == expected)
    }

    @Test(arguments: [(1, 7, 2), (37, 7, 2), (64, 14, 2), (19, 3, 3), (8, 5, 1)])
    func `a region is the mean of its samples, wherever it lies`(channels: Int, size: Int, samples: Int) {
        var numbers = numbers
        let (height, width) = (11, 17)
        let map = numbers.floats(height * width * channels, in: -1...1)
        // Inside, tiny, of no size, much larger than the map, and partly or wholly outside.
        let boxes: [(Float, Float, Float, Float)] = [
            (2.3, 1.1, 14.2, 9.7), (5.1, 5.2, 5.3, 5.4), (4, 4, 4, 4), (-30, -20, 60, 40), (12, 8, 25, 19),
            (-9, -9, -4, -5), (0, 0, 17, 11), (15.9, 9.9, 16.9, 10.9),
        ]
        let regions = boxes.map { Compute.Region(level: 0, x0: $0.0, y0: $0.1, x1: $0.2, y1: $0.3) }
        let found = compute.roiAlign(
            [Tensor(map, shape: [height, width, channels])], regions, size: size, samples: samples
        ).elements
        func sample(_ y: Float, _ x: Float, _ c: Int) -> Double {
            guard y >= -1, y <= Float(height), x >= -1, x <= Float(width) else { return 0 }
            func place(_ position: Float, _ length: Int) -> (Int, Int, Double) {
                let position = min(max(position, 0), Float(length - 1))
                let low = min(Int(position), length - 1)
                return (low, min(low + 1, length - 1), Double(position - Float(low)))
            }
            let ((top, bottom, v), (left, right, u)) = (place(y, height), place(x, width))
            func value(_ y: Int, _ x: Int) -> Double { Double(map[(y * width + x) * channels + c]) }
            return (1 - v) * ((1 - u) * value(top, left) + u * value(top, right))
                + v * ((1 - u) * value(bottom, left) + u * value(bottom, right))
        }
        for (index, box) in boxes.enumerated() {
            let (stepX, stepY) = (max(box.2 - box.0, 1) / Float(size), max(box.3 - box.1, 1) / Float(size))
            for bin in 0..<size * size {
                for c in 0..<channels {
                    var sum = 0.0
                    for s in 0..<samples * samples {
                        let (sy, sx) = (Float(s / samples) + 0.5, Float(s % samples) + 0.5)
                        sum += sample(
                            box.1 + Float(bin / size) * stepY + sy * stepY / Float(samples),
                            box.0 + Float(bin % size) * stepX + sx * stepX / Float(samples), c)
                    }
                    let place = (index * size * size + bin) * channels + c
                    // Rounding of places of up to 60 pixels, times the difference of neighbours.
                    #expect(abs(Double(found[place]) - sum / Double(samples * samples)) < 2e-5)
                }
            }
        }
    }

    @Test(arguments: [0, 1, 15, 30, 67]) func `a column is mixed of two, and its values are told apart`(count: Int) {
        var numbers = numbers
        let (low, high) = (numbers.floats(count, in: 0...1), numbers.floats(count, in: 0...1))
        var (values, sides) = ([Float](repeating: -1, count: count + 1), [UInt8](repeating: 9, count: count + 1))
        MaskColumn.interpolate(low, 0.3, high, 0.7, count: count, least: 0.4, most: 0.6, into: &values, sides: &sides)
        for index in 0..<count {
            let value: Float = 0.3 * low[index] + 0.7 * high[index]
            #expect(values[index] == value)
            #expect(
                sides[index]
                    == (value > 0.6
                        ? MaskColumn.Side.above : value < 0.4 ? MaskColumn.Side.below : MaskColumn.Side.near))
        }
        #expect(values[count] == -1 && sides[count] == 9)
    }

    @Test(arguments: [(1, 1, 1), (5, 6, 19), (8, 7, 64)])
    func `the maximum over windows is the greatest value in each`(height: Int, width: Int, channels: Int) {
        var numbers = numbers
        let map = numbers.floats(height * width * channels, in: -9...(-1))
        let found = compute.maxPool(Tensor(map, shape: [height, width, channels]))
        for y in 0..<found.height {
            for x in 0..<found.width {
                for c in 0..<channels {
                    var greatest = -Float.infinity
                    for v in max(0, 2 * y - 1)...min(height - 1, 2 * y + 1) {
                        for u in max(0, 2 * x - 1)...min(width - 1, 2 * x + 1) {
                            greatest = max(greatest, map[(v * width + u) * channels + c])
                        }
                    }
                    #expect(found.elements[(y * found.width + x) * channels + c] == greatest)
                }
            }
        }
    }

    @Test(arguments: [(2, 2, 1), (5, 7, 19), (8, 6, 64)])
    func `the maximum over windows of two by two leaves out what has no partner`(
        height: Int, width: Int, channels: Int
    ) {
        var numbers = numbers
        let map = numbers.floats(height * width * channels, in: -9...(-1))
        let found = compute.maxPool2x2(Tensor(map, shape: [height, width, channels]))
        #expect(found.shape == [height / 2, width / 2, channels])
        for y in 0..<found.height {
            for x in 0..<found.width {
                for c in 0..<channels {
                    let window = [(0, 0), (0, 1), (1, 0), (1, 1)].map { v, u in
                        map[((2 * y + v) * width + 2 * x + u) * channels + c]
                    }
                    #expect(found.elements[(y * found.width + x) * channels + c] == window.max())
                }
            }
        }
    }

    /// The operators on maps, by name, with maps of 7x9 pixels; those of two maps get one of 4x5 as well.
    private static let mapOperators = ["maxPool", "maxPool2x2", "subsample", "addUpsampled"]

    @Test(arguments: mapOperators) func `several pictures give what each gives by itself`(name: String) throws {
        var numbers = numbers
        func applied(_ map: [Float], _ small: [Float], _ pictures: [Int]) -> Tensor {
            let map = Tensor(map, shape: pictures + [7, 9, 21])
            switch name {
            case "maxPool": return compute.maxPool(map)
            case "maxPool2x2": return compute.maxPool2x2(map)
            case "subsample": return compute.subsample(map)
            default: return compute.addUpsampled(Tensor(small, shape: pictures + [4, 5, 21]), to: map)
            }
        }
        let maps = (0..<3).map { _ in numbers.floats(7 * 9 * 21, in: -1...1) }
        let small = (0..<3).map { _ in numbers.floats(4 * 5 * 21, in: -1...1) }
        let together = applied(Array(maps.joined()), Array(small.joined()), [3])
        let alone = (0..<3).map { applied(maps[$0], small[$0], []) }
        #expect(together.shape == [3] + alone[0].shape)
        #expect(together.elements == alone.flatMap(\.elements))
    }

    @Test func `a region's mean is that of its pixels, channel by channel`() {
        var numbers = numbers
        let (regions, area, channels) = (11, 15, 37)
        let map = numbers.floats(regions * area * channels, in: 0...9)
        let found = compute.averagePool(Tensor(map, shape: [regions, 3, 5, channels]))
        #expect(found.shape == [regions, channels])
        for region in 0..<regions {
            for c in 0..<channels {
                let sum = (0..<area).reduce(0.0) { $0 + Double(map[(region * area + $1) * channels + c]) }
                // Fifteen numbers below 10 are added in single precision.
                #expect(abs(Double(found.elements[region * channels + c]) - sum / Double(area)) < 1e-5)
            }
        }
    }
}
