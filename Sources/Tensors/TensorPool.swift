import Synchronization

/// The memory of the tensors that come and go with every frame, so that a frame costs no allocation and no page fault.
public final class TensorPool: Sendable {
    // Sendable: memory that nobody else refers to.
    private struct State: ~Copyable, @unchecked Sendable {
        var memory = MemoryReserve()
    }

    private let state = Mutex(State())
    private let limit: Int

    /// - Parameter limit: Bytes that are kept even if nobody has needed them lately.
    public init(limit: Int = 1 << 30) {
        self.limit = limit
    }

    /// How often the pool has asked the system for memory so far; steady where frames are alike.
    public var allocations: Int { state.withLock { $0.memory.growths } }

    /// A tensor whose elements are undefined.
    public func tensor(_ shape: [Int]) -> Tensor {
        let count = shape.reduce(1, *)
        return Tensor(shape: shape, buffer: TensorBuffer(pointer: take(count), capacity: count, pool: self))
    }

    /// Takes memory back.
    func recycle(_ pointer: UnsafeMutablePointer<Float>, capacity: Int) {
        // Sendable: handed over together with the memory.
        nonisolated(unsafe) let pointer = UnsafeMutableRawPointer(pointer)
        state.withLock { $0.memory.put(pointer, capacity * MemoryLayout<Float>.stride, keeping: limit) }
    }

    /// Lends memory for the length of a call.
    func withScratch(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
        let pointer = take(count)
        body(pointer)
        recycle(pointer, capacity: count)
    }

    /// Lends memory for `count` values for the length of a call; they are undefined.
    public func withScratch<Value: BitwiseCopyable>(
        of type: Value.Type, _ count: Int, _ body: (UnsafeMutablePointer<Value>) -> Void
    ) {
        withScratch((count * MemoryLayout<Value>.stride).parts(of: MemoryLayout<Float>.stride)) { floats in
            body(UnsafeMutableRawPointer(floats).bindMemory(to: type, capacity: count))
        }
    }

    private func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        nonisolated(unsafe) var pointer: UnsafeMutableRawPointer?
        state.withLock { pointer = $0.memory.take(count * MemoryLayout<Float>.stride) }
        return pointer!.bindMemory(to: Float.self, capacity: max(count, 1))
    }
}
