import Glibc

/// A dense array of floats; feature maps are `[height, width, channels]` (NHWC with one picture), matrices `[rows, columns]`.
///
/// It owns its memory, or shares the memory that a `TensorPool` takes back when the last tensor over it is gone.
// Sendable: only the operator that makes a tensor writes to it, and afterwards it is read only; `addUpsampled` alone writes over
// what another made, which its caller gives up. What learns, and sums of gradients, are written to by the one thread that trains.
public final class Tensor: @unchecked Sendable {
    /// Length of every dimension, outermost first.
    public let shape: [Int]
    /// Product of the shape.
    public let count: Int

    private let buffer: TensorBuffer
    /// Where the first element is in the buffer.
    private let offset: Int

    init(shape: [Int], buffer: TensorBuffer, offset: Int = 0) {
        self.shape = shape
        count = shape.reduce(1, *)
        precondition(buffer.capacity >= offset + count, "the memory holds the whole tensor")
        self.buffer = buffer
        self.offset = offset
    }

    /// Takes memory of its own, filled with zeros.
    public convenience init(zeros shape: [Int]) {
        let count = shape.reduce(1, *)
        let buffer = TensorBuffer(capacity: count)
        buffer.pointer.initialize(repeating: 0, count: count)
        self.init(shape: shape, buffer: buffer)
    }

    /// Copies values, row-major.
    public convenience init(_ values: [Float], shape: [Int]) {
        precondition(values.count == shape.reduce(1, *), "one value an element")
        self.init(shape: shape, buffer: TensorBuffer(capacity: values.count))
        values.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { pointer.update(from: base, count: source.count) }
        }
    }

    /// The first element; for this module's operators.
    var pointer: UnsafeMutablePointer<Float> { buffer.pointer + offset }

    /// Reads the elements, row-major.
    public func withElements<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeBufferPointer(start: pointer, count: count)) }
    }

    /// Writes the elements, row-major; only while nothing else holds the tensor.
    public func withMutableElements<Result>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
    ) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeMutableBufferPointer(start: pointer, count: count)) }
    }

    /// The elements as an array, row-major.
    public var elements: [Float] { withElements(Array.init) }

    /// The same elements under another shape, without a copy.
    public func reshaped(_ shape: [Int]) -> Tensor { Tensor(shape: shape, buffer: buffer, offset: offset) }

    /// One of the elements of the outermost dimension, such as a picture of a batch, in the same memory.
    public func part(_ index: Int) -> Tensor {
        precondition((0..<shape[0]).contains(index), "one of the parts")
        let shape = Array(shape.dropFirst())
        return Tensor(shape: shape, buffer: buffer, offset: offset + index * shape.reduce(1, *))
    }

    /// Height of a feature map.
    public var height: Int { shape[shape.count - 3] }
    /// Width of a feature map.
    public var width: Int { shape[shape.count - 2] }
    /// Channels of a feature map.
    public var channels: Int { shape[shape.count - 1] }
    /// Pictures or regions of a feature map: one where it has three dimensions.
    public var pictures: Int { shape.dropLast(3).reduce(1, *) }

    /// The first element of one picture of a feature map.
    func pointer(picture: Int) -> UnsafeMutablePointer<Float> { pointer + picture * height * width * channels }
}

/// Memory for floats at a multiple of 64 bytes, so that a vector never straddles two cache lines: its own, or lent by a pool.
// Sendable: the pointer never changes; who may write is ruled by the tensor over it.
final class TensorBuffer: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Float>
    /// Floats.
    let capacity: Int
    /// Where the memory goes back to. Held, since the memory goes with the pool.
    private let pool: TensorPool?

    init(pointer: UnsafeMutablePointer<Float>, capacity: Int, pool: TensorPool) {
        self.pointer = pointer
        self.capacity = capacity
        self.pool = pool
    }

    init(capacity: Int) {
        self.capacity = max(capacity, 1)
        pool = nil
        var memory: UnsafeMutableRawPointer?
        let code = posix_memalign(&memory, 64, self.capacity * MemoryLayout<Float>.stride)
        guard code == 0, let memory else { fatalError("out of memory: \(capacity) floats are not to be had") }
        pointer = memory.bindMemory(to: Float.self, capacity: self.capacity)
    }

    deinit {
        if let pool { pool.recycle(pointer, capacity: capacity) } else { free(pointer) }
    }
}
