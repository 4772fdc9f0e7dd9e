import Glibc
import Synchronization

/// Keeps the memory of tensors that are gone for those that come, so that a frame costs no allocation and no page fault.
///
/// The pool holds at most `limit` bytes of idle memory; what comes back beyond that is freed.
public final class TensorPool: Sendable {
    private struct Block: @unchecked Sendable {
        var pointer: UnsafeMutablePointer<Float>
    }

    private struct State: Sendable {
        var idle: [Int: [Block]] = [:]
        var idleBytes = 0
    }

    private let state = Mutex(State())
    private let limit: Int

    /// - Parameter limit: Bytes of idle memory that are kept at most.
    public init(limit: Int = 1 << 30) {
        self.limit = limit
    }

    deinit {
        state.withLock { state in
            for block in state.idle.values.joined() { free(block.pointer) }
        }
    }

    /// A tensor whose elements are undefined.
    public func tensor(_ shape: [Int]) -> Tensor {
        let capacity = Self.capacity(for: shape.reduce(1, *))
        let block = state.withLock { state -> Block? in
            guard let block = state.idle[capacity]?.popLast() else { return nil }
            state.idleBytes -= capacity * MemoryLayout<Float>.stride
            return block
        }
        return Tensor(shape: shape, buffer: TensorBuffer(capacity: capacity, pool: self, recycled: block?.pointer))
    }

    /// Takes memory back; false where the pool is full and the memory is to be freed.
    func recycle(_ pointer: UnsafeMutablePointer<Float>, capacity: Int) -> Bool {
        let bytes = capacity * MemoryLayout<Float>.stride
        let block = Block(pointer: pointer)
        return state.withLock { state in
            guard state.idleBytes + bytes <= limit else { return false }
            state.idle[capacity, default: []].append(block)
            state.idleBytes += bytes
            return true
        }
    }

    /// Sizes in steps of an eighth of the power of two below, so that tensors of nearly the same size share memory.
    private static func capacity(for count: Int) -> Int {
        let count = max(count, 1024)
        let step = max(256, 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount - 3))
        return (count + step - 1) / step * step
    }
}
