import CKernels
import COpenBLAS

/// Products of which both sides come as rows and the left one is transposed, as gradients of weights are.
enum TransposedProduct {
    private static let usesOpenBLAS = PackedMatrix.engine == "openblas"

    /// `c += transpose(a) * b` by one thread, with a `[inner, rows]`, b `[inner, columns]`, c `[rows, columns]`; strides are in floats.
    static func add(
        _ a: UnsafePointer<Float>, stride aStride: Int, _ b: UnsafePointer<Float>, stride bStride: Int, inner: Int,
        rows: Int, columns: Int, to c: UnsafeMutablePointer<Float>, stride cStride: Int, _ pool: TensorPool
    ) {
        guard inner > 0, rows > 0, columns > 0 else { return }
        guard !usesOpenBLAS else {
            return cblas_sgemm(
                CblasRowMajor, CblasTrans, CblasNoTrans, blasint(rows), blasint(columns), blasint(inner), 1, a,
                blasint(aStride), b, blasint(bStride), 1, c, blasint(cStride))
        }
        // As many rows and columns at once as stay in the second cache together with their sums.
        let (rowStep, columnStep) = (384, 512)
        pool.withScratch(ck_transposed_scratch_count(min(rows, rowStep), min(columns, columnStep))) { scratch in
            for column in stride(from: 0, to: columns, by: columnStep) {
                for row in stride(from: 0, to: rows, by: rowStep) {
                    ck_add_transposed_product(
                        a + row, aStride, b + column, bStride, inner, min(rowStep, rows - row),
                        min(columnStep, columns - column), c + row * cStride + column, cStride, scratch)
                }
            }
        }
    }
}
