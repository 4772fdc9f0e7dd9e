import Yams

/// Reads values out of YAML nodes and collects what is wrong with them, so that one look at a file finds every fault.
///
/// Not for two threads at once.
final class ConfigurationReader {
    /// Issues that are kept; those beyond are counted.
    static let maximumIssues = 20

    /// The file's name in messages.
    let file: String
    /// The folder that relative paths begin in.
    let folder: String
    let environment: [String: String]
    /// Whether everybody on the machine may read the file.
    let isWorldReadable: Bool

    private(set) var issues: [ConfigurationError.Issue] = []
    private(set) var warnings: [ConfigurationError.Issue] = []
    private(set) var omitted = 0
    /// What stands under `defaults` is read once for every stream, and reported once.
    private var known = Set<ConfigurationError.Issue>()

    init(file: String, folder: String, environment: [String: String], isWorldReadable: Bool = false) {
        self.file = file
        self.folder = folder
        self.environment = environment
        self.isWorldReadable = isWorldReadable
    }

    func report(_ issue: ConfigurationError.Issue) {
        guard known.count < 1000 else {
            omitted += 1
            return
        }
        guard known.insert(issue).inserted else { return }
        if issues.count < Self.maximumIssues { issues.append(issue) } else { omitted += 1 }
    }

    func report(_ node: Node, _ message: String) { report(ConfigurationError.Issue(place(of: node), message)) }

    func warn(_ place: Place, _ message: String) {
        let issue = ConfigurationError.Issue(place, message)
        guard warnings.count < Self.maximumIssues, !warnings.contains(issue) else { return }
        warnings.append(issue)
    }

    /// - Throws: `ConfigurationError` where something has been reported.
    func finish() throws {
        guard !issues.isEmpty else { return }
        let sorted = issues.sorted { ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0) }
        throw ConfigurationError(sorted, omitted: omitted)
    }

    func place(of node: Node) -> Place {
        Place(file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    /// An absolute path; a relative one begins where the file lies.
    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }

    /// Whether a node is there and says nothing, as in `zones:` with nothing behind.
    static func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// A scalar's text with its variables replaced.
    ///
    /// - Returns: nil for what is no scalar, or lacks a variable, after that has been reported.
    func text(_ node: Node, of name: String) -> String? {
        guard case .scalar(let scalar) = node else {
            report(node, "\(name) must be one value, and is a \(node.mapping == nil ? "list" : "mapping")")
            return nil
        }
        guard !scalar.string.utf8.contains(0) else {
            report(node, "\(name) holds a NUL character")
            return nil
        }
        do {
            return try Variables.replace(in: scalar.string, from: environment)
        } catch {
            report(node, "\(name): \(error)")
            return nil
        }
    }

    /// The text as it stands in the file: messages show that, since a variable's value may be secret.
    func written(_ node: Node) -> String { shown(node.scalar?.string ?? "") }

    /// A number or another word that YAML writes without quotes; quotes are taken only around variables.
    func word(_ node: Node, of name: String) -> String? {
        guard let text = text(node, of: name) else { return nil }
        if case .scalar(let scalar) = node, scalar.style != .plain, !scalar.string.contains("${") {
            report(node, "\(name) is text; leave the quotes out")
            return nil
        }
        return text
    }
}

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
