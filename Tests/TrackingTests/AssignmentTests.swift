import RandomNumbers
import Testing

@testable import Tracking

@Suite struct AssignmentTests {
    /// The least sum of `cost - limit` over all one-to-one choices of pairs, by trying them all.
    private func bruteForce(_ costs: [Double], _ rows: Int, _ columns: Int, _ limit: Double) -> Double {
        func best(_ row: Int, _ free: Set<Int>) -> Double {
            guard row < rows else { return 0 }
            var least = best(row + 1, free)
            for column in free where costs[row * columns + column] < limit {
                let rest = best(row + 1, free.subtracting([column]))
                least = min(least, costs[row * columns + column] - limit + rest)
            }
            return least
        }
        return best(0, Set(0..<columns))
    }

    private func worth(_ assignment: Assignment, _ costs: [Double], _ columns: Int, _ limit: Double) -> Double {
        assignment.pairs.reduce(0) { $0 + costs[$1.row * columns + $1.column] - limit }
    }

    @Test(arguments: 0..<8)
    func `the assignment is as good as the best of all`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<60 {
            let (rows, columns) = (Int.random(in: 0...6, using: &random), Int.random(in: 0...6, using: &random))
            let limit = Double.random(in: 0...1.2, using: &random)
            // A coarse grid of costs makes ties, the worst case for the bookkeeping.
            let costs = (0..<(rows * columns)).map { _ in
                Int.random(in: 0..<8, using: &random) == 0
                    ? .infinity : Double(Int.random(in: 0...9, using: &random)) / 8
            }
            let assignment = Assignment(costs: costs, rows: rows, columns: columns, limit: limit)
            let found = worth(assignment, costs, columns, limit)
            #expect(abs(found - bruteForce(costs, rows, columns, limit)) < 1e-9)
            #expect(assignment.pairs.allSatisfy { costs[$0.row * columns + $0.column] < limit })
            #expect((assignment.pairs.map(\.row) + assignment.unmatchedRows).sorted() == Array(0..<rows))
            #expect((assignment.pairs.map(\.column) + assignment.unmatchedColumns).sorted() == Array(0..<columns))
        }
    }

    @Test func `the whole counts, not the best single pair`() {
        let assignment = Assignment(costs: [0.1, 0.2, 0.2, 0.9], rows: 2, columns: 2, limit: 1)
        #expect(assignment.pairs.map { [$0.row, $0.column] } == [[0, 1], [1, 0]])
    }

    @Test func `costs at or above the limit, infinite or not a number never pair`() {
        let assignment = Assignment(costs: [0.5, .infinity, .nan, 0.7], rows: 2, columns: 2, limit: 0.5)
        #expect(assignment.pairs.isEmpty)
        #expect(assignment.unmatchedRows == [0, 1])
        #expect(assignment.unmatchedColumns == [0, 1])
    }

    @Test func `a large matrix with one right answer is solved`() {
        var random = SplitMix64(seed: 3)
        let (rows, columns) = (150, 200)
        let answer = Array((0..<columns).shuffled(using: &random).prefix(rows))
        let costs = (0..<(rows * columns)).map { i in
            answer[i / columns] == i % columns ? 0.1 : Double.random(in: 0.3...1, using: &random)
        }
        let assignment = Assignment(costs: costs, rows: rows, columns: columns, limit: 0.9)
        #expect(assignment.pairs.map(\.column) == answer)
        #expect(assignment.unmatchedColumns.count == columns - rows)
    }

    @Test func `without rows or columns everything stays alone`() {
        #expect(Assignment(costs: [], rows: 0, columns: 3, limit: 1).unmatchedColumns == [0, 1, 2])
        #expect(Assignment(costs: [], rows: 2, columns: 0, limit: 1).unmatchedRows == [0, 1])
    }
}
