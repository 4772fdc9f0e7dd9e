import CKernels
import COpenBLAS
import Foundation

/// The right side of products, laid out once for the kernels of this processor.
///
/// With `SEGMENTD_SIMD=openblas` in the environment products in single precision go through OpenBLAS, the reference that the kernels are
/// tested against.
struct PackedMatrix: Sendable {
    let inner: Int
    let columns: Int

    enum Layout: Sendable {
        /// The matrix as it is, for OpenBLAS.
        case plain(Tensor)
        /// Panels of floats.
        case single(Tensor)
        /// Panels of 16-bit elements.
        case narrow(NarrowMatrix)
    }

    let layout: Layout

    /// What products run on: an instruction set of the kernels, or `openblas`.
    static let engine: String =
        ProcessInfo.processInfo.environment["SEGMENTD_SIMD"] == "openblas"
        ? "openblas" : String(cString: ck_simd_name())

    /// Keeps OpenBLAS from starting threads of its own: the work is split by `Workers`, one product a thread.
    static func prepare() {
        openblas_set_num_threads(1)
    }

    /// Lays out a row-major matrix.
    ///
    /// - Parameters:
    ///   - arithmetic: What products are computed in.
    ///   - growth: See `NarrowMatrix`; of integers alone.
    ///   - compute: Whose threads do it and whose pool the result is of; the caller alone, with memory of its own, where nil.
    init(
        _ values: UnsafePointer<Float>, inner: Int, columns: Int, arithmetic: Arithmetic = .single,
        growth: (positive: Int, negative: Int) = (1, 0), compute: Compute? = nil
    ) {
        self.inner = inner
        self.columns = columns
        switch arithmetic {
        case .single where Self.engine == "openblas":
            let storage = compute?.pool.tensor([inner, columns]) ?? Tensor(zeros: [inner, columns])
            storage.pointer.update(from: values, count: inner * columns)
            layout = .plain(storage)
        case .single:
            let shape = [ck_packed_count(inner, columns)]
            let storage = compute?.pool.tensor(shape) ?? Tensor(zeros: shape)
            let pack = { (panel: Range<Int>) in
                let first = panel.lowerBound * Self.columnStep
                ck_pack(
                    values + first, inner, min(panel.count * Self.columnStep, columns - first), columns,
                    storage.pointer + first * inner)
            }
            let panels = columns.parts(of: Self.columnStep)
            if let compute {
                // Some ten thousand values each.
                compute.workers.run(panels, step: max(1, 20_000 / max(1, inner * Self.columnStep)), pack)
            } else {
                pack(0..<panels)
            }
            layout = .single(storage)
        case .bf16:
            layout = .narrow(NarrowMatrix(bf16: values, inner: inner, columns: columns))
        case .integer(let range):
            layout = .narrow(
                NarrowMatrix(integer: values, inner: inner, columns: columns, range: range, growth: growth))
        }
    }

    /// Floats that the packed form of a row takes on the left side.
    var packedInner: Int {
        switch layout {
        case .plain, .single: inner
        case .narrow: ck_pair_count(inner)
        }
    }

    /// Whether products are of 16-bit elements.
    var isNarrow: Bool {
        if case .narrow = layout { true } else { false }
    }

    /// Bytes of the matrix's elements.
    var bytes: Int {
        inner * columns * (isNarrow ? MemoryLayout<Int16>.stride : MemoryLayout<Float>.stride)
    }

    /// Products can be cut at columns that are multiples of this.
    static var columnStep: Int { ck_panel_width() }

    /// Rows are computed in tiles of so many.
    static var rowStep: Int { ck_tile_rows() }

    /// Floats of scratch memory that a product needs.
    static var scratchCount: Int { ck_scratch_count() }

    /// `c = epilogue(a * matrix)` for some of the columns.
    ///
    /// - Parameters:
    ///   - rows: Rows of `a` and `c`; strides are in floats.
    ///   - range: The columns to compute, beginning at a multiple of `columnStep`; all where nil. `c` and the epilogue's pointers
    ///     are those of the first.
    ///   - scratch: `scratchCount` floats that no other thread uses meanwhile.
    func multiply(
        rows: Int, _ a: UnsafePointer<Float>, stride aStride: Int, into c: UnsafeMutablePointer<Float>,
        stride cStride: Int, columns range: Range<Int>? = nil, epilogue: ck_epilogue,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let range = range ?? 0..<columns
        guard rows > 0, !range.isEmpty else { return }
        var epilogue = epilogue
        switch layout {
        case .plain(let storage):
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(range.count), blasint(inner), 1, a,
                blasint(aStride), storage.pointer + range.lowerBound, blasint(columns), 0, c, blasint(cStride))
            ck_apply_epilogue(c, rows, range.count, cStride, &epilogue)
        case .single(let storage):
            ck_multiply(
                rows, range.count, inner, a, aStride, storage.pointer + range.lowerBound * inner, c, cStride, &epilogue,
                scratch)
        case .narrow(let matrix):
            matrix.multiply(
                rows: rows, a, stride: aStride, into: c, stride: cStride, columns: range, epilogue: epilogue,
                scratch: scratch)
        }
    }

    /// The same for rows that are packed already, `packedInner` floats for each of a whole number of tiles.
    func multiply(
        rows: Int, packed a: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, stride cStride: Int,
        epilogue: ck_epilogue
    ) {
        var epilogue = epilogue
        switch layout {
        case .plain: preconditionFailure("OpenBLAS packs by itself")
        case .single(let storage):
            ck_multiply_packed(rows, columns, inner, a, storage.pointer, c, cStride, &epilogue)
        case .narrow(let matrix):
            matrix.multiply(rows: rows, packed: a, into: c, stride: cStride, epilogue: epilogue)
        }
    }

    /// Floats of scratch memory that a product of so many of a convolution's windows needs.
    func scratchCount(windows: Int) -> Int {
        switch layout {
        case .single: Self.scratchCount
        case .plain, .narrow: windows * inner + Self.scratchCount
        }
    }

    /// The same for a convolution's windows, those of the output pixels in `range`.
    ///
    /// - Parameters:
    ///   - channels: The group's channels, which begin at `offset`.
    ///   - scratch: As many floats as `scratchCount(windows:)` says.
    func multiply(
        _ window: ck_window, range: Range<Int>, offset: Int, channels: Int, into c: UnsafeMutablePointer<Float>,
        stride cStride: Int, epilogue: ck_epilogue, scratch: UnsafeMutablePointer<Float>
    ) {
        var (window, kernelEpilogue) = (window, epilogue)
        switch layout {
        case .single(let storage):
            ck_multiply_windows(
                &window, range.lowerBound, range.count, offset, channels, columns, storage.pointer, c, cStride,
                &kernelEpilogue, scratch)
        case .plain, .narrow:
            ck_unfold(&window, range.lowerBound, range.count, offset, channels, scratch)
            multiply(
                rows: range.count, scratch, stride: inner, into: c, stride: cStride, epilogue: epilogue,
                scratch: scratch + range.count * inner)
        }
    }
}

extension ck_epilogue {
    /// Nothing but the sums.
    static var none: ck_epilogue { ck_epilogue(bias: nil, residual: nil, relu: 0) }

    init(bias: Tensor?, column: Int = 0, residual: Tensor? = nil, place: Int = 0, activation: Activation) {
        self.init(
            bias: bias.map { UnsafePointer($0.pointer + column) },
            residual: residual.map { UnsafePointer($0.pointer + place) }, relu: activation == .relu ? 1 : 0)
    }
}
