import CKernels
import Foundation
import Testing

@testable import Tensors

/// Products of 16-bit elements, against plain sums.
@Suite struct NarrowProductTests {
    /// Sizes that take every path through tiles, panels, groups of pairs and blocks.
    static let sizes = [(1, 1, 1), (5, 31, 33), (13, 64, 16), (50, 385, 33), (300, 1100, 70)]

    /// Whole numbers that look random and are the same everywhere.
    private func numbers(_ count: Int, in range: ClosedRange<Int>, seed: UInt64) -> [Int] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return range.lowerBound + Int(state >> 33) % range.count
        }
    }

    private func multiply(_ a: [Float], rows: Int, _ matrix: NarrowMatrix, epilogue: ck_epilogue = .none) -> [Float] {
        let (left, result) = (Tensor(a, shape: [rows, matrix.inner]), Tensor(zeros: [rows, matrix.columns]))
        let scratch = Tensor(zeros: [PackedMatrix.scratchCount])
        matrix.multiply(
            rows: rows, left.pointer, stride: matrix.inner, into: result.pointer, stride: matrix.columns,
            columns: 0..<matrix.columns, epilogue: epilogue, scratch: scratch.pointer)
        return result.elements
    }

    private func sums<Number: Numeric>(
        _ a: [Number], rows: Int, _ b: [Number], inner: Int, columns: Int
    ) -> [Number] {
        var result = [Number](repeating: .zero, count: rows * columns)
        for row in 0..<rows {
            for k in 0..<inner {
                for column in 0..<columns {
                    result[row * columns + column] += a[row * inner + k] * b[k * columns + column]
                }
            }
        }
        return result
    }

    @Test(arguments: sizes)
    func `a product of integers is exact`(rows: Int, inner: Int, columns: Int) {
        let a = numbers(rows * inner, in: -128...127, seed: 1)
        var b = numbers(inner * columns, in: -7...7, seed: 2)
        // The largest weight of each column is the largest of 16 bits, so that all of them are whole levels.
        for column in 0..<columns { b[column] = 32767 }
        let matrix = NarrowMatrix(
            integer: b.map(Float.init), inner: inner, columns: columns,
            range: ActivationRange(minimum: -128, maximum: 127))
        let found = multiply(a.map(Float.init), rows: rows, matrix)
        // No sum is above 2^24.
        #expect(found == sums(a, rows: rows, b, inner: inner, columns: columns).map(Float.init))
    }

    @Test(arguments: [Float(255), -255], [1, 100])
    func `the largest inputs and weights do not overflow`(end: Float, growth: Int) {
        let (rows, inner, columns) = (7, 4608, 17)
        let range = ActivationRange(minimum: min(end, 0), maximum: max(end, 0))
        let weights = (0..<inner * columns).map { $0 % columns < 9 ? Float(3) : -3 }
        let matrix = NarrowMatrix(
            integer: weights, inner: inner, columns: columns, range: range, growth: (growth, 0))
        let found = multiply([Float](repeating: end, count: rows * inner), rows: rows, matrix)
        for (index, found) in found.enumerated() {
            let expected = end * weights[index % columns] * Float(inner)
            // Half a level of a weight at the coarsest, where 32767 / 100 / 4608 levels are left.
            #expect(abs(found - expected) <= abs(expected) * (growth == 1 ? 0.001 : 0.03))
        }
    }

    @Test func `what is beyond the range becomes its end, and what is no number does no harm`() {
        let inner = 40
        let matrix = NarrowMatrix(
            integer: [Float](repeating: 1, count: inner), inner: inner, columns: 1,
            range: ActivationRange(minimum: -51, maximum: 204))
        for (value, expected) in [
            (Float(1e30), Float(204)), (-1e30, -51), (.infinity, 204), (-.infinity, -51), (205, 204), (-0.0, 0),
            (0.4, 0), (0.6, 1), (1.5, 2), (2.5, 2),
        ] {
            let found = multiply([Float](repeating: value, count: inner), rows: 1, matrix)
            #expect(abs(found[0] - expected * Float(inner)) < 0.01, "\(value)")
        }
        #expect(multiply([Float](repeating: .nan, count: inner), rows: 1, matrix)[0].isFinite)
    }

    @Test(arguments: sizes)
    func `a product of bfloat16 is that of the rounded numbers`(rows: Int, inner: Int, columns: Int) {
        func rounded(_ values: [Float]) -> [Double] {
            values.map { value in
                // Eight significant bits.
                let unit = value == 0 ? 1 : exp2(floor(log2(abs(Double(value)))) - 7)
                return (Double(value) / unit).rounded(.toNearestOrEven) * unit
            }
        }
        let a = numbers(rows * inner, in: -100_000...100_000, seed: 3).map { Float($0) / 1000 }
        let b = numbers(inner * columns, in: -100_000...100_000, seed: 4).map { Float($0) / 100_000 }
        let matrix = NarrowMatrix(bf16: b, inner: inner, columns: columns)
        let expected = sums(rounded(a), rows: rows, rounded(b), inner: inner, columns: columns)
        // Sums of so many products in single precision.
        let tolerance = 1e-5 * (expected.map(abs).max() ?? 0)
        for (found, expected) in zip(multiply(a, rows: rows, matrix), expected) {
            #expect(abs(Double(found) - expected) <= tolerance)
        }
    }

    @Test(arguments: [true, false])
    func `bias, residual and activation follow the sums`(isBF16: Bool) {
        let (rows, inner, columns) = (14, 600, 35)
        let a = numbers(rows * inner, in: 0...255, seed: 5).map { Float($0) }
        let b = numbers(inner * columns, in: -4...4, seed: 6).map { Float($0) }
        let bias = Tensor(numbers(columns, in: -500...500, seed: 7).map { Float($0) }, shape: [columns])
        let residual = Tensor(
            numbers(rows * columns, in: -500...500, seed: 8).map { Float($0) }, shape: [rows, columns])
        let matrix =
            isBF16
            ? NarrowMatrix(bf16: b, inner: inner, columns: columns)
            : NarrowMatrix(
                integer: b, inner: inner, columns: columns, range: ActivationRange(minimum: 0, maximum: 255))
        let plain = multiply(a, rows: rows, matrix)
        let whole = multiply(
            a, rows: rows, matrix, epilogue: ck_epilogue(bias: bias, residual: residual, activation: .relu))
        for index in 0..<rows * columns {
            let expected = max(0, plain[index] + bias.pointer[index % columns] + residual.pointer[index])
            // The order of three sums.
            #expect(abs(whole[index] - expected) <= 1e-5 * abs(plain[index]) + 1e-3)
        }
    }
}
