/// The names and shapes that a model needs from its checkpoint.
public struct Manifest: Sendable, Equatable {
    /// Shape by name.
    public let shapes: [String: [Int]]

    public init(_ shapes: [String: [Int]]) {
        self.shapes = shapes
    }

    /// Takes the tensors of a network, each under a name of its own.
    public init(_ tensors: some Sequence<(name: String, shape: [Int])>) {
        shapes = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.shape) })
    }

    /// Everything in which a checkpoint differs, or nil where it fits exactly.
    public func differences(from checkpoint: Checkpoint) -> ManifestDifferences? {
        var differences = ManifestDifferences()
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            guard let tensor = checkpoint.tensors[name] else {
                differences.missing.append(name)
                continue
            }
            if tensor.shape != shape {
                differences.wrongShape.append(.init(name: name, expected: shape, found: tensor.shape))
            }
        }
        differences.unexpected = checkpoint.tensors.keys.filter { shapes[$0] == nil }.sorted()
        return differences.isEmpty ? nil : differences
    }

    /// Checks that names and shapes are exactly these.
    ///
    /// - Throws: `CheckpointError.mismatch` with all differences at once.
    public func validate(_ checkpoint: Checkpoint) throws {
        if let differences = differences(from: checkpoint) {
            throw CheckpointError.mismatch(path: checkpoint.path, differences: differences)
        }
    }
}

/// In what a checkpoint differs from a manifest; each list is sorted by name.
public struct ManifestDifferences: Sendable, Equatable, CustomStringConvertible {
    /// A tensor of another shape than expected.
    public struct Shape: Sendable, Equatable {
        public let name: String
        public let expected: [Int]
        public let found: [Int]

        public init(name: String, expected: [Int], found: [Int]) {
            self.name = name
            self.expected = expected
            self.found = found
        }
    }

    /// Names that the model needs and the checkpoint lacks.
    public var missing: [String] = []
    /// Names in the checkpoint that the model has no place for.
    public var unexpected: [String] = []
    /// Names in both, with different shapes.
    public var wrongShape: [Shape] = []

    public init() {}

    public var isEmpty: Bool { missing.isEmpty && unexpected.isEmpty && wrongShape.isEmpty }

    /// One sentence a list, each with at most ten names.
    public var description: String {
        var parts: [String] = []
        if !missing.isEmpty { parts.append("missing " + Self.listed(missing) { printable($0) }) }
        if !unexpected.isEmpty { parts.append("unexpected " + Self.listed(unexpected) { printable($0) }) }
        if !wrongShape.isEmpty {
            parts.append(
                "wrong shape "
                    + Self.listed(wrongShape) { "\(printable($0.name)) (\($0.found) instead of \($0.expected))" })
        }
        return parts.joined(separator: "; ")
    }

    private static func listed<Item>(_ items: [Item], _ text: (Item) -> String) -> String {
        let shown = items.prefix(10).map(text).joined(separator: ", ")
        return items.count > 10 ? shown + " and \(items.count - 10) more" : shown
    }
}
