/// What is wrong with a configuration, all of it at once.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// One thing that is wrong.
    public struct Issue: Sendable, Hashable, CustomStringConvertible {
        /// The file's name, or what else the value comes from, such as `SEGMENTD_HTTP`.
        public var file: String
        /// From 1; nil for what is wrong with the whole.
        public var line: Int?
        /// In Unicode scalars, from 1.
        public var column: Int?
        public var message: String

        public init(file: String, line: Int? = nil, column: Int? = nil, message: String) {
            self.file = file
            self.line = line
            self.column = column
            self.message = message
        }

        public init(_ place: Place, _ message: String) {
            self.init(file: place.file, line: place.line, column: place.column, message: message)
        }

        /// As compilers say it: `FILE:LINE:COLUMN: MESSAGE`.
        public var description: String {
            let place = [file, line.map(String.init), column.map(String.init)].compactMap { $0 }.joined(separator: ":")
            return "\(place): \(message)"
        }
    }

    /// In the order of the file.
    public var issues: [Issue]
    /// Those that were found and are not among `issues`.
    public var omitted: Int

    public init(_ issues: [Issue], omitted: Int = 0) {
        self.issues = issues
        self.omitted = omitted
    }

    /// A line an issue.
    public var description: String {
        let lines = issues.map(\.description)
        return (omitted > 0 ? lines + ["and \(omitted) more"] : lines).joined(separator: "\n")
    }
}
