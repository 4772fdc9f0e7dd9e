/// The keys of one kind of mapping in the file.
package protocol ConfigurationKey: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
    /// The mapping's name in messages and in the schema.
    static var section: String { get }
}

extension ConfigurationKey {
    package static var names: [String] { allCases.map(\.rawValue) }
}
