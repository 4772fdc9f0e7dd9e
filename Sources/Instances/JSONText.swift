/// Writes JSON text with the fields in the order in which they are given, without intermediate objects.
///
/// For results only: it writes what this project's records are made of, and reads nothing.
public struct JSONText {
    /// The text so far.
    public private(set) var text = ""
    private var needsComma = false

    public init() {}

    /// Writes an object; `fields` writes what is inside.
    public mutating func object(_ key: String? = nil, _ fields: (inout JSONText) -> Void) {
        nest(key, "{", "}", fields)
    }

    /// Writes an array; `elements` writes what is inside.
    public mutating func array(_ key: String? = nil, _ elements: (inout JSONText) -> Void) {
        nest(key, "[", "]", elements)
    }

    /// Writes a string with its escapes (RFC 8259, section 7).
    public mutating func string(_ key: String? = nil, _ value: String) {
        begin(key)
        quote(value)
    }

    /// Writes a whole number.
    public mutating func integer(_ key: String? = nil, _ value: Int) {
        begin(key)
        text += String(value)
    }

    /// Writes a number rounded to `decimals` places, without trailing zeros; JSON has no infinity, so that becomes null.
    public mutating func number(_ key: String? = nil, _ value: Double, decimals: Int) {
        begin(key)
        var scale: Int64 = 1
        for _ in 0..<min(decimals, 18) { scale *= 10 }
        // Beyond this a double has no digits left that rounding could take away.
        guard abs(value) * Double(scale) < 9e18 else {
            text += value.isFinite ? "\(value)" : "null"
            return
        }
        let scaled = Int64((abs(value) * Double(scale)).rounded())
        if value < 0 && scaled > 0 { text += "-" }
        text += String(scaled / scale)
        var fraction = scaled % scale
        guard fraction > 0 else { return }
        var digits = min(decimals, 18)
        while fraction % 10 == 0 {
            fraction /= 10
            digits -= 1
        }
        let tail = String(fraction)
        text += "." + String(repeating: "0", count: digits - tail.count) + tail
    }

    /// Writes true or false.
    public mutating func bool(_ key: String? = nil, _ value: Bool) {
        begin(key)
        text += value ? "true" : "false"
    }

    private mutating func nest(
        _ key: String?, _ open: String, _ close: String, _ content: (inout JSONText) -> Void
    ) {
        begin(key)
        text += open
        needsComma = false
        content(&self)
        text += close
        needsComma = true
    }

    private mutating func begin(_ key: String?) {
        if needsComma { text += "," }
        needsComma = true
        if let key {
            quote(key)
            text += ":"
        }
    }

    private mutating func quote(_ value: String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
