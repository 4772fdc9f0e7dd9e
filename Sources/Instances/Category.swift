/// A kind of object that a model knows.
public struct Category: Sendable, Equatable, Hashable, Codable {
    /// The number that results carry as `category_id`.
    public var id: Int
    /// The name that labels and `--classes` use.
    public var name: String

    public init(id: Int, name: String) {
        self.id = id
        self.name = name
    }
}
