import Glibc
import Synchronization

/// Keeps the memory of tensors that are gone for those that come, so that a frame costs no allocation and no page fault.
///
/// The pool holds at most `limit` bytes of idle memory; beyond that, sizes that nobody asked for lately are freed first.
public final class TensorPool: Sendable {
    // Sendable: idle memory, which nobody but the pool refers to.
    private struct Block: @unchecked Sendable {
        var pointer: UnsafeMutablePointer<Float>
    }

    private struct State: Sendable {
        /// Blocks by their capacity in floats; no list is empty.
        var idle: [Int: [Block]] = [:]
        var idleBytes = 0
        /// When each capacity came back last, counted in returns.
        var lastReturn: [Int: UInt64] = [:]
        var returns: UInt64 = 0

        /// The smallest block that is large enough.
        mutating func take(_ needed: Int) -> (block: Block, capacity: Int)? {
            guard let capacity = idle.keys.filter({ $0 >= needed }).min(), let block = idle[capacity]?.popLast() else {
                return nil
            }
            if idle[capacity]?.isEmpty == true { idle[capacity] = nil }
            idleBytes -= capacity * MemoryLayout<Float>.stride
            return (block, capacity)
        }

        /// Frees a block of the capacity that has not come back for longest.
        mutating func evict() {
            guard let capacity = idle.keys.min(by: { lastReturn[$0, default: 0] < lastReturn[$1, default: 0] }),
                let block = idle[capacity]?.popLast()
            else { return }
            if idle[capacity]?.isEmpty == true {
                idle[capacity] = nil
                lastReturn[capacity] = nil
            }
            idleBytes -= capacity * MemoryLayout<Float>.stride
            free(block.pointer)
        }
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
        // A larger block does as well: what one frame's many objects needed serves the few of the next.
        guard let (block, held) = state.withLock({ $0.take(capacity) }) else {
            return Tensor(shape: shape, buffer: TensorBuffer(capacity: capacity, pool: self))
        }
        return Tensor(shape: shape, buffer: TensorBuffer(capacity: held, pool: self, recycled: block.pointer))
    }

    /// Takes memory back; false where it is more than the pool may hold, and is to be freed.
    func recycle(_ pointer: UnsafeMutablePointer<Float>, capacity: Int) -> Bool {
        let bytes = capacity * MemoryLayout<Float>.stride
        let block = Block(pointer: pointer)
        guard bytes <= limit else { return false }
        state.withLock { state in
            state.returns += 1
            state.lastReturn[capacity] = state.returns
            while state.idleBytes + bytes > limit { state.evict() }
            state.idle[capacity, default: []].append(block)
            state.idleBytes += bytes
        }
        return true
    }

    /// Lends memory for the length of a call.
    func withScratch(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
        let tensor = tensor([count])
        withExtendedLifetime(tensor) { body(tensor.pointer) }
    }

    /// Sizes in steps of an eighth of the power of two below, so that tensors of nearly the same size share memory.
    private static func capacity(for count: Int) -> Int {
        let count = max(count, 1024)
        let step = max(256, 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount - 3))
        return count.roundedUp(to: step)
    }
}
