import CKernels
import Locks

/// What this machine's processors can do at most (Williams, Waterman and Patterson, Roofline, 2009).
public struct Roofline: Sendable {
    /// Single-precision additions and multiplications a second, of all threads.
    public var operations: Double
    /// The same of 16-bit elements, in the arithmetic asked for.
    public var narrowOperations: Double
    /// Bytes a second that all threads read and write in memory.
    public var bandwidth: Double

    /// The seconds that an operator takes at least.
    public func seconds(_ cost: OperatorCost) -> Double {
        max(cost.operations / (cost.isNarrow ? narrowOperations : operations), cost.bytes / bandwidth)
    }
}

extension Compute {
    /// Measures the machine for less than a second: the best of several tries on all threads.
    ///
    /// - Parameter isBF16: Whether 16-bit elements are bfloat16 rather than integers.
    public func roofline(isBF16: Bool = false) -> Roofline {
        let count = workers.count
        func rate(_ amount: () -> Double) -> Double {
            var best = 0.0
            for _ in 0..<8 {
                let start = ContinuousClock.now
                let done = amount()
                let time = ContinuousClock.now - start
                best = max(best, done / time.inSeconds)
            }
            return best
        }
        let rounds = 10_000_000
        let operations = rate {
            workers.run(count) { _ in ck_multiply_registers(rounds) }
            return 2 * Double(rounds * count * PackedMatrix.rowStep * PackedMatrix.columnStep)
        }
        let narrowOperations = rate {
            workers.run(count) { _ in ck_multiply_narrow_cached(rounds, isBF16 ? 1 : 0) }
            return 4 * Double(rounds * count * PackedMatrix.rowStep * PackedMatrix.columnStep)
        }
        // Larger than the caches.
        let values = 16 << 20
        let (source, target) = (Tensor(zeros: [values]), Tensor(zeros: [values]))
        let bandwidth = rate {
            workers.run(values, step: values.parts(of: count)) { range in
                (target.pointer + range.lowerBound).update(from: source.pointer + range.lowerBound, count: range.count)
            }
            return Double(2 * values * MemoryLayout<Float>.stride)
        }
        return Roofline(operations: operations, narrowOperations: narrowOperations, bandwidth: bandwidth)
    }
}
