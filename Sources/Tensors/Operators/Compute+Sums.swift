import CKernels

extension Compute {
    /// Calls `body` with ranges of rows of `[blocks, ..., columns]`, counted from the first of all, on any of the threads; each lies in
    /// one block.
    ///
    /// - Parameter step: The most rows of a range; as many as stay near if not given.
    func forRows(
        _ tensor: Tensor, blocks: Int = 1, step: Int? = nil, _ body: (_ block: Int, _ rows: Range<Int>) -> Void
    ) {
        guard tensor.count > 0 else { return }
        let rows = tensor.count / (blocks * tensor.channels)
        let step = step ?? max(1, 20_000 / tensor.channels)
        let parts = rows.parts(of: step)
        workers.run(blocks * parts) { piece in
            let (block, first) = (piece / parts, piece % parts * step)
            body(block, block * rows + first..<block * rows + min(first + step, rows))
        }
    }

    /// Adds the sums of the columns of `[blocks, ..., columns]`, a block's to its own row of `[blocks, columns]`.
    ///
    /// - Parameter sums: `[columns]` where all is one block.
    public func addColumnSums(_ values: Tensor, to sums: Tensor) {
        let columns = values.channels
        addPartialSums(values, to: sums) { _, rows, partial in
            ck_add_column_sums(values.pointer + rows.lowerBound * columns, rows.count, columns, partial)
        }
    }

    /// Adds the sums of the columns of `a * (b - mean)`, `[blocks, ..., columns]` each, with means `[blocks, columns]`; of `(b - mean)²`
    /// where a is nil.
    func addCenteredProducts(_ a: Tensor?, _ b: Tensor, means: Tensor, to sums: Tensor) {
        let columns = b.channels
        precondition(a == nil || a!.count == b.count, "as many values")
        precondition(means.count == sums.count, "a mean a sum")
        addPartialSums(b, to: sums) { block, rows, partial in
            let place = rows.lowerBound * columns
            ck_add_centered_products(
                a.map { $0.pointer + place }, b.pointer + place, means.pointer + block * columns, rows.count, columns,
                partial)
        }
    }

    /// Adds up each block's rows, so many at a time in single precision, then all in double: few are exact enough, and the order does not
    /// depend on the number of threads.
    ///
    /// - Parameter body: Adds a block's rows, counted from the first of all, to its second argument.
    private func addPartialSums(
        _ values: Tensor, to sums: Tensor,
        _ body: (_ block: Int, _ rows: Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) {
        guard sums.count > 0 else { return }
        let columns = values.channels
        let blocks = sums.count / columns
        precondition(
            sums.count == blocks * columns && values.count.isMultiple(of: sums.count), "a sum a column of each block")
        let rows = values.count / sums.count
        let step = 256
        let parts = rows.parts(of: step)
        pool.withScratch(blocks * parts * columns) { partial in
            forRows(values, blocks: blocks, step: step) { block, range in
                let part = block * parts + (range.lowerBound - block * rows) / step
                let target = partial + part * columns
                target.update(repeating: 0, count: columns)
                body(block, range, target)
            }
            workers.run(blocks, step: 32) { range in
                for block in range {
                    for column in 0..<columns {
                        var total = 0.0
                        for part in block * parts..<(block + 1) * parts {
                            total += Double(partial[part * columns + column])
                        }
                        sums.pointer[block * columns + column] += Float(total)
                    }
                }
            }
        }
    }
}
