/// What operators run on: threads, and memory for their results.
public final class Compute: Sendable {
    public let workers: Workers
    public let pool: TensorPool

    /// - Parameter threads: Threads that compute, the caller among them; all processors where nil.
    public init(threads: Int? = nil) {
        workers = Workers(count: threads ?? Workers.available)
        pool = TensorPool()
        MatrixProduct.prepare()
    }
}
