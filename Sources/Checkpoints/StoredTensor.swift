import Files

/// A tensor as it lies in a mapped checkpoint file; nothing is read until it is asked for.
public struct StoredTensor: Sendable {
    /// The parameter's or buffer's name.
    public internal(set) var name: String
    /// Length of every dimension, outermost first; empty for a scalar.
    public let shape: [Int]
    /// What the elements are.
    public let scalarType: ScalarType
    /// Product of the shape.
    public let elementCount: Int

    /// Elements from one index to the next in each dimension.
    private let strides: [Int]
    /// Where the first element lies in the file, bytes.
    private let offset: Int
    private let isContiguous: Bool
    private let file: MappedFile

    /// Why a tensor cannot lie where a file says it does.
    enum Failure: Error {
        case negative, tooManyDimensions, overflow, outOfBounds(needed: Int, available: Int), repeating
    }

    /// The largest number of dimensions; PyTorch's own limit is 64 and models use 4.
    static let maximumRank = 64

    /// Describes a tensor in a part of a file, after checking that every element lies inside it.
    ///
    /// - Parameters:
    ///   - strides: Elements between neighbours in each dimension; row-major without gaps where nil.
    ///   - offset: First element's place in the region, elements.
    ///   - region: The bytes of the file that belong to the tensor's storage.
    init(
        name: String, shape: [Int], strides: [Int]? = nil, offset: Int = 0, scalarType: ScalarType,
        region: Range<Int>, file: MappedFile
    ) throws(Failure) {
        guard shape.count <= Self.maximumRank else { throw .tooManyDimensions }
        guard offset >= 0, shape.allSatisfy({ $0 >= 0 }) else { throw .negative }
        var rowMajor = [Int](repeating: 1, count: shape.count)
        var count = 1
        for i in shape.indices.reversed() {
            rowMajor[i] = count
            // A zero further out makes the product small again, but a row that cannot be counted is refused all the same.
            count = try Self.product(count, max(shape[i], 1))
        }
        if shape.contains(0) { count = 0 }
        let strides = strides ?? rowMajor
        guard strides.count == shape.count, strides.allSatisfy({ $0 >= 0 }) else { throw .negative }

        let available = region.count / scalarType.byteCount
        var needed = 0
        if count > 0 {
            var last = offset
            for (length, stride) in zip(shape, strides) {
                last = try Self.sum(last, try Self.product(length - 1, stride))
            }
            needed = try Self.sum(last, 1)
        }
        guard needed <= available else { throw .outOfBounds(needed: needed, available: available) }
        // A stride of 0 would let a few bytes claim terabytes.
        guard count <= available else { throw .repeating }

        self.name = name
        self.shape = shape
        self.scalarType = scalarType
        self.strides = strides
        self.offset = count > 0 ? region.lowerBound + offset * scalarType.byteCount : region.lowerBound
        self.file = file
        elementCount = count
        isContiguous = zip(shape, zip(strides, rowMajor)).allSatisfy { $0 <= 1 || $1.0 == $1.1 } || count == 0
    }

    /// The same tensor under another name.
    public func renamed(_ name: String) -> StoredTensor {
        var copy = self
        copy.name = name
        return copy
    }

    /// A tensor in memory of its own.
    ///
    /// - Parameters:
    ///   - floats: Row-major, as many as the shape's product.
    ///   - path: What messages call the file that it comes from.
    /// - Throws: `FileError` where there is no memory.
    public init(name: String, shape: [Int], floats: [Float], path: String) throws {
        precondition(shape.reduce(1, *) == floats.count, "the shape of \(name) fits its \(floats.count) numbers")
        let bytes = floats.withUnsafeBytes { Array($0) }
        try self.init(
            name: name, shape: shape, scalarType: .float32, region: 0..<bytes.count,
            file: MappedFile(path: path, copying: bytes))
    }

    /// Bytes of all elements.
    public var byteCount: Int { elementCount * scalarType.byteCount }

    /// Reads the elements, row-major without gaps and little-endian; without a copy where the file holds them so.
    ///
    /// The buffer is valid only inside `body`, and not necessarily aligned.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        if isContiguous {
            return try file.withUnsafeBytes { bytes in
                try body(UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + byteCount)]))
            }
        }
        return try gathered().withUnsafeBytes(body)
    }

    /// Gives the memory that holds the tensor's part of the file back to the system, until it is read again.
    public func releasePages() {
        guard isContiguous else { return }
        file.releasePages(offset..<offset + byteCount)
    }

    /// The elements as single-precision numbers, row-major: `elementCount` of them.
    ///
    /// Half and bfloat16 are widened exactly; doubles and integers are rounded to the nearest.
    public func floats() -> [Float] {
        withUnsafeBytes { bytes in
            let count = elementCount
            switch scalarType {
            case .float32:
                return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                    UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
                    initialized = count
                }
            case .float64: return Self.convert(bytes, count, Double.self) { Float($0) }
            case .float16: return Self.convert(bytes, count, UInt16.self, float(fromHalf:))
            case .bfloat16: return Self.convert(bytes, count, UInt16.self, float(fromBFloat16:))
            case .int64: return Self.convert(bytes, count, Int64.self) { Float($0) }
            case .int32: return Self.convert(bytes, count, Int32.self) { Float($0) }
            case .int16: return Self.convert(bytes, count, Int16.self) { Float($0) }
            case .int8: return Self.convert(bytes, count, Int8.self) { Float($0) }
            case .uint64: return Self.convert(bytes, count, UInt64.self) { Float($0) }
            case .uint32: return Self.convert(bytes, count, UInt32.self) { Float($0) }
            case .uint16: return Self.convert(bytes, count, UInt16.self) { Float($0) }
            case .uint8: return Self.convert(bytes, count, UInt8.self) { Float($0) }
            case .bool: return Self.convert(bytes, count, UInt8.self) { $0 == 0 ? 0 : 1 }
            }
        }
    }

    /// The first element, in row-major order, that is infinite or not a number; nil where all are finite.
    public func firstNonFinite() -> (index: [Int], value: Float)? {
        guard scalarType.isFloatingPoint else { return nil }
        let found: (Int, Float)? = withUnsafeBytes { bytes in
            // All exponent bits set means infinity or NaN in each of these formats.
            func search<Bits: FixedWidthInteger>(_ exponent: Bits, _ value: (Bits) -> Float) -> (Int, Float)? {
                for i in 0..<elementCount {
                    let bits = bytes.loadUnaligned(fromByteOffset: i * MemoryLayout<Bits>.size, as: Bits.self)
                    if bits & exponent == exponent { return (i, value(bits)) }
                }
                return nil
            }
            switch scalarType {
            case .float64: return search(UInt64(0x7ff0_0000_0000_0000)) { Float(Double(bitPattern: $0)) }
            case .float32: return search(UInt32(0x7f80_0000)) { Float(bitPattern: $0) }
            case .float16: return search(UInt16(0x7c00), float(fromHalf:))
            default: return search(UInt16(0x7f80), float(fromBFloat16:))
            }
        }
        guard let (flat, value) = found else { return nil }
        var (rest, index) = (flat, [Int](repeating: 0, count: shape.count))
        for i in shape.indices.reversed() {
            index[i] = rest % shape[i]
            rest /= shape[i]
        }
        return (index, value)
    }

    /// Copies elements that are spread over the storage into row-major order.
    private func gathered() -> [UInt8] {
        let size = scalarType.byteCount
        return file.withUnsafeBytes { bytes in
            [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initialized in
                let target = UnsafeMutableRawBufferPointer(buffer)
                var index = [Int](repeating: 0, count: shape.count)
                var source = offset
                for i in 0..<elementCount {
                    target.baseAddress?.advanced(by: i * size).copyMemory(
                        from: bytes.baseAddress!.advanced(by: source), byteCount: size)
                    var dimension = shape.count - 1
                    while dimension >= 0 {
                        index[dimension] += 1
                        source += strides[dimension] * size
                        if index[dimension] < shape[dimension] { break }
                        source -= strides[dimension] * shape[dimension] * size
                        index[dimension] = 0
                        dimension -= 1
                    }
                }
                initialized = byteCount
            }
        }
    }

    private static func convert<Element>(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, _: Element.Type, _ body: (Element) -> Float
    ) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            for i in 0..<count {
                let element = bytes.loadUnaligned(fromByteOffset: i * MemoryLayout<Element>.size, as: Element.self)
                buffer[i] = body(element)
            }
            initialized = count
        }
    }

    private static func product(_ a: Int, _ b: Int) throws(Failure) -> Int {
        let (value, overflow) = a.multipliedReportingOverflow(by: b)
        if overflow { throw .overflow }
        return value
    }

    private static func sum(_ a: Int, _ b: Int) throws(Failure) -> Int {
        let (value, overflow) = a.addingReportingOverflow(b)
        if overflow { throw .overflow }
        return value
    }
}

extension StoredTensor.Failure: CustomStringConvertible {
    var description: String {
        switch self {
        case .negative: "a size, stride or offset is negative or missing"
        case .tooManyDimensions: "it has more than \(StoredTensor.maximumRank) dimensions"
        case .overflow: "its size is beyond any memory"
        case .outOfBounds(let needed, let available):
            "it reaches to element \(needed) of a storage that has \(available)"
        case .repeating: "it repeats the elements of its storage"
        }
    }
}
