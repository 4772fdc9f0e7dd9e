import Tensors

/// What a network's products are computed in. Between operators everything is in single precision, as are the first layer and the last
/// of each head in any case.
public enum Precision: String, CaseIterable, Sendable {
    case fp32
    /// Inputs and weights rounded to bfloat16.
    case bf16
    /// Inputs rounded to 8 bits of ranges that a calibration found, weights to 16 bits or fewer.
    case int8

    /// Whether this processor has instructions for it; without them the results are the same within rounding, and come slower than in
    /// single precision.
    public var isNative: Bool {
        switch self {
        case .fp32: true
        case .bf16: Compute.hasBFloat16
        case .int8: Compute.hasIntegers
        }
    }
}
