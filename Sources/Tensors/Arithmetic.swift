/// What the products of an operator are computed in; everything between operators is in single precision.
public enum Arithmetic: Equatable, Sendable {
    case single
    /// Inputs and weights are rounded to bfloat16, and their products are summed in single precision.
    case bf16
    /// Inputs are rounded to 8 bits of a range, weights to 16 bits or fewer, and their products are summed exactly.
    case integer(ActivationRange)
}

/// The range of an operator's input that 8 bits are spread over; what lies outside becomes its nearer end.
public struct ActivationRange: Equatable, Sendable {
    /// At most 0.
    public let minimum: Float
    /// At least 0.
    public let maximum: Float

    /// The smallest range that holds both numbers and 0, which always is one of the 256 levels: padding is zeros.
    public init(minimum: Float, maximum: Float) {
        self.minimum = min(minimum, 0)
        self.maximum = max(maximum, 0)
    }

    /// Whether the levels lie at finite, distinct numbers.
    public var isUsable: Bool {
        minimum.isFinite && maximum.isFinite && minimum <= 0 && maximum >= 0
            && (1e-30...1e30).contains(maximum - minimum)
    }

    /// From one level to the next.
    var step: Float { (maximum - minimum) / 255 }
    /// The number of the lowest level; 0 is level 0.
    var lowest: Int { Int((minimum / step).rounded()) }
    /// The number of the highest level.
    var highest: Int { lowest + 255 }
}

extension ActivationRange: Codable {
    /// Reads `[minimum, maximum]`, whatever numbers they are: see `isUsable`.
    public init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        minimum = try list.decode(Float.self)
        maximum = try list.decode(Float.self)
        guard list.isAtEnd else {
            throw DecodingError.dataCorruptedError(in: list, debugDescription: "a range has two numbers")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        try list.encode(minimum)
        try list.encode(maximum)
    }
}
