import Yams

/// A mapping of the file, over those whose values it inherits.
///
/// Each function gives a key's value, or nil where the key is not there, says nothing, or holds what cannot be used;
/// the last is reported.
package struct Section<Key: ConfigurationKey> {
    /// The values of one mapping by key.
    private typealias Layer = [String: Node]

    package let reader: ConfigurationReader
    /// The mapping's own node, or what stands for it.
    package let node: Node
    /// The first has the last word.
    private let layers: [Layer]

    /// - Parameters:
    ///   - node: A mapping; anything else is reported.
    ///   - inherited: Mappings with the same keys, whose values hold where the first has none.
    package init(_ node: Node, over inherited: [Node] = [], reader: ConfigurationReader) {
        self.reader = reader
        self.node = node
        layers = ([node] + inherited).flatMap { Self.layers(of: $0, reader: reader) }
    }

    /// The mapping's values, and behind them those that it merges in with `<<`.
    private static func layers(of node: Node, reader: ConfigurationReader, depth: Int = 0) -> [Layer] {
        guard !ConfigurationReader.isNull(node) else { return [] }
        guard case .mapping(let mapping) = node else {
            reader.report(
                node,
                "\(Key.section) must be a mapping with keys such as \(Key.names.prefix(3).joined(separator: ", "))")
            return []
        }
        var layer: Layer = [:]
        var merged: [Node] = []
        for (key, value) in mapping {
            guard case .scalar(let name) = key else {
                reader.report(key, "a key must be one word")
                continue
            }
            if name.string == "<<", name.style == .plain {
                merged += value.sequence.map(Array.init) ?? [value]
            } else if Key(rawValue: name.string) == nil {
                let words = Suggestion.words(for: name.string, among: Key.names)
                reader.report(key, "unknown key \(shown(name.string)) in \(Key.section)\(words)")
            } else {
                layer[name.string] = value
            }
        }
        guard !merged.isEmpty else { return [layer] }
        guard depth < 16 else {
            reader.report(node, "mappings are merged into each other more than 16 times; write the values out")
            return [layer]
        }
        return [layer] + merged.flatMap { layers(of: $0, reader: reader, depth: depth + 1) }
    }

    /// What a key holds.
    package func node(_ key: Key) -> Node? {
        guard let node = layers.lazy.compactMap({ $0[key.rawValue] }).first, !ConfigurationReader.isNull(node) else {
            return nil
        }
        return node
    }

    package func has(_ key: Key) -> Bool { node(key) != nil }

    /// Whether a key holds a mapping, where it could hold something else.
    package func isMapping(_ key: Key) -> Bool { node(key)?.mapping != nil }

    /// Where a key's value stands, or else the mapping.
    package func place(of key: Key) -> Place { reader.place(of: node(key) ?? node) }

    package func report(_ key: Key, _ message: String) { reader.report(node(key) ?? node, message) }

    private func refuse(_ node: Node, _ key: Key, _ expected: String) {
        reader.report(node, "\(key.rawValue) is \(reader.written(node)); it must be \(expected)")
    }

    // MARK: - Values

    package func text(_ key: Key) -> String? {
        guard let node = node(key), let text = reader.text(node, of: key.rawValue) else { return nil }
        guard !text.isEmpty else {
            reader.report(node, "\(key.rawValue) is empty")
            return nil
        }
        return text
    }

    package func name(_ key: Key) -> WrittenName? { text(key).map { WrittenName($0, at: place(of: key)) } }

    package func bool(_ key: Key) -> Bool? {
        guard let node = node(key), let word = reader.word(node, of: key.rawValue) else { return nil }
        if let value = Self.bool(word) { return value }
        refuse(node, key, "true or false")
        return nil
    }

    private static func bool(_ word: String) -> Bool? {
        switch word.lowercased() {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
    }

    /// Whether a key holds false, where it could hold something else.
    package func isOff(_ key: Key) -> Bool {
        guard case .scalar(let scalar)? = node(key) else { return false }
        // Written by a program the word may have quotes; it means nothing else.
        return scalar.string == "off" || (scalar.style == .plain && Self.bool(scalar.string) == false)
    }

    package func integer(_ key: Key, _ range: ClosedRange<Int>) -> Int? {
        guard let node = node(key), let word = reader.word(node, of: key.rawValue) else { return nil }
        if let value = Int(word), range.contains(value) { return value }
        let bounds =
            range.upperBound == .max ? "from \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
        refuse(node, key, "a whole number \(bounds)")
        return nil
    }

    package func number(_ key: Key, _ range: ClosedRange<Double>) -> Double? {
        guard let node = node(key), let word = reader.word(node, of: key.rawValue) else { return nil }
        if let value = Self.number(word), range.contains(value) { return value }
        refuse(node, key, "a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))")
        return nil
    }

    /// A decimal number; Swift would take hexadecimal ones and infinity, too.
    package static func number(_ word: String) -> Double? {
        guard word.utf8.allSatisfy({ "0123456789.eE+-".utf8.contains($0) }), let value = Double(word), value.isFinite
        else { return nil }
        return value
    }

    package func duration(_ key: Key, _ range: ClosedRange<Duration>) -> Duration? {
        quantity(
            key, range, Quantity.duration, text: Quantity.text, unit: "s", others: "ms, m, h and d",
            what: "no duration such as 500ms, 10s, 5m, 1h or 7d")
    }

    package func size(_ key: Key, _ range: ClosedRange<Int>) -> Int? {
        quantity(
            key, range, Quantity.size, text: Quantity.text(bytes:), unit: "MB",
            others: "B, KB, GB, TB, KiB, MiB and GiB", what: "no size such as 100MB, 10GB or 64MiB")
    }

    /// A number with a unit.
    ///
    /// - Parameters:
    ///   - read: Turns text into a value; nil for what is none.
    ///   - unit: What a number without one is likely meant in, and `others` what else it may be.
    ///   - what: What a text is that is none.
    private func quantity<Value: Comparable>(
        _ key: Key, _ range: ClosedRange<Value>, _ read: (String) -> Value?, text: (Value) -> String, unit: String,
        others: String, what: String
    ) -> Value? {
        guard let node = node(key), let written = reader.text(node, of: key.rawValue) else { return nil }
        guard let value = read(written) else {
            let isNumber = Self.number(written) != nil
            let problem = isNumber ? "lacks its unit; write \(written)\(unit), or another of \(others)" : "is \(what)"
            reader.report(node, "\(key.rawValue) is \(reader.written(node)), which \(problem)")
            return nil
        }
        guard range.contains(value) else {
            refuse(node, key, "from \(text(range.lowerBound)) to \(text(range.upperBound))")
            return nil
        }
        return value
    }

    package func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: Key, _: Choice.Type = Choice.self)
        -> Choice?
    {
        guard let node = node(key), let text = reader.text(node, of: key.rawValue) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        let suggestion = Suggestion.nearest(to: text, among: known).map { "; did you mean '\($0)'?" } ?? ""
        refuse(node, key, "one of \(known.joined(separator: ", "))\(suggestion)")
        return nil
    }

    /// A file's or folder's name; a relative one begins where the configuration lies.
    package func path(_ key: Key) -> String? {
        guard let text = text(key) else { return nil }
        let path = reader.absolute(text)
        guard path.utf8.count < 4096 else {
            report(key, "\(key.rawValue) is longer than a path can be")
            return nil
        }
        return path
    }

    /// A file that is to be there.
    package func existingFile(_ key: Key) -> String? {
        guard let path = path(key) else { return nil }
        if let problem = FileCheck.problem(ofFile: path) {
            report(key, "\(key.rawValue): \(problem)")
            return nil
        }
        return path
    }

    /// A folder that is to be there.
    package func existingFolder(_ key: Key) -> String? {
        guard let path = path(key) else { return nil }
        if let problem = FileCheck.problem(ofExistingFolder: path) {
            report(key, "\(key.rawValue): \(problem)")
            return nil
        }
        return path
    }

    // MARK: - What holds more than one value

    /// The elements of a list.
    package func elements(_ key: Key, atMost limit: Int, example: String) -> [Node]? {
        guard let node = node(key) else { return nil }
        guard case .sequence(let sequence) = node else {
            reader.report(node, "\(key.rawValue) must be a list, such as \(example)")
            return nil
        }
        guard sequence.count <= limit else {
            reader.report(node, "\(key.rawValue) has \(sequence.count) elements; at most \(limit) are possible")
            return nil
        }
        return Array(sequence)
    }

    /// A list of names, none of them twice.
    package func names(_ key: Key) -> [WrittenName]? {
        guard let nodes = elements(key, atMost: 1000, example: "[person, car]") else { return nil }
        var names: [WrittenName] = []
        for node in nodes {
            guard let text = reader.text(node, of: key.rawValue) else { continue }
            let name = WrittenName(text, at: reader.place(of: node))
            if text.isEmpty {
                reader.report(node, "\(key.rawValue) holds an empty name")
            } else if names.contains(name) {
                reader.report(node, "\(key.rawValue) names \(shown(text)) twice")
            } else {
                names.append(name)
            }
        }
        guard !nodes.isEmpty else {
            report(key, "\(key.rawValue) is an empty list; leave the key out for all")
            return nil
        }
        return names
    }

    /// A mapping of any keys to texts.
    package func dictionary(_ key: Key) -> [String: String]? {
        guard let node = node(key) else { return nil }
        guard case .mapping(let mapping) = node else {
            reader.report(node, "\(key.rawValue) must be a mapping")
            return nil
        }
        var values: [String: String] = [:]
        for (name, value) in mapping.prefix(100) {
            guard let name = reader.text(name, of: key.rawValue), let value = reader.text(value, of: name) else {
                continue
            }
            values[name] = value
        }
        return values
    }

    /// A mapping below a key, over those that are inherited under the same key.
    ///
    /// - Parameters:
    ///   - shorthand: The key that a plain value stands for; nil where only a mapping will do.
    ///   - isSwitch: Whether a plain true stands for a mapping without keys, and a plain false for none.
    package func section<Inner: ConfigurationKey>(
        _ key: Key, of _: Inner.Type, shorthand: Inner? = nil, isSwitch: Bool = false
    ) -> Section<Inner>? {
        var nodes: [Node] = []
        for layer in layers {
            guard let node = layer[key.rawValue] else { continue }
            // Nothing hides what is below, as does every value that is no mapping.
            if ConfigurationReader.isNull(node) { break }
            if case .scalar(let scalar) = node {
                let value = isSwitch && scalar.style == .plain ? Self.bool(scalar.string) : nil
                if value == false { break }
                if value == true {
                    nodes.append(.mapping(Node.Mapping([], .implicit, .any, scalar.mark)))
                } else if let shorthand {
                    nodes.append(
                        .mapping(Node.Mapping([(Node(shorthand.rawValue), node)], .implicit, .any, scalar.mark)))
                } else if nodes.isEmpty {
                    nodes.append(node)
                    break
                }
            } else {
                nodes.append(node)
            }
        }
        guard let first = nodes.first else { return nil }
        return Section<Inner>(first, over: Array(nodes.dropFirst()), reader: reader)
    }

    /// A number as messages show it.
    func plain(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
    }
}
