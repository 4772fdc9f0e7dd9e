/// The best one-to-one assignment between the rows and columns of a cost matrix, with a limit above which nothing pairs.
///
/// A pair is worth `limit - cost`, and the assignment of the greatest total worth is chosen; so a row stays alone rather
/// than push two other pairs into a worse whole. This is what `lap.lapjv(extend_cost=True, cost_limit=limit)` answers,
/// without extending the matrix. Shortest augmenting paths with potentials: H. W. Kuhn, "The Hungarian method for the
/// assignment problem" (1955), in the O(n²m) form of Jonker and Volgenant (1987).
struct Assignment: Equatable {
    /// The pairs, by rising row.
    private(set) var pairs: [(row: Int, column: Int)] = []
    /// The rows that stay alone, rising.
    private(set) var unmatchedRows: [Int] = []
    /// The columns that stay alone, rising.
    private(set) var unmatchedColumns: [Int] = []

    /// Solves for `costs` `[rows, columns]`, row by row; a cost that is not a number below `limit` never pairs.
    init(costs: [Double], rows: Int, columns: Int, limit: Double) {
        precondition(costs.count == rows * columns, "one cost a pair")
        let transposed = rows > columns
        let (n, m) = transposed ? (columns, rows) : (rows, columns)
        // A worthless pair costs 0 and stands for "both alone", so that every short-side entry can always be assigned.
        var worth = [Double](repeating: 0, count: n * m)
        for i in 0..<n {
            for j in 0..<m {
                let cost = transposed ? costs[j * columns + i] : costs[i * columns + j]
                if cost < limit { worth[i * m + j] = max(cost, -1e12) - limit }
            }
        }
        let match = Self.solve(worth, rows: n, columns: m)
        var columnOfRow = [Int?](repeating: nil, count: rows)
        var taken = [Bool](repeating: false, count: columns)
        for i in 0..<n where worth[i * m + match[i]] < 0 {
            let (row, column) = transposed ? (match[i], i) : (i, match[i])
            columnOfRow[row] = column
            taken[column] = true
        }
        for row in 0..<rows {
            if let column = columnOfRow[row] { pairs.append((row, column)) } else { unmatchedRows.append(row) }
        }
        unmatchedColumns = (0..<columns).filter { !taken[$0] }
    }

    static func == (a: Assignment, b: Assignment) -> Bool {
        a.unmatchedRows == b.unmatchedRows && a.unmatchedColumns == b.unmatchedColumns
            && a.pairs.elementsEqual(b.pairs) { $0 == $1 }
    }

    /// The column of every row at the least total cost; `rows <= columns`, all costs finite.
    private static func solve(_ costs: [Double], rows n: Int, columns m: Int) -> [Int] {
        // Entry 0 of every array stands for "nothing yet"; rows and columns count from 1.
        var rowPotential = [Double](repeating: 0, count: n + 1)
        var columnPotential = [Double](repeating: 0, count: m + 1)
        var rowOfColumn = [Int](repeating: 0, count: m + 1)
        var previousColumn = [Int](repeating: 0, count: m + 1)
        for row in 0..<n {
            rowOfColumn[0] = row + 1
            var column = 0
            var slack = [Double](repeating: .infinity, count: m + 1)
            var visited = [Bool](repeating: false, count: m + 1)
            repeat {
                visited[column] = true
                let i = rowOfColumn[column]
                var delta = Double.infinity
                var next = 0
                for j in stride(from: 1, through: m, by: 1) where !visited[j] {
                    let reduced = costs[(i - 1) * m + j - 1] - rowPotential[i] - columnPotential[j]
                    if reduced < slack[j] {
                        slack[j] = reduced
                        previousColumn[j] = column
                    }
                    if slack[j] < delta {
                        delta = slack[j]
                        next = j
                    }
                }
                for j in 0...m {
                    if visited[j] {
                        rowPotential[rowOfColumn[j]] += delta
                        columnPotential[j] -= delta
                    } else {
                        slack[j] -= delta
                    }
                }
                column = next
            } while rowOfColumn[column] != 0
            while column != 0 {
                rowOfColumn[column] = rowOfColumn[previousColumn[column]]
                column = previousColumn[column]
            }
        }
        var match = [Int](repeating: 0, count: n)
        for j in stride(from: 1, through: m, by: 1) where rowOfColumn[j] != 0 { match[rowOfColumn[j] - 1] = j - 1 }
        return match
    }
}
