/// The JSON header of a `.safetensors` file.
///
/// A parser of its own, since the format asks for more than a general one gives: duplicate names are errors, numbers are whole
/// and the nesting is known, so hostile depth cannot exhaust the stack.
struct SafetensorsHeader {
    /// What the header says of one tensor.
    struct Entry {
        let name: String
        let scalarType: ScalarType
        let shape: [Int]
        /// First byte and the one after the last, counted from the end of the header.
        let begin: Int
        let end: Int
    }

    /// Why a header could not be read; `offset` in bytes from its start.
    struct Failure: Error {
        let what: String
        let offset: Int
    }

    private(set) var entries: [Entry] = []
    private(set) var metadata: [String: String] = [:]

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        self.bytes = bytes
        var names: Set<String> = []
        guard peek() == UInt8(ascii: "{") else { throw fail("it does not begin with {") }
        try fields { (header, key) throws(Failure) in
            guard names.insert(key).inserted else { throw header.fail("the name \"\(printable(key))\" stands twice") }
            if key == "__metadata__" {
                try header.readMetadata()
            } else {
                try header.readEntry(key)
            }
        }
        skipSpace()
        guard position == bytes.count else { throw fail("something follows the closing }") }
    }

    private mutating func readMetadata() throws(Failure) {
        try fields { (header, key) throws(Failure) in
            let value = try header.string()
            guard header.metadata.updateValue(value, forKey: key) == nil else {
                throw header.fail("the metadata \"\(printable(key))\" stands twice")
            }
        }
    }

    private mutating func readEntry(_ name: String) throws(Failure) {
        var scalarType: ScalarType?
        var shape: [Int]?
        var offsets: [Int]?
        try fields { (header, key) throws(Failure) in
            switch key {
            case "dtype" where scalarType == nil:
                let text = try header.string()
                scalarType = ScalarType(rawValue: text)
                if scalarType == nil {
                    throw header.fail("\"\(printable(name))\" has the unknown dtype \"\(printable(text))\"")
                }
            case "shape" where shape == nil: shape = try header.wholeNumbers(limit: StoredTensor.maximumRank)
            case "data_offsets" where offsets == nil: offsets = try header.wholeNumbers(limit: 2)
            default: throw header.fail("\"\(printable(name))\" has an unknown or repeated field \"\(printable(key))\"")
            }
        }
        guard let scalarType, let shape, let offsets, offsets.count == 2 else {
            throw fail("\"\(printable(name))\" lacks its dtype, shape or two data_offsets")
        }
        entries.append(Entry(name: name, scalarType: scalarType, shape: shape, begin: offsets[0], end: offsets[1]))
    }

    // MARK: JSON (RFC 8259)

    private mutating func fields(
        _ body: (inout SafetensorsHeader, String) throws(Failure) -> Void
    ) throws(Failure) {
        try expect("{")
        if accept("}") { return }
        repeat {
            let key = try string()
            try expect(":")
            try body(&self, key)
        } while accept(",")
        try expect("}")
    }

    private mutating func wholeNumbers(limit: Int) throws(Failure) -> [Int] {
        var values: [Int] = []
        try expect("[")
        if accept("]") { return values }
        repeat {
            guard values.count < limit else { throw fail("a list of more than \(limit) numbers") }
            values.append(try wholeNumber())
        } while accept(",")
        try expect("]")
        return values
    }

    private mutating func wholeNumber() throws(Failure) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while let byte = peek(), (0x30...0x39).contains(byte) {
            let (tens, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowedToo) = tens.addingReportingOverflow(Int(byte) - 0x30)
            if overflowed || overflowedToo { throw fail("a number is too large") }
            value = sum
            position += 1
        }
        let hasLeadingZero = position - start > 1 && bytes[start] == 0x30
        guard position > start, !hasLeadingZero else { throw fail("a whole number from 0 up is expected") }
        if let byte = peek(), byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e") {
            throw fail("a whole number from 0 up is expected")
        }
        return value
    }

    private mutating func string() throws(Failure) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while let byte = peek() {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw fail("text that is not UTF-8") }
                return string
            case UInt8(ascii: "\\"): text += try escape()
            case 0..<0x20: throw fail("a control character in a string")
            default: text.append(byte)
            }
        }
        throw fail("a string has no end")
    }

    private mutating func escape() throws(Failure) -> [UInt8] {
        guard let byte = peek() else { throw fail("a string has no end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): break
        default: throw fail("an unknown escape in a string")
        }
        var code = try hexadecimal()
        if (0xd800..<0xdc00).contains(code) {
            guard peek() == UInt8(ascii: "\\") else { throw fail("half a surrogate pair") }
            position += 1
            guard peek() == UInt8(ascii: "u") else { throw fail("half a surrogate pair") }
            position += 1
            let low = try hexadecimal()
            guard (0xdc00..<0xe000).contains(low) else { throw fail("half a surrogate pair") }
            code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw fail("half a surrogate pair") }
        return Array(String(scalar).utf8)
    }

    private mutating func hexadecimal() throws(Failure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw fail("a \\u escape without four digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private mutating func accept(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Failure) {
        guard accept(character) else { throw fail("\(character) is expected") }
    }

    private func fail(_ what: String) -> Failure { Failure(what: what, offset: position) }
}
