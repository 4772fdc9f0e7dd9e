/// Where in a file something is written.
public struct Place: Sendable, Hashable, CustomStringConvertible {
    public var file: String
    /// From 1.
    public var line: Int
    /// In Unicode scalars, from 1.
    public var column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    public var description: String { "\(file):\(line):\(column)" }
}

/// A name with the place where it is written, for what can be checked only later. Names are equal wherever they are
/// written.
public struct WrittenName: Sendable, Equatable {
    public var text: String
    public var place: Place

    public init(_ text: String, at place: Place) {
        self.text = text
        self.place = place
    }

    public static func == (left: Self, right: Self) -> Bool { left.text == right.text }
}
