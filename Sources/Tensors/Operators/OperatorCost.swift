/// The work of one run of an operator: what no implementation of its algorithm can do without.
public struct OperatorCost: Sendable {
    /// The algorithm, such as `winograd 3x3`.
    public var algorithm: String
    /// Multiplications and additions of the products as the algorithm does them.
    public var operations: Double
    /// The same as the definition of the operator has them: more than `operations` for Winograd's algorithm.
    public var directOperations: Double
    /// Bytes of inputs, weights and results, each counted once.
    public var bytes: Double
    /// Whether the products are of 16-bit elements.
    public var isNarrow: Bool

    public init(
        algorithm: String, operations: Double = 0, directOperations: Double? = nil, bytes: Double,
        isNarrow: Bool = false
    ) {
        self.algorithm = algorithm
        self.operations = operations
        self.directOperations = directOperations ?? operations
        self.bytes = bytes
        self.isNarrow = isNarrow
    }

    /// An operator that computes little and moves much.
    public static func moving(_ algorithm: String, values: Int) -> OperatorCost {
        OperatorCost(algorithm: algorithm, bytes: Double(values * MemoryLayout<Float>.stride))
    }
}
