import Testing

@testable import Tensors

/// Fully connected layers, transposed convolutions and single outputs of a layer, whose gradients are transposes of linear maps.
@Suite struct LayerGradientTests {
    private let compute = Compute(threads: 2)

    @Test(arguments: [(1, 17, 40), (37, 40, 17), (5, 1000, 1100), (300, 64, 91), (96, 3, 1), (13, 1, 5)])
    func `the gradients of a fully connected layer are its transposes`(rows: Int, inputs: Int, outputs: Int) {
        var numbers = SeededNumbers(seed: 41)
        let input = numbers.tensor([rows, inputs])
        let weights = numbers.tensor([inputs, outputs])
        let output = compute.linear(input, LinearWeights(rows: weights, bias: nil))
        let gradient = numbers.tensor(output.shape)
        GradientCheck.expectTranspose(
            of: output, gradient.elements, input.elements,
            gradient: compute.linear(gradient, compute.transposedWeights(weights)).elements, "input")
        let target = compute.zeros(weights.shape)
        compute.addLinearWeightGradient(input, gradient, to: target)
        GradientCheck.expectTranspose(
            of: output, gradient.elements, weights.elements, gradient: target.elements, "weights")
        compute.addLinearWeightGradient(input, gradient, to: target)
        GradientCheck.expectTranspose(
            of: output, gradient.elements.map { 2 * $0 }, weights.elements, gradient: target.elements, "weights twice")
    }

    @Test func `no rows leave a fully connected layer's gradient as it is`() {
        var numbers = SeededNumbers(seed: 42)
        let target = numbers.tensor([6, 4])
        let before = target.elements
        compute.addLinearWeightGradient(Tensor([], shape: [0, 6]), Tensor([], shape: [0, 4]), to: target)
        #expect(target.elements == before)
        #expect(
            compute.linear(Tensor([], shape: [0, 4]), compute.transposedWeights(target)).shape == [0, 6])
    }

    @Test(arguments: [
        [1, 5, 6, 17, 9], [3, 14, 14, 16, 32], [7, 1, 1, 40, 1], [2, 1, 9, 3, 20], [0, 14, 14, 8, 8],
    ])
    func `the gradients of a transposed convolution are its transposes`(size: [Int]) {
        var numbers = SeededNumbers(seed: 43)
        let (inputs, outputs) = (size[3], size[4])
        let input = numbers.tensor(Array(size[..<4]))
        let weights = numbers.tensor([inputs, 4 * outputs])
        let output = compute.deconvolution(
            input, DeconvolutionWeights(rows: weights, bias: [Float](repeating: 0, count: outputs)))
        let gradient = numbers.tensor(output.shape)
        let windows = compute.deconvolutionWindows(gradient)
        #expect(windows.shape == [size[0] * size[1] * size[2], 4 * outputs])
        let inputGradient = compute.linear(windows, compute.transposedWeights(weights))
        GradientCheck.expectTranspose(
            of: output, gradient.elements, input.elements, gradient: inputGradient.elements, "input")
        let target = compute.zeros(weights.shape)
        compute.addLinearWeightGradient(input.reshaped([windows.shape[0], inputs]), windows, to: target)
        GradientCheck.expectTranspose(
            of: output, gradient.elements, weights.elements, gradient: target.elements, "weights")
    }

    @Test(arguments: [(17, 28, [2, 0, 2, 1]), (40, 3, [0]), (16, 1, [1, 1, 1]), (64, 14, [])])
    func `the gradients of single outputs are transposes, and go to these outputs' weights`(
        inputs: Int, side: Int, rows: [Int]
    ) {
        var numbers = SeededNumbers(seed: 44)
        let outputs = 4
        let input = numbers.tensor([rows.count, side, side, inputs])
        let weights = numbers.tensor([outputs, inputs])
        let output = compute.selectedLogits(
            input, RowWeights(weights: weights, bias: [Float](repeating: 0, count: outputs)), rows: rows)
        let gradient = numbers.tensor(output.shape)
        let (weightGradient, biasGradient) = (compute.zeros(weights.shape), compute.zeros([outputs]))
        let inputGradient = compute.selectedLogitsGradient(
            gradient, input: input, weights: weights, rows: rows, weightGradient: weightGradient,
            biasGradient: biasGradient)
        GradientCheck.expectTranspose(
            of: output, gradient.elements, input.elements, gradient: inputGradient.elements, "input")
        GradientCheck.expectTranspose(
            of: output, gradient.elements, weights.elements, gradient: weightGradient.elements, "weights")
        let area = side * side
        for row in 0..<outputs {
            let values = rows.indices.filter { rows[$0] == row }.flatMap {
                gradient.elements[$0 * area..<($0 + 1) * area]
            }
            let sum = values.reduce(0.0) { $0 + Double($1) }
            // Some thousand values below 1, added up in single precision.
            #expect(abs(Double(biasGradient.elements[row]) - sum) <= 1e-4)
            if values.isEmpty {
                #expect(weightGradient.part(row).elements.allSatisfy { $0 == 0 })
            }
        }
    }
}
