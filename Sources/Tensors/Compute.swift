import CKernels

/// What operators run on: threads, and memory for their results.
public final class Compute: Sendable {
    public let workers: Workers
    public let pool: TensorPool

    /// What products run on: kernels, by their instruction set (`avx512bf16`, `avx512vnni`, `avx512`, `avxvnni`, `avx2` or `portable`), or
    /// `openblas`.
    public static var engine: String { PackedMatrix.engine }

    /// The names that `SEGMENTD_SIMD` may have in the environment on this processor, the best first.
    public static var engines: [String] {
        var names: [String] = []
        while let name = ck_simd_at(Int32(names.count)) { names.append(String(cString: name)) }
        return names + ["openblas"]
    }

    /// Whether the processor has instructions for products of bfloat16.
    public static var hasBFloat16: Bool { NarrowMatrix.hasBFloat16 }

    /// Whether the processor has instructions for products of 16-bit integers.
    public static var hasIntegers: Bool { NarrowMatrix.hasIntegers }

    /// - Parameter threads: Threads that compute, the caller among them; all processors where nil.
    public init(threads: Int? = nil) {
        workers = Workers(count: threads ?? Workers.available)
        pool = TensorPool()
        PackedMatrix.prepare()
    }
}
