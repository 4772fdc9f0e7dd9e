import COpenBLAS

/// Products of row-major float matrices by OpenBLAS.
enum MatrixProduct {
    /// Keeps OpenBLAS from starting threads of its own: the work is split by `Workers`, one product a thread.
    static func prepare() {
        openblas_set_num_threads(1)
    }

    /// `c = a * b`, with `a` `[rows, inner]`, `b` `[inner, columns]` and `c` `[rows, columns]`; strides in floats.
    static func multiply(
        rows: Int, columns: Int, inner: Int, a: UnsafePointer<Float>, aStride: Int, b: UnsafePointer<Float>,
        bStride: Int, c: UnsafeMutablePointer<Float>, cStride: Int
    ) {
        guard rows > 0, columns > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(columns), blasint(inner), 1, a,
            blasint(aStride), b, blasint(bStride), 0, c, blasint(cStride))
    }
}
