import CKernels
import COpenBLAS
import Foundation

/// The right side of products, laid out once for the kernels of this processor.
///
/// With `SEGMENTD_SIMD=openblas` in the environment products go through OpenBLAS, the reference that the kernels are tested against.
struct PackedMatrix: Sendable {
    let inner: Int
    let columns: Int
    private let storage: Tensor
    /// Whether the storage is the plain matrix, for OpenBLAS.
    let isPlain: Bool

    /// What products run on: an instruction set of the kernels, or `openblas`.
    static let engine: String =
        ProcessInfo.processInfo.environment["SEGMENTD_SIMD"] == "openblas"
        ? "openblas" : String(cString: ck_simd_name())

    /// Keeps OpenBLAS from starting threads of its own: the work is split by `Workers`, one product a thread.
    static func prepare() {
        openblas_set_num_threads(1)
    }

    /// Lays out a row-major matrix.
    init(_ values: UnsafePointer<Float>, inner: Int, columns: Int, onOpenBLAS: Bool = engine == "openblas") {
        self.inner = inner
        self.columns = columns
        isPlain = onOpenBLAS
        if isPlain {
            storage = Tensor(zeros: [inner, columns])
            storage.pointer.update(from: values, count: inner * columns)
        } else {
            storage = Tensor(zeros: [ck_packed_count(inner, columns)])
            ck_pack(values, inner, columns, columns, storage.pointer)
        }
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
        if isPlain {
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(range.count), blasint(inner), 1, a,
                blasint(aStride), storage.pointer + range.lowerBound, blasint(columns), 0, c, blasint(cStride))
            ck_apply_epilogue(c, rows, range.count, cStride, &epilogue)
        } else {
            ck_multiply(
                rows, range.count, inner, a, aStride, storage.pointer + range.lowerBound * inner, c, cStride, &epilogue,
                scratch)
        }
    }

    /// The same for rows that are packed already, `inner` floats for each of a whole number of tiles.
    func multiply(
        rows: Int, packed a: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, stride cStride: Int,
        epilogue: ck_epilogue
    ) {
        precondition(!isPlain, "OpenBLAS packs by itself")
        var epilogue = epilogue
        ck_multiply_packed(rows, columns, inner, a, storage.pointer, c, cStride, &epilogue)
    }

    /// The same for a convolution's windows, those of the output pixels in `range`.
    ///
    /// - Parameters:
    ///   - channels: The group's channels, which begin at `offset`.
    ///   - scratch: `scratchCount` floats, and `inner` more a pixel for OpenBLAS.
    func multiply(
        _ window: ck_window, range: Range<Int>, offset: Int, channels: Int, into c: UnsafeMutablePointer<Float>,
        stride cStride: Int, epilogue: ck_epilogue, scratch: UnsafeMutablePointer<Float>
    ) {
        var (window, kernelEpilogue) = (window, epilogue)
        if isPlain {
            ck_unfold(&window, range.lowerBound, range.count, offset, channels, scratch)
            multiply(
                rows: range.count, scratch, stride: inner, into: c, stride: cStride, epilogue: epilogue,
                scratch: scratch)
        } else {
            ck_multiply_windows(
                &window, range.lowerBound, range.count, offset, channels, columns, storage.pointer, c, cStride,
                &kernelEpilogue, scratch)
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
