import Foundation
import Testing

@testable import Tensors

/// Sizes that take every path through the blocks of the products, against plain loops in double precision.
@Suite struct LargeOperatorTests {
    private let compute = Compute(threads: 2)
    /// Relative to the largest output: rounding of sums of up to a thousand products, more where Winograd's transforms enlarge it.
    private let tolerance = 1e-5

    /// Numbers that look random and are the same everywhere.
    private func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int32(truncatingIfNeeded: state >> 33)) / Float(1 << 30) - 1
        }
    }

    private func expectClose(_ found: [Float], _ expected: [Double]) {
        #expect(found.count == expected.count)
        let scale = expected.map(abs).max() ?? 0
        let difference = zip(found, expected).map { abs(Double($0) - $1) }.max() ?? 0
        #expect(difference <= tolerance * scale)
    }

    private func convolve(
        _ input: [Float], height: Int, width: Int, inputs: Int, _ weights: [Float], outputs: Int, kernel: Int
    ) -> [Double] {
        let padding = kernel / 2
        var result = [Double](repeating: 0, count: height * width * outputs)
        for y in 0..<height {
            for x in 0..<width {
                for ky in 0..<kernel where (0..<height).contains(y + ky - padding) {
                    for kx in 0..<kernel where (0..<width).contains(x + kx - padding) {
                        let place = ((y + ky - padding) * width + x + kx - padding) * inputs
                        for output in 0..<outputs {
                            var sum = 0.0
                            for i in 0..<inputs {
                                let weight = weights[((output * inputs + i) * kernel + ky) * kernel + kx]
                                sum += Double(input[place + i]) * Double(weight)
                            }
                            result[(y * width + x) * outputs + output] += sum
                        }
                    }
                }
            }
        }
        return result
    }

    @Test(arguments: [(700, 900, 70), (5, 1000, 100), (50, 385, 33), (1, 1, 1)])
    func `a product is right whatever its blocks`(rows: Int, inner: Int, columns: Int) {
        let (a, b) = (numbers(rows * inner, seed: 1), numbers(columns * inner, seed: 2))
        let found = compute.linear(
            Tensor(a, shape: [rows, inner]), LinearWeights(weights: b, bias: nil, inputs: inner, outputs: columns))
        expectClose(
            found.elements, convolve(a, height: rows, width: 1, inputs: inner, b, outputs: columns, kernel: 1))
    }

    @Test(arguments: 1...9, [(14, 14), (7, 7), (5, 3), (1, 1)])
    func `pictures of one mosaic do not see each other`(pictures: Int, size: (height: Int, width: Int)) {
        let (inputs, outputs) = (16, 18)
        let area = size.height * size.width
        let a = numbers(pictures * area * inputs, seed: 5)
        let (b, bias) = (numbers(outputs * inputs * 9, seed: 6), numbers(outputs, seed: 7))
        let residual = numbers(pictures * area * outputs, seed: 8)
        let weights = ConvolutionWeights(
            weights: b, bias: bias, inputChannels: inputs, outputChannels: outputs, kernel: 3, padding: 1)
        let found = compute.convolution(
            Tensor(a, shape: [pictures, size.height, size.width, inputs]), weights,
            adding: Tensor(residual, shape: [pictures, size.height, size.width, outputs]))
        var expected: [Double] = []
        for picture in 0..<pictures {
            expected += convolve(
                Array(a[picture * area * inputs..<(picture + 1) * area * inputs]), height: size.height,
                width: size.width, inputs: inputs, b, outputs: outputs, kernel: 3)
        }
        for index in expected.indices { expected[index] += Double(bias[index % outputs]) + Double(residual[index]) }
        expectClose(found.elements, expected)
    }

    @Test(arguments: [(61, 58, 16, 20), (9, 50, 40, 65)])
    func `a convolution is right whatever its tiles`(height: Int, width: Int, inputs: Int, outputs: Int) {
        let (a, b) = (numbers(height * width * inputs, seed: 3), numbers(outputs * inputs * 9, seed: 4))
        let weights = ConvolutionWeights(
            weights: b, bias: nil, inputChannels: inputs, outputChannels: outputs, kernel: 3, padding: 1)
        let found = compute.convolution(Tensor(a, shape: [height, width, inputs]), weights)
        expectClose(
            found.elements, convolve(a, height: height, width: width, inputs: inputs, b, outputs: outputs, kernel: 3))
    }

    @Test func `the tiles of many small pictures are not mixed up`() {
        let (count, side, inputs, outputs) = (70, 7, 16, 24)
        let (a, b) = (numbers(count * side * side * inputs, seed: 5), numbers(outputs * inputs * 9, seed: 6))
        let weights = ConvolutionWeights(
            weights: b, bias: nil, inputChannels: inputs, outputChannels: outputs, kernel: 3, padding: 1)
        let found = compute.convolution(Tensor(a, shape: [count, side, side, inputs]), weights)
        let size = side * side * inputs
        let expected = (0..<count).flatMap {
            convolve(
                Array(a[$0 * size..<($0 + 1) * size]), height: side, width: side, inputs: inputs, b, outputs: outputs,
                kernel: 3)
        }
        expectClose(found.elements, expected)
    }

    @Test func `one output a picture is the sigmoid of that row's product`() {
        let (count, area, inputs, outputs) = (9, 6, 37, 5)
        let (a, b) = (numbers(count * area * inputs, seed: 7), numbers(outputs * inputs, seed: 8))
        let bias = numbers(outputs, seed: 9)
        let rows = (0..<count).map { $0 * 3 % outputs }
        let found = compute.selectedProbabilities(
            Tensor(a, shape: [count, 2, 3, inputs]), RowWeights(weights: b, bias: bias, inputs: inputs), rows: rows)
        let expected = (0..<count * area).map { place -> Double in
            let row = rows[place / area]
            let sum = (0..<inputs).reduce(Double(bias[row])) {
                $0 + Double(a[place * inputs + $1]) * Double(b[row * inputs + $1])
            }
            return 1 / (1 + Foundation.exp(-sum))
        }
        expectClose(found.elements, expected)
    }
}
