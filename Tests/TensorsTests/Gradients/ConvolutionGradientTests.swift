import CKernels
import Testing

@testable import Tensors

/// A convolution is linear in its input and in its weights: both gradients are checked as the transposes of these maps.
@Suite struct ConvolutionGradientTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var shape: ConvolutionShape
        /// `[pictures, height, width]`, or without pictures.
        var size: [Int]

        init(
            _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int? = nil, groups: Int = 1,
            _ size: Int...
        ) {
            shape = ConvolutionShape(
                inputChannels: inputs, outputChannels: outputs, kernel: kernel, stride: stride,
                padding: padding ?? kernel / 2, groups: groups)
            self.size = size
        }

        var testDescription: String {
            "\(shape.inputChannels) to \(shape.outputChannels), \(shape.kernel)x\(shape.kernel)/\(shape.stride) "
                + "padding \(shape.padding) groups \(shape.groups), \(size)"
        }
    }

    private static let pointwise = [
        Case(17, 40, kernel: 1, 5, 6), Case(64, 32, kernel: 1, 2, 3, 7), Case(3, 1, kernel: 1, 1, 1),
        Case(17, 40, kernel: 1, stride: 2, 7, 8), Case(40, 17, kernel: 1, stride: 2, 3, 8, 7),
        Case(16, 32, kernel: 1, stride: 2, 1, 1), Case(12, 8, kernel: 1, groups: 2, 5, 4),
        Case(1000, 1100, kernel: 1, 3, 2),
    ]

    private static let windows = [
        // Of too few channels for Winograd's tiles, forwards, backwards, and both.
        Case(3, 40, kernel: 3, 7, 9), Case(40, 3, kernel: 3, 7, 9), Case(5, 6, kernel: 3, 2, 4, 5),
        Case(17, 9, kernel: 3, stride: 2, 8, 8), Case(17, 40, kernel: 3, stride: 2, 7, 9),
        Case(8, 16, kernel: 3, stride: 2, 3, 8, 9), Case(8, 16, kernel: 3, stride: 2, 1, 1),
        Case(4, 5, kernel: 3, stride: 2, 2, 1),
        // A remainder of the input that no window reaches.
        Case(8, 6, kernel: 3, stride: 2, padding: 0, 8, 10), Case(8, 6, kernel: 3, padding: 0, 5, 6),
        Case(5, 7, kernel: 3, stride: 3, padding: 0, 2, 11, 10), Case(5, 7, kernel: 3, stride: 3, 12, 13),
        Case(3, 17, kernel: 7, stride: 2, 12, 13), Case(3, 8, kernel: 7, stride: 2, 2, 11, 14),
        Case(3, 8, kernel: 7, stride: 2, 1, 1), Case(4, 5, kernel: 7, 9, 5),
        // More pixels than are unfolded at once.
        Case(3, 5, kernel: 7, stride: 2, 180, 182), Case(8, 6, kernel: 3, groups: 2, 170, 171),
    ]

    private static let groups = [
        Case(32, 32, kernel: 3, groups: 4, 9, 7), Case(12, 20, kernel: 3, stride: 2, groups: 2, 2, 9, 8),
        Case(34, 34, kernel: 3, groups: 2, 3, 6, 5), Case(32, 32, kernel: 3, stride: 2, groups: 32, 7, 6),
        Case(64, 64, kernel: 3, stride: 2, groups: 2, 1, 1),
    ]

    private static let winograd = [
        Case(16, 16, kernel: 3, 8, 8), Case(17, 40, kernel: 3, 7, 9), Case(40, 17, kernel: 3, 13, 6),
        Case(64, 32, kernel: 3, 5, 14, 14), Case(17, 19, kernel: 3, 3, 7, 9), Case(20, 16, kernel: 3, 1, 1),
        Case(33, 48, kernel: 3, 7, 1, 1), Case(16, 31, kernel: 3, 2, 33, 47), Case(16, 16, kernel: 3, 1, 40),
        Case(24, 24, kernel: 3, 50, 3),
    ]

    private let compute = Compute(threads: 2)

    @Test(arguments: pointwise + windows + groups + winograd)
    func `the gradients of input and weights are transposes of the convolution`(_ c: Case) {
        var numbers = SeededNumbers(seed: 31)
        let shape = c.shape
        let input = numbers.tensor(c.size + [shape.inputChannels])
        let rows = numbers.tensor(shape.rowsShape)
        let output = compute.convolution(input, ConvolutionWeights(rows: rows, bias: nil, shape))
        let gradient = numbers.tensor(output.shape)

        let inputGradient = compute.convolutionInputGradient(
            gradient, compute.transposedWeights(rows, shape), shape, size: (input.height, input.width))
        #expect(inputGradient.shape == input.shape)
        GradientCheck.expectTranspose(
            of: output, gradient.elements, input.elements, gradient: inputGradient.elements, "input")

        let weightGradient = compute.zeros(shape.rowsShape)
        compute.addConvolutionWeightGradient(input, gradient, shape, to: weightGradient)
        GradientCheck.expectTranspose(
            of: output, gradient.elements, rows.elements, gradient: weightGradient.elements, "weights")
    }

    @Test(arguments: [
        pointwise[0], pointwise[3], windows[0], windows[3], windows[4], groups[0], groups[1], winograd[1], winograd[3],
    ])
    func `gradients are added to those that are there`(_ c: Case) {
        var numbers = SeededNumbers(seed: 32)
        let shape = c.shape
        let input = numbers.tensor(c.size + [shape.inputChannels])
        let rows = numbers.tensor(shape.rowsShape)
        let (height, width) = (shape.outputSide(input.height), shape.outputSide(input.width))
        let gradient = numbers.tensor(Array(c.size.dropLast(2)) + [height, width, shape.outputChannels])
        let weights = compute.transposedWeights(rows, shape)
        let size = (input.height, input.width)

        let before = numbers.tensor(input.shape)
        let expected = zip(
            before.elements, compute.convolutionInputGradient(gradient, weights, shape, size: size).elements
        ).map(+)
        let sum = compute.convolutionInputGradient(gradient, weights, shape, size: size, adding: before)
        expectNear(sum.elements, expected)

        let fresh = compute.zeros(shape.rowsShape)
        compute.addConvolutionWeightGradient(input, gradient, shape, to: fresh)
        let target = numbers.tensor(shape.rowsShape)
        let added = zip(target.elements, fresh.elements).map(+)
        compute.addConvolutionWeightGradient(input, gradient, shape, to: target)
        expectNear(target.elements, added)
    }

    /// Sums of the same terms in another order.
    private func expectNear(_ found: [Float], _ expected: [Float]) {
        let greatest = expected.map(abs).max() ?? 0
        #expect(found.count == expected.count)
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-5 * greatest })
    }

    @Test func `more tiles than are transformed at once make the same weight gradient`() {
        var numbers = SeededNumbers(seed: 33)
        let shape = ConvolutionShape(inputChannels: 16, outputChannels: 5500, kernel: 3, padding: 1)
        let input = numbers.tensor([1, 1025, 16])
        // Tiles come by the 256 where there are so many channels.
        #expect(ck_winograd_tiles(1, 1, 1025) == 257)
        let rows = numbers.tensor(shape.rowsShape)
        let output = compute.convolution(input, ConvolutionWeights(rows: rows, bias: nil, shape))
        // Nothing but the last pixel, which is in the last tile.
        let gradient = compute.zeros(output.shape)
        let last = numbers.floats(5500, in: -1...1)
        gradient.withMutableElements { _ = $0[(1024 * 5500)...].update(fromContentsOf: last) }
        let weightGradient = compute.zeros(shape.rowsShape)
        compute.addConvolutionWeightGradient(input, gradient, shape, to: weightGradient)
        let pixel = Tensor(Array(output.elements.suffix(5500)), shape: [1, 1, 5500])
        GradientCheck.expectTranspose(of: pixel, last, rows.elements, gradient: weightGradient.elements)
    }

    @Test(arguments: [
        Case(17, 40, kernel: 1, 0, 7, 7), Case(17, 40, kernel: 3, 0, 14, 14),
        Case(17, 40, kernel: 3, stride: 2, 0, 6, 6),
        Case(16, 16, kernel: 3, groups: 2, 0, 6, 6), Case(17, 40, kernel: 1, stride: 2, 0, 6, 6),
    ])
    func `no pictures have no gradients`(_ c: Case) {
        var numbers = SeededNumbers(seed: 34)
        let shape = c.shape
        let input = Tensor([], shape: c.size + [shape.inputChannels])
        let side = shape.outputSide(input.height)
        let gradient = Tensor([], shape: [0, side, side, shape.outputChannels])
        let rows = numbers.tensor(shape.rowsShape)
        let inputGradient = compute.convolutionInputGradient(
            gradient, compute.transposedWeights(rows, shape), shape, size: (input.height, input.width))
        #expect(inputGradient.shape == input.shape)
        let target = numbers.tensor(shape.rowsShape)
        let before = target.elements
        compute.addConvolutionWeightGradient(input, gradient, shape, to: target)
        #expect(target.elements == before)
    }

    @Test func `weights that change sides twice are what they were`() {
        var numbers = SeededNumbers(seed: 35)
        let shape = ConvolutionShape(inputChannels: 70, outputChannels: 9, kernel: 3, stride: 2, padding: 1)
        let (checkpoint, rows) = (numbers.floats(70 * 9 * 9, in: -1...1), numbers.tensor(shape.rowsShape))
        #expect(shape.checkpointWeights(shape.rows(checkpoint)) == checkpoint)
        #expect(shape.rows(shape.checkpointWeights(rows)).elements == rows.elements)
    }
}
