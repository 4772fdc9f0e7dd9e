import Files
import Yams

/// Reads a YAML file into nodes, within bounds that no file can exceed: its size, and what its aliases expand to.
/// Nesting is bounded by libyaml, at 1,000 levels.
package enum YAMLDocument {
    /// Bytes of a file at most.
    package static let maximumSize = 1 << 20
    /// Bytes that a file may have once every alias has been replaced by what it stands for.
    package static let maximumExpandedSize = 4 << 20

    /// The file's first document.
    ///
    /// - Parameter file: The file's name in messages.
    /// - Returns: nil for a file in which nothing but comments stands.
    /// - Throws: `ConfigurationError`.
    package static func root(of bytes: [UInt8], file: String) throws(ConfigurationError) -> Node? {
        let text = try text(of: bytes, file: file)
        if let problem = expansionProblem(in: text) {
            throw ConfigurationError([ConfigurationError.Issue(file: file, message: problem)])
        }
        do {
            // Without rules: what is a number and what is not is decided where one is asked for.
            return try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
        } catch let error as YamlError {
            throw ConfigurationError([issue(error, in: text, file: file)])
        } catch {
            // The parser throws nothing else; its signature does not say so.
            throw ConfigurationError([
                ConfigurationError.Issue(file: file, message: "is not YAML: \(shown("\(error)"))")
            ])
        }
    }

    /// The bytes of a file that is not too large.
    ///
    /// - Throws: `ConfigurationError`.
    package static func bytes(of path: String, file: String) throws(ConfigurationError) -> [UInt8] {
        func refuse(_ message: String) -> ConfigurationError {
            ConfigurationError([ConfigurationError.Issue(file: file, message: message)])
        }
        let mapped: MappedFile
        do {
            mapped = try MappedFile(path: path)
        } catch FileError.missing {
            throw refuse("there is no such file; name one with --config")
        } catch FileError.isDirectory {
            throw refuse("is a folder; name a file")
        } catch FileError.notRegular {
            throw refuse("is a pipe or a device; name a file")
        } catch FileError.refused(_, _, let reason) {
            throw refuse("cannot read: \(reason)")
        } catch {
            throw refuse("cannot read: \(error)")
        }
        guard mapped.count <= maximumSize else {
            throw refuse("has \(mapped.count) bytes; a configuration has at most \(maximumSize)")
        }
        return mapped.withUnsafeBytes { Array($0) }
    }

    private static func text(of bytes: [UInt8], file: String) throws(ConfigurationError) -> String {
        let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        guard let text = String(validating: content, as: UTF8.self) else {
            let line = 1 + content.prefix(validLength(content)).count { $0 == UInt8(ascii: "\n") }
            throw ConfigurationError([
                ConfigurationError.Issue(file: file, line: line, message: "is not UTF-8; save the file as UTF-8")
            ])
        }
        return text
    }

    /// The bytes before the first that belongs to no character.
    private static func validLength(_ bytes: ArraySlice<UInt8>) -> Int {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var length = 0
        while case .scalarValue(let scalar) = decoder.decode(&iterator) { length += UTF8.width(scalar) }
        return length
    }

    /// Why the file's aliases make too much of it; nil where they do not.
    ///
    /// The parser hands the same nodes out again for every alias, which takes no memory; but whoever walks through
    /// them, such as its own search for duplicate keys, walks through the expanded text. So its size is estimated
    /// before anything is parsed. The text is read more simply than YAML is, and never to a smaller size: whatever
    /// looks like an anchor counts as one, and what it names ends at the latest where it is first used.
    private static func expansionProblem(in text: String) -> String? {
        let bytes = Array(text.utf8)
        let aliased = Set(marks(UInt8(ascii: "*"), in: bytes).map(\.name))
        guard !aliased.isEmpty else { return nil }
        let anchors = marks(UInt8(ascii: "&"), in: bytes).filter { aliased.contains($0.name) }
        let aliases = marks(UInt8(ascii: "*"), in: bytes)
        // The expanded size before each anchor, and of each anchored value.
        var starts: [ArraySlice<UInt8>: Int] = [:]
        var sizes: [ArraySlice<UInt8>: Int] = [:]
        var added = 0
        var next = anchors.startIndex
        for alias in aliases {
            while next < anchors.endIndex, anchors[next].offset < alias.offset {
                let anchor = anchors[next]
                guard starts.updateValue(anchor.offset + added, forKey: anchor.name) == nil else {
                    let name = String(decoding: anchor.name, as: UTF8.self)
                    return "defines the anchor &\(name) twice; give each a name of its own"
                }
                next += 1
            }
            guard let start = starts[alias.name] else { continue }
            let size = sizes[alias.name] ?? alias.offset + added - start
            sizes[alias.name] = size
            added += size
            guard bytes.count + added <= maximumExpandedSize else {
                return "has aliases that make more than \(maximumExpandedSize) bytes of it; write the values out"
            }
        }
        return nil
    }

    /// Where a sign is followed by a name.
    private static func marks(_ sign: UInt8, in bytes: [UInt8]) -> [(offset: Int, name: ArraySlice<UInt8>)] {
        var found: [(offset: Int, name: ArraySlice<UInt8>)] = []
        var index = bytes.startIndex
        while let offset = bytes[index...].firstIndex(of: sign) {
            let name = bytes[(offset + 1)...].prefix { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
            if !name.isEmpty { found.append((offset, name)) }
            index = offset + 1
        }
        return found
    }

    /// The parser's words, in one line and with the place.
    private static func issue(_ error: YamlError, in text: String, file: String) -> ConfigurationError.Issue {
        func issue(_ mark: Mark, _ message: String) -> ConfigurationError.Issue {
            ConfigurationError.Issue(file: file, line: mark.line, column: mark.column, message: message)
        }
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            let line = text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(mark.line - 1).first
            let hint = line?.contains("\t") == true ? "; YAML is indented with spaces, and there is a tab" : ""
            let words = [problem, context?.text].compactMap { $0?.trimmingWhitespace }.joined(separator: " ")
            return issue(mark, "is not YAML: \(words)\(hint)")
        case .composer(_, let problem, let mark, _):
            return issue(mark, "is not YAML: \(problem.trimmingWhitespace)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            let names = duplicates.map { shown($0) }.joined(separator: ", ")
            return issue(context.mark, "\(names) is given twice; leave one out")
        case .reader(let problem, let offset, _, _):
            let line = offset.map { 1 + text.prefix($0).count { $0.isNewline } }
            return ConfigurationError.Issue(file: file, line: line, message: "is not YAML: \(problem)")
        default:
            return ConfigurationError.Issue(file: file, message: "is not YAML: \(shown("\(error)"))")
        }
    }
}

/// A value as messages show it: in quotes, in one line and not too long.
package func shown(_ text: String) -> String {
    let line = String(text.map { $0.isNewline ? " " : $0 })
    let visible = String(line.unicodeScalars.filter { $0.properties.generalCategory != .control })
    return visible.count > 80 ? "'\(visible.prefix(77))...'" : "'\(visible)'"
}

extension StringProtocol {
    /// Without the spaces at both ends.
    fileprivate var trimmingWhitespace: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
