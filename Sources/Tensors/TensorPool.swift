import Glibc
import Synchronization

/// Keeps the memory of tensors that are gone for those that come, so that a frame costs no allocation and no page fault.
///
/// The pool holds at most `limit` bytes of idle memory; beyond that, sizes that nobody asked for lately are freed first.
public final class TensorPool: Sendable {
    // Sendable: memory that nobody else refers to.
    private struct Block: @unchecked Sendable {
        var pointer: UnsafeMutablePointer<Float>
        /// Floats.
        var capacity: Int
    }

    /// Idle blocks of one size.
    private struct Shelf: Sendable {
        /// Floats of each block.
        let capacity: Int
        var blocks: [Block] = []
        /// When a block came back last, counted in returns.
        var lastReturn: UInt64 = 0
    }

    private struct State: Sendable {
        /// By ascending capacity. Empty ones stay, since their size will be asked for again; there are eight for each power of two.
        var shelves: [Shelf] = []
        var idleBytes = 0
        var returns: UInt64 = 0

        /// The place of the first shelf whose blocks are large enough.
        func firstShelf(_ capacity: Int) -> Int {
            var (low, high) = (0, shelves.count)
            while low < high {
                let middle = (low + high) / 2
                if shelves[middle].capacity < capacity { low = middle + 1 } else { high = middle }
            }
            return low
        }

        /// The smallest block that is large enough.
        mutating func take(_ needed: Int) -> Block? {
            var index = firstShelf(needed)
            while index < shelves.count, shelves[index].blocks.isEmpty { index += 1 }
            guard index < shelves.count, let block = shelves[index].blocks.popLast() else { return nil }
            idleBytes -= block.capacity * MemoryLayout<Float>.stride
            return block
        }

        mutating func put(_ block: Block) {
            let index = firstShelf(block.capacity)
            if index == shelves.count || shelves[index].capacity != block.capacity {
                shelves.insert(Shelf(capacity: block.capacity), at: index)
            }
            returns += 1
            shelves[index].lastReturn = returns
            shelves[index].blocks.append(block)
            idleBytes += block.capacity * MemoryLayout<Float>.stride
        }

        /// Frees a block of the size that has not come back for longest.
        mutating func evict() {
            let index = shelves.indices.filter { !shelves[$0].blocks.isEmpty }
                .min { shelves[$0].lastReturn < shelves[$1].lastReturn }
            guard let index, let block = shelves[index].blocks.popLast() else { return }
            idleBytes -= block.capacity * MemoryLayout<Float>.stride
            free(block.pointer)
        }
    }

    private let state = Mutex(State())
    private let limit: Int
    private let allocated = Atomic<Int>(0)

    /// - Parameter limit: Bytes of idle memory that are kept at most.
    public init(limit: Int = 1 << 30) {
        self.limit = limit
    }

    deinit {
        state.withLock { state in
            for block in state.shelves.lazy.flatMap(\.blocks) { free(block.pointer) }
        }
    }

    /// Blocks that the pool has asked the system for so far; steady where frames are alike.
    public var allocations: Int { allocated.load(ordering: .relaxed) }

    /// A tensor whose elements are undefined.
    public func tensor(_ shape: [Int]) -> Tensor {
        let block = block(shape.reduce(1, *))
        return Tensor(
            shape: shape, buffer: TensorBuffer(capacity: block.capacity, pool: self, recycled: block.pointer))
    }

    /// Takes memory back; false where it is more than the pool may hold, and is to be freed.
    func recycle(_ pointer: UnsafeMutablePointer<Float>, capacity: Int) -> Bool {
        let bytes = capacity * MemoryLayout<Float>.stride
        guard bytes <= limit else { return false }
        let block = Block(pointer: pointer, capacity: capacity)
        state.withLock { state in
            while state.idleBytes + bytes > limit { state.evict() }
            state.put(block)
        }
        return true
    }

    /// Lends memory for the length of a call.
    func withScratch(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
        let block = block(count)
        body(block.pointer)
        if !recycle(block.pointer, capacity: block.capacity) { free(block.pointer) }
    }

    /// Lends memory for `count` values for the length of a call; they are undefined.
    public func withScratch<Value: BitwiseCopyable>(
        of type: Value.Type, _ count: Int, _ body: (UnsafeMutablePointer<Value>) -> Void
    ) {
        withScratch((count * MemoryLayout<Value>.stride).parts(of: MemoryLayout<Float>.stride)) { floats in
            body(UnsafeMutableRawPointer(floats).bindMemory(to: type, capacity: count))
        }
    }

    private func block(_ count: Int) -> Block {
        let capacity = Self.capacity(for: count)
        // A larger block does as well: what one frame's many objects needed serves the few of the next.
        if let block = state.withLock({ $0.take(capacity) }) { return block }
        allocated.wrappingAdd(1, ordering: .relaxed)
        return Block(pointer: TensorBuffer.allocate(capacity), capacity: capacity)
    }

    /// Sizes in steps of an eighth of the power of two below, so that tensors of nearly the same size share memory.
    private static func capacity(for count: Int) -> Int {
        let count = max(count, 1024)
        let step = max(256, 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount - 3))
        return count.roundedUp(to: step)
    }
}
