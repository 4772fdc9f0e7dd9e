import Yams

/// Reads values out of YAML nodes and collects what is wrong with them, so that one look at a file finds every fault.
///
/// Not for two threads at once.
package final class ConfigurationReader {
    /// Issues that are kept; those beyond are counted.
    package static let maximumIssues = 20

    /// The file's name in messages.
    package let file: String
    /// The folder that relative paths begin in.
    package let folder: String
    package let environment: [String: String]
    /// Whether everybody on the machine may read the file.
    package let isWorldReadable: Bool

    private(set) var issues: [ConfigurationError.Issue] = []
    package private(set) var warnings: [ConfigurationError.Issue] = []
    private(set) var omitted = 0
    /// What stands under `defaults` is read once for every stream, and reported once.
    private var known = Set<ConfigurationError.Issue>()

    package init(file: String, folder: String, environment: [String: String], isWorldReadable: Bool = false) {
        self.file = file
        self.folder = folder
        self.environment = environment
        self.isWorldReadable = isWorldReadable
    }

    package func report(_ issue: ConfigurationError.Issue) {
        guard known.count < 1000 else {
            omitted += 1
            return
        }
        guard known.insert(issue).inserted else { return }
        if issues.count < Self.maximumIssues { issues.append(issue) } else { omitted += 1 }
    }

    package func report(_ node: Node, _ message: String) { report(ConfigurationError.Issue(place(of: node), message)) }

    package func warn(_ place: Place, _ message: String) {
        let issue = ConfigurationError.Issue(place, message)
        guard warnings.count < Self.maximumIssues, !warnings.contains(issue) else { return }
        warnings.append(issue)
    }

    /// - Throws: `ConfigurationError` where something has been reported.
    package func finish() throws(ConfigurationError) {
        guard !issues.isEmpty else { return }
        let sorted = issues.sorted { ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0) }
        throw ConfigurationError(sorted, omitted: omitted)
    }

    package func place(of node: Node) -> Place {
        Place(file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    /// An absolute path; a relative one begins where the file lies.
    package func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }

    /// Whether a node is there and says nothing, as in `zones:` with nothing behind.
    package static func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// A scalar's text with its variables replaced.
    ///
    /// - Returns: nil for what is no scalar, or lacks a variable, after that has been reported.
    package func text(_ node: Node, of name: String) -> String? {
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
    package func written(_ node: Node) -> String { shown(node.scalar?.string ?? "") }

    /// A number or another word that YAML writes without quotes; quotes are taken only around variables.
    package func word(_ node: Node, of name: String) -> String? {
        guard let text = text(node, of: name) else { return nil }
        if case .scalar(let scalar) = node, scalar.style != .plain, !scalar.string.contains("${") {
            report(node, "\(name) is text; leave the quotes out")
            return nil
        }
        return text
    }
}
