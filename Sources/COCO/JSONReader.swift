/// Reads JSON (RFC 8259) from memory in one pass, without building objects of what it reads.
///
/// Beside the RFC's numbers it takes `NaN`, `Infinity` and `-Infinity`, which Python's `json` writes; whoever reads a number has to
/// expect them. Nesting is bounded by memory alone, since what is skipped is skipped without recursion.
struct JSONReader {
    /// What is wrong, and at which byte.
    struct Failure: Error {
        var offset: Int
        var reason: String
    }

    /// What a value is, by its first byte.
    enum Kind { case object, array, string, number, bool, null }

    private let bytes: UnsafeRawBufferPointer
    /// The next byte to read.
    private(set) var position = 0

    /// The powers of ten that a double holds exactly.
    private static let powers: [Double] = (0...22).map { exponent in
        (0..<exponent).reduce(1.0) { power, _ in power * 10 }
    }

    /// - Parameter bytes: Must stay valid for as long as the reader is used.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    }

    /// The line and the column of a byte, from 1; the column counts bytes.
    func place(of offset: Int) -> (line: Int, column: Int) {
        let before = bytes[..<min(offset, bytes.count)]
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return (before.count { $0 == UInt8(ascii: "\n") } + 1, offset - lineStart + 1)
    }

    /// The kind of the next value, which is not read yet.
    mutating func kind() throws -> Kind {
        skipSpace()
        guard let first = peek else { throw failure("the file ends too early") }
        switch first {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "N"), UInt8(ascii: "I"):
            return .number
        default: throw failure("this is not JSON")
        }
    }

    /// Reads `null` where it stands, and says whether it did.
    mutating func null() throws -> Bool {
        guard try kind() == .null else { return false }
        try literal("null")
        return true
    }

    /// Reads an object; `field` reads or skips the value of each key.
    mutating func object(_ what: String, _ field: (inout JSONReader, _ key: String) throws -> Void) throws {
        guard try kind() == .object else { throw failure("\(what) is not an object") }
        position += 1
        skipSpace()
        if take("}") { return }
        repeat {
            skipSpace()
            let key = try string("a key")
            try colon()
            try field(&self, key)
            skipSpace()
        } while take(",")
        guard take("}") else { throw missing("} or ,") }
    }

    /// Reads an array; `element` reads or skips each value.
    mutating func array(_ what: String, _ element: (inout JSONReader) throws -> Void) throws {
        guard try kind() == .array else { throw failure("\(what) is not an array") }
        position += 1
        skipSpace()
        if take("]") { return }
        repeat {
            try element(&self)
            skipSpace()
        } while take(",")
        guard take("]") else { throw missing("] or ,") }
    }

    /// Reads a string with its escapes; a half of a surrogate pair becomes U+FFFD.
    mutating func string(_ what: String) throws -> String {
        guard try kind() == .string else { throw failure("\(what) is not text") }
        let start = position + 1
        if let end = try passString() {
            return String(decoding: bytes[start..<end], as: UTF8.self)
        }
        return try unescaped(bytes[start..<position - 1])
    }

    /// Reads true, false, or a number that is 0 for false.
    mutating func bool(_ what: String) throws -> Bool {
        if try kind() == .number { return try number(what) != 0 }
        guard try kind() == .bool else { throw failure("\(what) is neither true nor false") }
        let isTrue = peek == UInt8(ascii: "t")
        try literal(isTrue ? "true" : "false")
        return isTrue
    }

    /// Reads a number, correctly rounded; one too large for a double becomes infinite.
    mutating func number(_ what: String) throws -> Double { try scanNumber(what).value }

    /// Reads a whole number, which may be written as `2.0` or `2e3`.
    mutating func integer(_ what: String) throws -> Int {
        skipSpace()
        let start = position
        let (value, whole) = try scanNumber(what)
        if let whole { return whole }
        // Above this, doubles are further apart than 1.
        guard abs(value) <= 0x1p53, value == value.rounded() else {
            throw Failure(offset: start, reason: "\(what) is not a whole number of 64 bits")
        }
        return Int(value)
    }

    /// Passes over a value of any kind.
    mutating func skip() throws {
        /// The brackets that are open, by what closes them.
        var open: [UInt8] = []
        repeat {
            switch try kind() {
            case .object:
                position += 1
                skipSpace()
                if !take("}") {
                    open.append(UInt8(ascii: "}"))
                    try passKey()
                    continue
                }
            case .array:
                position += 1
                skipSpace()
                if !take("]") {
                    open.append(UInt8(ascii: "]"))
                    continue
                }
            case .string: _ = try passString()
            case .number: _ = try scanNumber("this")
            case .bool: _ = try bool("this")
            case .null: _ = try null()
            }
            while let closing = open.last {
                skipSpace()
                if peek == closing {
                    position += 1
                    open.removeLast()
                    continue
                }
                guard take(",") else { throw missing("\(Character(UnicodeScalar(closing))) or ,") }
                if closing == UInt8(ascii: "}") { try passKey() }
                break
            }
        } while !open.isEmpty
    }

    /// - Throws: `Failure` where something follows the value that was read.
    mutating func end() throws {
        skipSpace()
        guard peek == nil else { throw failure("something follows the end of the JSON text") }
    }

    func failure(_ reason: String) -> Failure { Failure(offset: position, reason: reason) }

    // MARK: Bytes

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: byte) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private func missing(_ what: String) -> Failure {
        failure(peek == nil ? "the file ends too early" : "\(what) is missing here")
    }

    private mutating func colon() throws {
        skipSpace()
        guard take(":") else { throw missing(":") }
    }

    private mutating func passKey() throws {
        guard try kind() == .string else { throw failure("a key is not text") }
        _ = try passString()
        try colon()
    }

    private mutating func literal(_ word: StaticString) throws {
        let matches = word.withUTF8Buffer { word in bytes[position...].starts(with: word) }
        guard matches else { throw failure("this is not JSON") }
        position += word.utf8CodeUnitCount
    }

    // MARK: Strings

    /// Passes over a string, and returns where its text ends if it has no escapes.
    private mutating func passString() throws -> Int? {
        let start = position
        var hasEscapes = false
        position += 1
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return hasEscapes ? nil : position - 1
            case UInt8(ascii: "\\"):
                hasEscapes = true
                position += 2
            case 0..<0x20: throw failure("a control character stands in a text")
            default: position += 1
            }
        }
        position = min(position, bytes.count)
        throw Failure(offset: start, reason: "the text that begins here has no end")
    }

    private func unescaped(_ raw: Slice<UnsafeRawBufferPointer>) throws -> String {
        var text: [UInt8] = []
        var i = raw.startIndex
        func unit(at index: Int) throws -> UInt32 {
            guard index + 4 <= raw.endIndex,
                let value = UInt32(String(decoding: raw[index..<index + 4], as: UTF8.self), radix: 16),
                raw[index] != UInt8(ascii: "+"), raw[index] != UInt8(ascii: "-")
            else { throw Failure(offset: index, reason: "\\u needs four hexadecimal digits") }
            return value
        }
        while i < raw.endIndex {
            guard raw[i] == UInt8(ascii: "\\") else {
                text.append(raw[i])
                i += 1
                continue
            }
            // A backslash is never the last byte: it would have escaped the closing quote.
            let escape = raw[i + 1]
            i += 2
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0c)
            case UInt8(ascii: "n"): text.append(0x0a)
            case UInt8(ascii: "r"): text.append(0x0d)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"):
                var value = try unit(at: i)
                i += 4
                if (0xd800..<0xdc00).contains(value), i + 6 <= raw.endIndex, raw[i] == UInt8(ascii: "\\"),
                    raw[i + 1] == UInt8(ascii: "u"), case let low = try unit(at: i + 2), (0xdc00..<0xe000).contains(low)
                {
                    value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00)
                    i += 6
                }
                text.append(contentsOf: String(UnicodeScalar(value) ?? "\u{fffd}").utf8)
            default: throw Failure(offset: i - 1, reason: "this escape is not JSON")
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    // MARK: Numbers

    /// Reads a number; `whole` where it is written as one and has 64 bits at most.
    private mutating func scanNumber(_ what: String) throws -> (value: Double, whole: Int?) {
        guard try kind() == .number else { throw failure("\(what) is not a number") }
        let start = position
        let isNegative = take("-")
        if peek == UInt8(ascii: "N") && !isNegative {
            try literal("NaN")
            return (.nan, nil)
        }
        if peek == UInt8(ascii: "I") {
            try literal("Infinity")
            return (isNegative ? -.infinity : .infinity, nil)
        }
        // The first 19 digits, which always fit, and the power of ten that belongs to them.
        var (mantissa, digits, exponent) = (UInt64(0), 0, 0)
        var isExact = true
        func add(_ digit: UInt8, isFraction: Bool) {
            if digits < 19 {
                mantissa = mantissa * 10 + UInt64(digit)
                if mantissa > 0 { digits += 1 }
                if isFraction { exponent -= 1 }
            } else {
                isExact = false
                if !isFraction { exponent += 1 }
            }
        }
        let firstDigit = position
        while let digit = digit() { add(digit, isFraction: false) }
        guard position > firstDigit else { throw Failure(offset: start, reason: "\(what) is not a number") }
        guard bytes[firstDigit] != UInt8(ascii: "0") || position == firstDigit + 1 else {
            throw Failure(offset: start, reason: "\(what) is a number that begins with 0")
        }
        var isWhole = true
        if take(".") {
            isWhole = false
            let first = position
            while let digit = digit() { add(digit, isFraction: true) }
            guard position > first else { throw missing("a digit") }
        }
        if take("e") || take("E") {
            isWhole = false
            let isSmall = take("-")
            if !isSmall { _ = take("+") }
            let first = position
            var power = 0
            // What is cut off here is far beyond any double.
            while let digit = digit() { power = min(power * 10 + Int(digit), 1_000_000) }
            guard position > first else { throw missing("a digit") }
            exponent += isSmall ? -power : power
        }
        if isExact, mantissa <= 1 << 53, abs(exponent) <= 22 {
            // One operation on two exact numbers is correctly rounded (Clinger 1990, "How to read floating point numbers accurately").
            let power = Self.powers[abs(exponent)]
            let value = exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
            let whole = isWhole ? Int(mantissa) : nil
            return isNegative ? (-value, whole.map { -$0 }) : (value, whole)
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        return (Double(text) ?? .nan, isWhole ? Int(text) : nil)
    }

    private mutating func digit() -> UInt8? {
        guard let byte = peek, case UInt8(ascii: "0")...UInt8(ascii: "9") = byte else { return nil }
        position += 1
        return byte - UInt8(ascii: "0")
    }
}
