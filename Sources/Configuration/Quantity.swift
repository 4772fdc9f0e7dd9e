/// Values with units, as configurations write them.
package enum Quantity {
    /// A duration such as `500ms`, `10s`, `1.5h` or `1h30m`.
    ///
    /// - Returns: nil for what is none.
    package static func duration(_ text: String) -> Duration? {
        var rest = text[...]
        var total = 0.0
        repeat {
            guard let number = number(&rest) else { return nil }
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            switch unit {
            case "ms": total += number / 1000
            case "s": total += number
            case "m", "min": total += number * 60
            case "h": total += number * 3600
            case "d": total += number * 86_400
            default: return nil
            }
        } while !rest.isEmpty
        // Beyond a thousand years nothing is meant, and more does not fit the type.
        guard total <= 3.2e10 else { return nil }
        return .milliseconds(Int64((total * 1000).rounded()))
    }

    /// A number of bytes such as `100MB` (powers of 1000) or `64MiB` (powers of 1024).
    ///
    /// - Returns: nil for what is none.
    package static func size(_ text: String) -> Int? {
        var rest = text[...]
        guard let number = number(&rest) else { return nil }
        let factor: Double
        switch rest.lowercased() {
        case "b": factor = 1
        case "kb": factor = 1e3
        case "mb": factor = 1e6
        case "gb": factor = 1e9
        case "tb": factor = 1e12
        case "kib": factor = 1024
        case "mib": factor = 1_048_576
        case "gib": factor = 1_073_741_824
        case "tib": factor = 1_099_511_627_776
        default: return nil
        }
        let bytes = (number * factor).rounded()
        return bytes < 9e18 ? Int(bytes) : nil
    }

    /// Takes a number without sign and exponent from the front, and the spaces behind it.
    private static func number(_ text: inout Substring) -> Double? {
        let digits = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        guard let value = Double(digits), value.isFinite else { return nil }
        text = text.dropFirst(digits.count).drop { $0 == " " }
        return value
    }

    /// A duration in the greatest unit that shows it in whole numbers.
    package static func text(_ duration: Duration) -> String {
        let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] as [(String, Int64)]
        where milliseconds >= length && milliseconds % length == 0 {
            return "\(milliseconds / length)\(unit)"
        }
        return milliseconds == 0 ? "0s" : "\(milliseconds)ms"
    }

    /// A number of bytes in the greatest unit that shows it in whole numbers.
    package static func text(bytes: Int) -> String {
        let units = [
            ("TB", 1_000_000_000_000), ("GiB", 1 << 30), ("GB", 1_000_000_000), ("MiB", 1 << 20), ("MB", 1_000_000),
            ("KiB", 1 << 10), ("KB", 1000),
        ]
        for (unit, length) in units where bytes >= length && bytes % length == 0 { return "\(bytes / length)\(unit)" }
        return "\(bytes)B"
    }
}
