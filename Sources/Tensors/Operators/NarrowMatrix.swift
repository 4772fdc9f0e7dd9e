import CKernels

/// The right side of products of 16-bit elements, laid out once for the kernels of this processor.
struct NarrowMatrix: Sendable {
    let inner: Int
    let columns: Int
    /// How the left side becomes 16 bits.
    let narrowing: ck_narrowing
    private let packed: Tensor
    /// `[columns]` up to whole panels; of integers alone.
    private let scales: Tensor?

    /// Whether the processor has instructions for bfloat16; products are right without, but slower than in single precision.
    static var hasBFloat16: Bool { ck_has_bf16() != 0 }
    static var hasIntegers: Bool { ck_has_int16() != 0 }

    /// Rounds a row-major matrix to bfloat16.
    init(bf16 values: UnsafePointer<Float>, inner: Int, columns: Int) {
        let elements = (0..<inner * columns).map { index in
            let bits = values[index].bitPattern
            // To the nearest, ties to even; weights are finite.
            return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16)
        }
        self.init(
            elements, inner: inner, columns: columns,
            narrowing: ck_narrowing(is_bf16: 1, factor: 1, low: 0, high: 0), scales: nil)
    }

    /// Rounds each column of a row-major matrix to as many levels as no sum of products can overflow with.
    ///
    /// - Parameters:
    ///   - range: Of the left side.
    ///   - growth: How far the left side is from the levels that it is rounded to: the sums of the positive and of the negative
    ///     factors that a linear map of the levels has; 1 and 0 where there is none.
    init(
        integer values: UnsafePointer<Float>, inner: Int, columns: Int, range: ActivationRange,
        growth: (positive: Int, negative: Int) = (1, 0)
    ) {
        let (low, high) = (-range.lowest, range.highest)
        let greatest = max(
            growth.positive * high + growth.negative * low, growth.positive * low + growth.negative * high)
        precondition((1...Int(Int16.max)).contains(greatest), "the left side fits into 16 bits")
        // The sum of a column's absolute values must not be above this; rounding adds at most a half to each.
        let budget = Double(Int(Int32.max) / greatest) - Double(inner) / 2
        precondition(budget >= 1, "an inner dimension that 32 bits suffice for")
        var (sums, peaks) = ([Double](repeating: 0, count: columns), [Double](repeating: 0, count: columns))
        for k in 0..<inner {
            for column in 0..<columns {
                let size = Double(abs(values[k * columns + column]))
                sums[column] += size
                peaks[column] = max(peaks[column], size)
            }
        }
        // What one level of a column's weights stands for.
        let steps = zip(sums, peaks).map { sum, peak in
            let step = max(sum / budget, peak / Double(Int16.max))
            return step > 0 ? step : 1
        }
        var elements = [UInt16](repeating: 0, count: inner * columns)
        for k in 0..<inner {
            for column in 0..<columns {
                let level = (Double(values[k * columns + column]) / steps[column]).rounded(.toNearestOrEven)
                elements[k * columns + column] = UInt16(bitPattern: Int16(level))
            }
        }
        self.init(
            elements, inner: inner, columns: columns,
            narrowing: ck_narrowing(
                is_bf16: 0, factor: 1 / range.step, low: Int32(range.lowest), high: Int32(range.highest)),
            scales: steps.map { Float($0 * Double(range.step)) })
    }

    private init(_ elements: [UInt16], inner: Int, columns: Int, narrowing: ck_narrowing, scales: [Float]?) {
        self.inner = inner
        self.columns = columns
        self.narrowing = narrowing
        packed = Tensor(zeros: [ck_packed_count(ck_pair_count(inner), columns)])
        ck_pack_narrow(elements, inner, columns, packed.pointer)
        let whole = columns.roundedUp(to: PackedMatrix.columnStep)
        self.scales = scales.map {
            Tensor($0 + [Float](repeating: 0, count: whole - columns), shape: [whole])
        }
    }

    /// As `PackedMatrix.multiply` does it.
    func multiply(
        rows: Int, _ a: UnsafePointer<Float>, stride aStride: Int, into c: UnsafeMutablePointer<Float>,
        stride cStride: Int, columns range: Range<Int>, epilogue: ck_epilogue, scratch: UnsafeMutablePointer<Float>
    ) {
        var (weights, epilogue) = (weights(from: range.lowerBound), epilogue)
        ck_multiply_narrow(
            rows, range.count, inner, a, aStride, &weights, c, cStride, &epilogue, scratch)
    }

    /// The same for rows that are packed already.
    func multiply(
        rows: Int, packed a: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, stride cStride: Int,
        epilogue: ck_epilogue
    ) {
        var (weights, epilogue) = (weights(from: 0), epilogue)
        ck_multiply_narrow_packed(rows, columns, inner, a, &weights, c, cStride, &epilogue)
    }

    private func weights(from column: Int) -> ck_narrow_weights {
        ck_narrow_weights(
            narrowing: narrowing, packed: UnsafePointer(packed.pointer + column * ck_pair_count(inner)),
            scales: scales.map { UnsafePointer($0.pointer + column) })
    }
}
