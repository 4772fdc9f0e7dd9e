/// Reads little-endian numbers from untrusted bytes; nil at the end instead of a trap.
struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    /// The next byte to read.
    private(set) var position: Int
    /// Where reading ends.
    let end: Int

    /// Reads `range` of the bytes, which must lie inside them.
    init(_ bytes: UnsafeRawBufferPointer, range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "a range inside the bytes")
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    /// Bytes that are left.
    var remaining: Int { end - position }

    /// The next number, or nil where fewer bytes are left.
    mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) -> Value? {
        let size = MemoryLayout<Value>.size
        guard remaining >= size else { return nil }
        defer { position += size }
        return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Value.self))
    }

    /// The next `count` bytes, or nil where fewer are left.
    mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count >= 0, count <= remaining else { return nil }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
    }

    /// Bytes that were passed over before.
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }

    /// The bytes up to a line's end, which is passed over; nil where none comes within `limit` bytes.
    mutating func line(limit: Int) -> UnsafeRawBufferPointer? {
        let window = bytes[position..<min(end, position + limit)]
        guard let newline = window.firstIndex(of: 0x0a) else { return nil }
        defer { position = newline + 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<newline])
    }
}
