import Foundation
import Testing

@testable import Tensors

/// What is done to boxes and their scores, against plain loops.
@Suite struct BoxKernelTests {
    private let compute = Compute(threads: 2)
    private var numbers = SeededNumbers(seed: 11)

    @Test func `the sigmoid is right to some units in the last place, from where it is 0 to where it is 1`() {
        var values = (0..<4001).map { Float($0 - 2000) * 0.05 }
        let expected = values.map { 1 / (1 + Foundation.exp(-Double($0))) }
        values.withUnsafeMutableBufferPointer { BoxKernels.sigmoid($0) }
        for (found, expected) in zip(values, expected) {
            // The units of the exponential, the sum and the quotient. Where the exponential is infinite, the sigmoid is 0.
            #expect(abs(Double(found) - expected) <= 3e-7 * expected + 3e-39)
        }
    }

    @Test func `the sigmoid of what is no finite number is its limit`() {
        var values: [Float] = [.infinity, -.infinity, .nan, .greatestFiniteMagnitude, -.greatestFiniteMagnitude]
        values.withUnsafeMutableBufferPointer { BoxKernels.sigmoid($0) }
        #expect(values[0] == 1 && values[1] == 0 && values[2].isNaN && values[3] == 1 && values[4] == 0)
    }

    @Test(arguments: [1, 2, 7, 8, 33, 91]) func `the softmax of every row is its own`(columns: Int) {
        var numbers = numbers
        let logits = numbers.floats(5 * columns, in: -120...20)
        let found = compute.softmax(Tensor(logits, shape: [5, columns])).elements
        for row in 0..<5 {
            let values = logits[row * columns..<(row + 1) * columns].map(Double.init)
            let greatest = values.max() ?? 0
            let sum = values.reduce(0) { $0 + Foundation.exp($1 - greatest) }
            for (column, value) in values.enumerated() {
                let expected = Foundation.exp(value - greatest) / sum
                // Rounding of the logits' difference grows with it.
                #expect(abs(Double(found[row * columns + column]) - expected) <= 1e-5 * expected + 1e-44)
            }
        }
    }

    @Test(arguments: [0, 1, 7, 16, 45]) func `boxes are decoded and cut as in double precision`(count: Int) {
        var numbers = numbers
        let deltas = numbers.floats(4 * count, in: -3...5)
        let references = (0..<count).flatMap { _ in
            let (x, y) = (numbers.float(in: 0...80), numbers.float(in: 0...50))
            return [x, y, x + numbers.float(in: 1...60), y + numbers.float(in: 1...60)]
        }
        var boxes = [Float](repeating: -1, count: 4 * count + 1)
        BoxKernels.decode(
            deltas, references, count: count, centerWeight: 10, sizeWeight: 5, greatestGrowth: 0.8, height: 60,
            width: 100, into: &boxes)
        for index in 0..<count {
            let (d, r) = (deltas[4 * index..<4 * index + 4].map(Double.init), references[4 * index..<4 * index + 4])
            let edges = r.map(Double.init)
            for (axis, limit) in [(0, 100.0), (1, 60.0)] {
                let length = edges[axis + 2] - edges[axis]
                let center = edges[axis] + length / 2 + d[axis] / 10 * length
                let half = Foundation.exp(min(d[axis + 2] / 5, 0.8)) * length / 2
                // A few roundings of numbers below 200.
                #expect(abs(Double(boxes[4 * index + axis]) - min(max(center - half, 0), limit)) < 1e-4)
                #expect(abs(Double(boxes[4 * index + axis + 2]) - min(max(center + half, 0), limit)) < 1e-4)
            }
        }
        #expect(boxes[4 * count] == -1)
    }

    @Test func `an overlap is found at every place of a vector, and only above the limit`() {
        for count in 0...70 {
            var columns = BoxColumns(capacity: 1)
            for index in 0..<count {
                columns.append(Float(20 * index), 5, Float(20 * index + 10), 15)
            }
            for index in 0..<count {
                // Half of the height: 50 of 150.
                let x = Float(20 * index)
                #expect(columns.overlaps(x, 10, x + 10, 20, limit: (1 / Float(3)).nextDown))
                #expect(!columns.overlaps(x, 10, x + 10, 20, limit: 1 / 3))
            }
            #expect(!columns.overlaps(0, 15, 2000, 20, limit: 0))
            #expect(columns.count == count)
        }
    }

    @Test func `a box without area overlaps nothing`() {
        var columns = BoxColumns(capacity: 4)
        for _ in 0..<20 { columns.append(5, 5, 5, 5) }
        #expect(!columns.overlaps(5, 5, 5, 5, limit: 0))
    }

    @Test(arguments: [(0, 3), (1, 1), (10, 4), (1000, 1000), (5000, 300), (5000, 6000), (4000, 1)])
    func `the best come in order, and equals in theirs`(count: Int, wanted: Int) {
        var numbers = numbers
        // Few different values, so that many are equal, the last of the best among them.
        for range in [Float(-3)...3, 0.5...0.5001, -1...(-0.99)] {
            let values = numbers.floats(count, in: range).map { ($0 * 64).rounded() / 64 }
            let expected = values.indices.sorted { (values[$0], $1) > (values[$1], $0) }.prefix(wanted)
            #expect(values.withUnsafeBufferPointer { Ranking.best(wanted, of: $0) } == Array(expected))
        }
    }

    @Test func `values that differ in their last bits only are ranked by them`() {
        let values = (0..<3000).map { Float(bitPattern: Float(1).bitPattern + UInt32($0 * 7919 % 3001)) }
        let expected = values.indices.sorted { values[$0] > values[$1] }.prefix(50)
        #expect(values.withUnsafeBufferPointer { Ranking.best(50, of: $0) } == Array(expected))
    }

    @Test func `both zeros are equal, and what is not a number comes last`() {
        let values: [Float] = [.nan, -0.0, 0, -.infinity, 1, -0.0, .infinity, -1]
        #expect(Ranking.descending(values) == [6, 4, 1, 2, 5, 7, 3, 0])
    }
}
