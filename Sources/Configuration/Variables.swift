/// `${NAME}` and `${NAME:-DEFAULT}` in values.
enum Variables {
    /// Why a text's variables cannot be replaced.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case missing(String)
        case unclosed
        case badName(String)

        var description: String {
            switch self {
            case .missing(let name):
                "the environment has no variable \(name); set it, or write ${\(name):-DEFAULT}"
            case .unclosed: "a variable's ${ lacks its }; write $${ where none is meant"
            case .badName(let name):
                "\(shown(name)) is no variable's name, which has letters, digits and _; write $${ where none is meant"
            }
        }
    }

    /// The text with every variable replaced by its value, or by its default where it is missing or empty. `$${`
    /// becomes `${`; what comes out of a variable is not looked at again.
    ///
    /// - Throws: `Variables.Failure`.
    static func replace(in text: String, from environment: [String: String]) throws -> String {
        guard text.contains("${") else { return text }
        var result = ""
        var rest = text[...]
        while let found = rest.firstRange(of: "${") {
            result += rest[..<found.lowerBound]
            if result.hasSuffix("$"), found.lowerBound > rest.startIndex {
                result += "{"
                rest = rest[found.upperBound...]
                continue
            }
            rest = rest[found.upperBound...]
            guard let end = rest.firstIndex(of: "}") else { throw Failure.unclosed }
            let inside = rest[..<end]
            let separator = inside.firstRange(of: ":-")
            let name = String(inside[..<(separator?.lowerBound ?? inside.endIndex)])
            guard isName(name) else { throw Failure.badName(name) }
            if let value = environment[name], !value.isEmpty || separator == nil {
                result += value
            } else if let separator {
                result += inside[separator.upperBound...]
            } else {
                throw Failure.missing(name)
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
    }
}
