import COpenBLAS

/// Products of which both sides come as rows and the left one is transposed, as gradients of weights are.
enum TransposedProduct {
    /// `c += transpose(a) * b` by one thread, with a `[inner, rows]`, b `[inner, columns]`, c `[rows, columns]`; strides are in floats.
    static func add(
        _ a: UnsafePointer<Float>, stride aStride: Int, _ b: UnsafePointer<Float>, stride bStride: Int, inner: Int,
        rows: Int, columns: Int, to c: UnsafeMutablePointer<Float>, stride cStride: Int
    ) {
        cblas_sgemm(
            CblasRowMajor, CblasTrans, CblasNoTrans, blasint(rows), blasint(columns), blasint(inner), 1, a,
            blasint(aStride), b, blasint(bStride), 1, c, blasint(cStride))
    }
}
