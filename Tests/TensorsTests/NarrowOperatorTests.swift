import Testing

@testable import Tensors

/// Operators with products of 16-bit elements, against the same in single precision.
@Suite struct NarrowOperatorTests {
    private let compute = Compute(threads: 2)

    /// What is beside single precision, for inputs of -1...1.
    static let arithmetics = [Arithmetic.bf16, .integer(ActivationRange(minimum: -1, maximum: 1))]

    struct Shape: Sendable {
        var side: Int
        var inputs: Int
        var outputs: Int
        var kernel: Int
        var stride = 1
        var groups = 1
        var pictures = 1
    }

    /// Pointwise, by Winograd's algorithm and unfolded; channels that fill no group of pairs, and pictures at once.
    static let shapes = [
        Shape(side: 13, inputs: 70, outputs: 33, kernel: 1), Shape(side: 21, inputs: 48, outputs: 40, kernel: 3),
        Shape(side: 7, inputs: 17, outputs: 5, kernel: 3, pictures: 9),
        Shape(side: 15, inputs: 24, outputs: 20, kernel: 3, stride: 2),
        Shape(side: 14, inputs: 64, outputs: 32, kernel: 3, groups: 4),
        Shape(side: 12, inputs: 40, outputs: 24, kernel: 1, stride: 2),
    ]

    /// Numbers of -1...1 that look random and are the same everywhere.
    private func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int32(truncatingIfNeeded: state >> 33)) / Float(1 << 30) - 1
        }
    }

    /// The difference's root mean square over that of what is expected.
    private func error(_ found: Tensor, _ expected: Tensor) -> Float {
        let difference = zip(found.elements, expected.elements).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return (difference / expected.elements.reduce(0) { $0 + $1 * $1 }).squareRoot()
    }

    private func weights(_ shape: Shape, _ values: [Float], _ arithmetic: Arithmetic) -> ConvolutionWeights {
        ConvolutionWeights(
            weights: values, bias: nil, inputChannels: shape.inputs, outputChannels: shape.outputs,
            kernel: shape.kernel, stride: shape.stride, padding: shape.kernel / 2, groups: shape.groups,
            arithmetic: arithmetic)
    }

    @Test(arguments: shapes, arithmetics)
    func `a convolution is nearly the one in single precision`(shape: Shape, arithmetic: Arithmetic) {
        let input = Tensor(
            numbers(shape.pictures * shape.side * shape.side * shape.inputs, seed: 1),
            shape: [shape.pictures, shape.side, shape.side, shape.inputs])
        let values = numbers(
            shape.outputs * shape.inputs / shape.groups * shape.kernel * shape.kernel, seed: 2)
        let expected = compute.convolution(input, weights(shape, values, .single))
        let found = compute.convolution(input, weights(shape, values, arithmetic))
        #expect(found.shape == expected.shape)
        // Rounding to 8 bits moves a number by 0.004 of these numbers' root mean square, to bfloat16 by 0.002. Winograd's way back enlarges
        // by up to a dozen times what both sides of its products lost after their transforms.
        let isWinograd = shape.kernel == 3 && shape.stride == 1 && shape.groups == 1
        #expect(error(found, expected) < (isWinograd && arithmetic == .bf16 ? 0.03 : 0.015))
    }

    @Test(arguments: arithmetics)
    func `a linear layer is nearly the one in single precision`(arithmetic: Arithmetic) {
        let (rows, inputs, outputs) = (37, 300, 41)
        let (a, b) = (
            Tensor(numbers(rows * inputs, seed: 3), shape: [rows, inputs]), numbers(outputs * inputs, seed: 4)
        )
        let bias = numbers(outputs, seed: 5)
        func layer(_ arithmetic: Arithmetic) -> LinearWeights {
            LinearWeights(weights: b, bias: bias, inputs: inputs, outputs: outputs, arithmetic: arithmetic)
        }
        #expect(error(compute.linear(a, layer(arithmetic)), compute.linear(a, layer(.single))) < 0.008)
    }

    @Test(arguments: arithmetics)
    func `a transposed convolution is nearly the one in single precision`(arithmetic: Arithmetic) {
        let (side, inputs, outputs) = (7, 50, 19)
        let a = Tensor(numbers(2 * side * side * inputs, seed: 6), shape: [2, side, side, inputs])
        let (b, bias) = (numbers(inputs * outputs * 4, seed: 7), numbers(outputs, seed: 8))
        func layer(_ arithmetic: Arithmetic) -> DeconvolutionWeights {
            DeconvolutionWeights(
                weights: b, bias: bias, inputChannels: inputs, outputChannels: outputs, arithmetic: arithmetic)
        }
        let expected = compute.deconvolution(a, layer(.single))
        #expect(error(compute.deconvolution(a, layer(arithmetic)), expected) < 0.008)
    }

    @Test(arguments: [Float(-255), 255], [true, false])
    func `Winograd's transform of 8 bits is exact, at its largest too`(end: Float, isChecked: Bool) {
        let (side, inputs, outputs) = (18, 33, 20)
        // A checkerboard of the ends of the range makes the largest transforms that there are; the others are noise.
        let noise = numbers(side * side * inputs, seed: 9)
        let input = Tensor(
            noise.indices.map { index in
                let (x, y) = (index / inputs % side, index / inputs / side)
                return isChecked ? Float((x + y) % 2) * end : (end * abs(noise[index])).rounded()
            }, shape: [side, side, inputs])
        let shape = Shape(side: side, inputs: inputs, outputs: outputs, kernel: 3)
        let values = numbers(outputs * inputs * 9, seed: 10)
        let range = ActivationRange(minimum: min(end, 0), maximum: max(end, 0))
        let expected = compute.convolution(input, weights(shape, values, .single))
        let found = compute.convolution(input, weights(shape, values, .integer(range)))
        // What is left is the rounding of transformed weights to some thousands of levels.
        #expect(error(found, expected) < 0.002)
    }

    @Test(arguments: arithmetics)
    func `sum and activation are applied to the result`(arithmetic: Arithmetic) {
        let shape = Shape(side: 10, inputs: 32, outputs: 24, kernel: 3)
        let input = Tensor(numbers(100 * 32, seed: 11), shape: [10, 10, 32])
        let residual = Tensor(numbers(100 * 24, seed: 12).map { $0 * 20 }, shape: [10, 10, 24])
        let layer = weights(shape, numbers(24 * 32 * 9, seed: 13), arithmetic)
        let plain = compute.convolution(input, layer)
        let whole = compute.convolution(input, layer, activation: .relu, adding: residual)
        for ((plain, residual), whole) in zip(zip(plain.elements, residual.elements), whole.elements) {
            // The order of two sums.
            #expect(abs(max(0, plain + residual) - whole) < 1e-4)
        }
    }

    @Test func `a histogram's range holds what is frequent and leaves out what is rare and far`() {
        var histogram = ActivationHistogram()
        histogram.add(Tensor(numbers(100_000, seed: 14).map { abs($0) }, shape: [100_000]))
        #expect(histogram.range.minimum == 0)
        #expect((0.9...1).contains(histogram.range.maximum))
        // Bins are widened for what comes later; so few values are not worth the levels that the others would lose.
        histogram.add(Tensor([100], shape: [1]))
        #expect(histogram.maximum == 100)
        #expect(histogram.range.maximum < 100)
        #expect(histogram.range.isUsable)
    }

    @Test func `a histogram of zeros has a range, and numbers that are none are noticed`() {
        var histogram = ActivationHistogram()
        histogram.add(Tensor(zeros: [10]))
        #expect(histogram.range.isUsable)
        #expect(!histogram.hasNonFinite)
        histogram.add(Tensor([1, .nan], shape: [2]))
        #expect(histogram.hasNonFinite)
    }

    @Test(arguments: [
        ActivationRange(minimum: 0, maximum: 0), ActivationRange(minimum: -.infinity, maximum: 0),
        ActivationRange(minimum: 0, maximum: .infinity), ActivationRange(minimum: -1e38, maximum: 1e38),
        ActivationRange(minimum: 0, maximum: .leastNonzeroMagnitude),
    ]) func `a range without levels is not usable`(range: ActivationRange) {
        #expect(!range.isUsable)
    }

    @Test(arguments: [(Float(0), Float(255)), (-255, 0), (-100, 155), (-1, 254), (-0.4, 254.6)])
    func `zero is a level, and so many levels are 8 bits`(minimum: Float, maximum: Float) {
        let range = ActivationRange(minimum: minimum, maximum: maximum)
        #expect(range.lowest == Int(minimum.rounded()))
        #expect(range.highest - range.lowest == 255)
        #expect(range.lowest <= 0 && range.highest >= 0)
    }
}
