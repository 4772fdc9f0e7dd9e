import Files

/// The `.safetensors` format: a u64 little-endian length, a JSON header of that length, then the tensors' bytes.
public enum SafetensorsFile {
    /// The longest header that is read, bytes; the format's own limit.
    public static let maximumHeaderLength = 100_000_000

    /// A tensor to be written.
    public struct Entry {
        /// The name it is stored under.
        public let name: String
        /// Length of every dimension, outermost first.
        public let shape: [Int]
        /// What the elements are in the new file.
        public let scalarType: ScalarType
        private let content: Content

        private enum Content {
            case floats(() -> [Float])
            case stored(StoredTensor)
        }

        /// Single-precision numbers, row-major; as many as the shape's product.
        public init(name: String, shape: [Int], floats: [Float]) {
            self.init(name: name, shape: shape) { floats }
        }

        /// Likewise, of numbers that are made when they are written, so that those of all entries need not be there at once.
        public init(name: String, shape: [Int], making floats: @escaping () -> [Float]) {
            self.name = name
            self.shape = shape
            scalarType = .float32
            content = .floats(floats)
        }

        /// A tensor of another checkpoint as it is, under its own name unless another is given.
        public init(_ tensor: StoredTensor, name: String? = nil) {
            self.name = name ?? tensor.name
            shape = tensor.shape
            scalarType = tensor.scalarType
            content = .stored(tensor)
        }

        var byteCount: Int { shape.reduce(1, *) * scalarType.byteCount }

        func withBytes(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
            switch content {
            case .floats(let make):
                let values = make()
                precondition(
                    shape.reduce(1, *) == values.count, "the shape of \(name) fits its \(values.count) numbers")
                try values.withUnsafeBytes(body)
            case .stored(let tensor): try tensor.withUnsafeBytes(body)
            }
        }
    }

    /// Recognises the format by its header length and the brace behind it.
    static func isRecognized(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 8 && bytes[8] == UInt8(ascii: "{")
    }

    /// Reads the header and describes the tensors; the data stays on disk.
    ///
    /// - Throws: `CheckpointError.malformed` where the header lies, tensors overlap, leave a gap or reach over the end.
    public static func read(_ file: MappedFile) throws -> Checkpoint {
        func malformed(_ what: String) -> CheckpointError { .malformed(path: file.path, what: what) }
        return try file.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes, range: 0..<bytes.count)
            guard let length = reader.integer(UInt64.self) else { throw malformed("shorter than its header length") }
            guard length <= maximumHeaderLength else {
                throw malformed("it claims a header of \(length) bytes; \(maximumHeaderLength) are the most allowed")
            }
            guard let text = reader.take(Int(length)) else {
                throw malformed("it claims a header of \(length) bytes, but only \(reader.remaining) follow")
            }
            let header: SafetensorsHeader
            do throws(SafetensorsHeader.Failure) {
                header = try SafetensorsHeader(text)
            } catch {
                throw malformed("header, byte \(error.offset): \(error.what)")
            }

            let dataStart = reader.position
            var tensors: [String: StoredTensor] = [:]
            var expected = 0
            // Empty tensors come before what begins at the same byte.
            for entry in header.entries.sorted(by: { ($0.begin, $0.end, $0.name) < ($1.begin, $1.end, $1.name) }) {
                let name = printable(entry.name)
                guard entry.begin <= entry.end, entry.end <= reader.remaining else {
                    throw malformed(
                        "\(name) is said to lie at \(entry.begin)..<\(entry.end) of \(reader.remaining) bytes of data")
                }
                guard entry.begin >= expected else { throw malformed("\(name) overlaps the tensor before it") }
                guard entry.begin == expected else {
                    throw malformed("\(entry.begin - expected) bytes before \(name) belong to no tensor")
                }
                expected = entry.end
                let region = (dataStart + entry.begin)..<(dataStart + entry.end)
                let tensor: StoredTensor
                do throws(StoredTensor.Failure) {
                    tensor = try StoredTensor(
                        name: entry.name, shape: entry.shape, scalarType: entry.scalarType, region: region, file: file)
                } catch {
                    throw malformed("\(name): \(error)")
                }
                guard tensor.byteCount == region.count else {
                    throw malformed(
                        "\(name) of shape \(entry.shape) and type \(entry.scalarType.rawValue) "
                            + "takes \(tensor.byteCount) bytes, not \(region.count)")
                }
                tensors[entry.name] = tensor
            }
            guard expected == reader.remaining else {
                throw malformed("\(reader.remaining - expected) bytes at the end belong to no tensor")
            }
            return Checkpoint(path: file.path, format: .safetensors, tensors: tensors, metadata: header.metadata)
        }
    }

    /// Writes a file that appears under its name only when it is whole.
    ///
    /// The same content gives the same bytes: tensors are ordered by the size of their elements, largest first, and then by name,
    /// so that each lies at a multiple of its element's size.
    ///
    /// - Throws: `FileError`, disk full among them.
    public static func write(_ entries: [Entry], metadata: [String: String] = [:], to path: String) throws {
        precondition(Set(entries.map(\.name)).count == entries.count, "every tensor has a name of its own")
        let ordered = entries.sorted {
            ($1.scalarType.byteCount, $0.name) < ($0.scalarType.byteCount, $1.name)
        }
        var header = "{"
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
            header += "\"__metadata__\":{\(pairs.joined(separator: ","))}"
        }
        var offset = 0
        for entry in ordered {
            if header.utf8.count > 1 { header += "," }
            let shape = entry.shape.map(String.init).joined(separator: ",")
            let end = offset + entry.byteCount
            header += "\(quoted(entry.name)):{\"dtype\":\"\(entry.scalarType.rawValue)\",\"shape\":[\(shape)],"
            header += "\"data_offsets\":[\(offset),\(end)]}"
            offset = end
        }
        header += "}"
        // The data begins at a multiple of 8, so that a mapped tensor is aligned.
        while header.utf8.count % 8 != 0 { header += " " }

        let file = try AtomicFile(path: path)
        try withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { try file.write($0) }
        try file.write(Array(header.utf8))
        for entry in ordered { try entry.withBytes { try file.write($0) } }
        try file.commit()
    }

    /// Writes tensors of other checkpoints as they are; see `write(_:metadata:to:)` for entries.
    public static func write(_ tensors: [StoredTensor], metadata: [String: String] = [:], to path: String) throws {
        try write(tensors.map { Entry($0) }, metadata: metadata, to: path)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
