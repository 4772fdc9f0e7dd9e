/// Bytes in a pickle.
enum PickleBlob {
    /// They lie in the file as they are.
    case bytes(Range<Int>)
    /// They lie there as text in UTF-8, one character a byte.
    case text(Range<Int>)
    case copied([UInt8])
}

/// What the elements of an array are.
struct PickleElementType {
    /// NumPy's code, such as `f4`.
    let code: String
    var isBigEndian = false

    /// Nil for what no tensor is made of.
    var scalarType: ScalarType? {
        switch code {
        case "f8": .float64
        case "f4": .float32
        case "f2": .float16
        case "i8": .int64
        case "i4": .int32
        case "i2": .int16
        case "i1": .int8
        case "u8": .uint64
        case "u4": .uint32
        case "u2": .uint16
        case "u1": .uint8
        case "b1": .bool
        default: nil
        }
    }
}

/// An array as a pickle describes it; not checked against its bytes yet.
struct PickleArray {
    var type: PickleElementType?
    var shape: [Int] = []
    /// Whether the first dimension is the innermost.
    var isColumnMajor = false
    var content = PickleBlob.copied([])
}

extension PickleHeap {
    /// Says how the bytes of a type's elements are ordered: `(version, '<', ...)`.
    mutating func setByteOrder(ofType index: Int, _ state: PickleValue) throws(PickleMachine.Failure) {
        guard let values = tuple(state), values.count >= 2, case .string(let order) = values[1] else {
            throw .malformed("the pickle describes a NumPy type in an unknown way")
        }
        elementTypes[index].isBigEndian = order == ">"
    }

    /// Gives an array what it is made of: `(version, shape, type, is column-major, bytes)`.
    mutating func fillArray(
        _ index: Int, _ state: PickleValue, from reader: ByteReader
    ) throws(PickleMachine.Failure) {
        guard let values = tuple(state), values.count == 5, let shape = integers(values[1]),
            case .elementType(let type) = values[2], let isColumnMajor = truth(values[3])
        else { throw .malformed("the pickle describes a NumPy array in an unknown way") }
        arrays[index] = PickleArray(
            type: elementTypes[type], shape: shape, isColumnMajor: isColumnMajor,
            content: try content(values[4], reader))
    }

    /// What one of NumPy's functions makes of its arguments.
    mutating func applied(
        _ function: PickleGlobal, to values: [PickleValue], from reader: ByteReader
    ) throws(PickleMachine.Failure) -> PickleValue {
        switch function {
        case .reconstruct:
            guard values.count == 3, case .global(.arrayType) = values[0] else { break }
            arrays.append(PickleArray())
            return .array(arrays.count - 1)
        case .elementType:
            guard case .string(let code)? = values.first else { break }
            elementTypes.append(PickleElementType(code: code))
            return .elementType(elementTypes.count - 1)
        case .encode:
            guard values.count == 2, case .string(let encoding) = values[1],
                ["latin1", "latin-1"].contains(encoding)
            else { break }
            blobs.append(try blob(values[0], reader))
            return .blob(blobs.count - 1)
        case .fromBuffer:
            guard values.count == 4, case .elementType(let type) = values[1], let shape = integers(values[2]),
                case .string(let order) = values[3]
            else { break }
            arrays.append(
                PickleArray(
                    type: elementTypes[type], shape: shape, isColumnMajor: order == "F",
                    content: try content(values[0], reader)))
            return .array(arrays.count - 1)
        default: break
        }
        throw .malformed("the pickle makes a NumPy object of unexpected arguments")
    }

    private func truth(_ value: PickleValue) -> Bool? {
        switch value {
        case .bool(let value): value
        case .integer(let value): value != 0
        default: nil
        }
    }

    /// The bytes that a value stands for; of texts, one a character.
    private mutating func blob(_ value: PickleValue, _ reader: ByteReader) throws(PickleMachine.Failure) -> PickleBlob {
        let bytes: [UInt8]
        switch value {
        case .blob(let index):
            guard case .text(let range) = blobs[index] else { return blobs[index] }
            bytes = try Self.bytes(ofCharacters: reader.bytes(range))
        case .string(let text): bytes = try Self.bytes(ofCharacters: text.utf8)
        default: throw .malformed("the pickle has no bytes where an array's should be")
        }
        try count(copied: bytes, reader)
        return .copied(bytes)
    }

    /// Likewise for an array, which will have the bytes in memory of its own where they do not lie in the file.
    private mutating func content(
        _ value: PickleValue, _ reader: ByteReader
    ) throws(PickleMachine.Failure) -> PickleBlob {
        let blob = try blob(value, reader)
        if case .copied(let bytes) = blob { try count(copied: bytes, reader) }
        return blob
    }

    /// Few bytes could ask for many copies of the same text.
    private mutating func count(copied bytes: [UInt8], _ reader: ByteReader) throws(PickleMachine.Failure) {
        copied += bytes.count
        // One that is asked for once is copied here at most three times.
        guard copied <= 3 * reader.end else { throw .malformed("the pickle asks for the same bytes again and again") }
    }

    /// Text in UTF-8 as Latin-1.
    private static func bytes(
        ofCharacters text: some Collection<UInt8>
    ) throws(PickleMachine.Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var lead: UInt8?
        for byte in text {
            switch (lead, byte) {
            case (nil, 0..<0x80): bytes.append(byte)
            // Characters from 128 to 255 begin with one of these two.
            case (nil, 0xc2), (nil, 0xc3): lead = byte
            case (let first?, 0x80..<0xc0):
                bytes.append((first & 3) << 6 | byte & 0x3f)
                lead = nil
            default: throw .malformed("a text in the pickle has characters that are no bytes")
            }
        }
        guard lead == nil else { throw .malformed("a text in the pickle is not UTF-8") }
        return bytes
    }
}
