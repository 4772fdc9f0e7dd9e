import Testing

@testable import Tensors

/// What goes element by element or column by column, against plain loops.
@Suite struct ElementGradientTests {
    private let compute = Compute(threads: 2)

    @Test(
        arguments: [[1, 1], [0, 40], [3, 17], [2, 5, 6, 40], [1500, 19]], [(true, true), (true, false), (false, true)])
    func `gradients pass where the output is above zero, times the column's scale`(
        shape: [Int], with: (relu: Bool, scale: Bool)
    ) {
        var numbers = SeededNumbers(seed: 71)
        let gradient = numbers.tensor(shape)
        // A third of them at zero, as a ReLU leaves them.
        let output = Tensor(numbers.tensor(shape).elements.map { max(0, $0 + 0.3) }, shape: shape)
        let columns = shape[shape.count - 1]
        let scale = numbers.tensor([columns])
        let masked = zip(gradient.elements, output.elements).map { with.relu && $1 <= 0 ? 0 : $0 }
        let expected = masked.enumerated().map { with.scale ? $1 * scale.elements[$0 % columns] : $1 }
        for keepsUnscaled in [true, false] {
            let (scaled, unscaled) = compute.activationGradient(
                gradient, output: with.relu ? output : nil, scale: with.scale ? scale : nil,
                keepsUnscaled: keepsUnscaled)
            #expect(scaled.elements == expected && scaled.shape == shape)
            #expect(unscaled?.elements == (keepsUnscaled ? masked : nil))
        }
    }

    @Test func `without activation and scale the gradient passes as it is`() {
        let gradient = Tensor([1, -2], shape: [1, 2])
        let (scaled, unscaled) = compute.activationGradient(gradient, output: nil, scale: nil, keepsUnscaled: true)
        #expect(scaled === gradient && unscaled === gradient)
    }

    @Test func `an output that is not a number passes no gradient`() {
        let (values, _) = compute.activationGradient(
            Tensor([Float](repeating: 1, count: 40), shape: [2, 20]),
            output: Tensor((0..<40).map { $0 % 3 == 0 ? .nan : 1 }, shape: [2, 20]), scale: nil, keepsUnscaled: false)
        #expect(values.elements == (0..<40).map { $0 % 3 == 0 ? 0 : 1 })
    }

    @Test(arguments: [(0, 5), (1, 17), (255, 40), (257, 16), (3000, 91), (200_003, 3)])
    func `the sums of columns are added, exactly enough for many rows`(rows: Int, columns: Int) {
        var numbers = SeededNumbers(seed: 72)
        let values = Tensor(numbers.floats(rows * columns, in: 0...1), shape: [rows, columns])
        let before = numbers.floats(columns, in: -1...1)
        let sums = Tensor(before, shape: [columns])
        compute.addColumnSums(values, to: sums)
        var expected = before.map(Double.init)
        for (place, value) in values.elements.enumerated() { expected[place % columns] += Double(value) }
        for (found, sum) in zip(sums.elements, expected) {
            // As if it were of 256 rows; added up in single precision, the last case would be wrong by a thousand times as much.
            #expect(abs(Double(found) - sum) <= 2e-6 * max(1, sum))
        }
    }

    @Test func `the sums of columns do not depend on the number of threads`() {
        var numbers = SeededNumbers(seed: 73)
        let values = numbers.tensor([10_000, 33])
        let sums = [1, 2, 3].map { threads -> [Float] in
            let sums = Tensor(zeros: [33])
            Compute(threads: threads).addColumnSums(values, to: sums)
            return sums.elements
        }
        #expect(sums[0] == sums[1] && sums[0] == sums[2])
    }

    @Test(arguments: [0, 1, 37, 65_536, 140_001])
    func `a step follows the velocity, of which momentum keeps a part, and takes the gradient`(count: Int) {
        var numbers = SeededNumbers(seed: 74)
        let (values, velocity) = (numbers.tensor([count]), Tensor(zeros: [count]))
        var (expectedValues, expectedVelocity) = (
            values.elements.map(Double.init), [Double](repeating: 0, count: count)
        )
        for rate: Float in [0.1, 0.02] {
            let gradient = numbers.tensor([count])
            let slopes = gradient.elements
            compute.momentumStep(
                values, gradient: gradient, velocity: velocity, rate: rate, momentum: 0.9, decay: 0.01, factor: 0.5)
            #expect(gradient.elements.allSatisfy { $0 == 0 })
            for (index, slope) in slopes.enumerated() {
                expectedVelocity[index] =
                    Double(Float(0.9)) * expectedVelocity[index] + 0.5 * Double(slope)
                    + Double(Float(0.01)) * expectedValues[index]
                expectedValues[index] -= Double(rate) * expectedVelocity[index]
            }
        }
        // A few roundings of numbers up to 1.
        #expect(zip(values.elements, expectedValues).allSatisfy { abs(Double($0) - $1) <= 5e-7 })
        #expect(zip(velocity.elements, expectedVelocity).allSatisfy { abs(Double($0) - $1) <= 5e-7 })
    }

    @Test(arguments: [0, 1, 19, 1024, 1040, 65_537, 300_007])
    func `squares are summed up in double precision`(count: Int) {
        var numbers = SeededNumbers(seed: 75)
        let values = numbers.tensor([count])
        let expected = GradientCheck.product(values.elements, values.elements)
        // Sums of at most 1024 squares are in single precision.
        #expect(abs(compute.sumOfSquares(values) - expected) <= 1e-6 * expected)
        #expect(compute.sumOfSquares(values) == Compute(threads: 1).sumOfSquares(values))
    }

    @Test func `values are added with a factor, cleared, and multiplied by columns`() {
        var numbers = SeededNumbers(seed: 76)
        let (values, sums) = (numbers.tensor([3, 50_001]), numbers.tensor([3, 50_001]))
        let expected = zip(sums.elements, values.elements).map { Double($0) - 0.25 * Double($1) }
        compute.add(values, times: -0.25, to: sums)
        #expect(zip(sums.elements, expected).allSatisfy { abs(Double($0) - $1) <= 2e-7 })
        compute.clear(sums)
        #expect(sums.elements.allSatisfy { $0 == 0 })
        let factors = numbers.floats(17, in: -1...1)
        let rows = numbers.tensor([9, 17])
        #expect(
            compute.scaledColumns(rows, factors).elements
                == rows.elements.enumerated().map { $1 * factors[$0 % 17] })
        // Three parts with six rows each, and factors of their own.
        let (parts, own) = (numbers.tensor([3, 6, 5]), numbers.floats(15, in: -1...1))
        #expect(
            compute.scaledColumns(parts, own).elements
                == parts.elements.enumerated().map { $1 * own[$0 / 30 * 5 + $0 % 5] })
    }
}
