/// How the values of one operator's inputs are distributed, to choose the range that 8 bits are spread over.
public struct ActivationHistogram: Sendable {
    private static let bins = 4096
    /// Values that are counted of one tensor at most; the extremes are those of all values.
    private static let samples = 1 << 18

    public private(set) var minimum: Float = 0
    public private(set) var maximum: Float = 0
    /// Whether a value was infinite or not a number.
    public private(set) var hasNonFinite = false
    /// Counts of equally wide bins over -bound..<bound.
    private var counts = [Double](repeating: 0, count: bins)
    private var bound: Float = 0

    public init() {}

    /// Adds the values of a tensor.
    public mutating func add(_ tensor: Tensor) {
        tensor.withElements { values in
            var (low, high, isFinite) = (Float(0), Float(0), true)
            for value in values {
                low = min(low, value)
                high = max(high, value)
                isFinite = isFinite && value.isFinite
            }
            guard isFinite else {
                hasNonFinite = true
                return
            }
            minimum = min(minimum, low)
            maximum = max(maximum, high)
            // Numbers so small that their reciprocal is none are zeros to any layer.
            guard max(-low, high) > 1e-30 || bound > 0 else { return }
            widen(to: max(-low, high))
            let scale = Float(Self.bins / 2) / bound
            // An odd step meets all channels of a map, of which there are mostly a power of two.
            let step = max(1, values.count / Self.samples) | 1
            for index in stride(from: 0, to: values.count, by: step) {
                let bin = Int(values[index] * scale + Float(Self.bins / 2))
                counts[min(max(bin, 0), Self.bins - 1)] += Double(step)
            }
        }
    }

    /// Doubles the width of the bins until they reach a number.
    private mutating func widen(to size: Float) {
        guard size > bound else { return }
        if bound == 0 {
            bound = size
            return
        }
        while bound < size {
            var wider = [Double](repeating: 0, count: Self.bins)
            for (bin, count) in counts.enumerated() { wider[Self.bins / 4 + bin / 2] += count }
            counts = wider
            bound *= 2
        }
    }

    /// The range with the least expected squared error of rounding to 8 bits and clipping.
    public var range: ActivationRange {
        var best = ActivationRange(minimum: minimum, maximum: maximum)
        // Inputs that are all zero are rounded to zero in any range.
        if bound == 0 { return ActivationRange(minimum: 0, maximum: 1) }
        // Whoever makes a calibration of it refuses it.
        guard best.isUsable else { return best }
        var least = Double.infinity
        // Clipping more than this would be no distribution that a network has.
        for percent in stride(from: 100, through: 20, by: -2) {
            let share = Float(percent) / 100
            let candidate = ActivationRange(minimum: minimum * share, maximum: maximum * share)
            let error = error(candidate)
            if error < least { (least, best) = (error, candidate) }
        }
        return best
    }

    private func error(_ range: ActivationRange) -> Double {
        let width = 2 * Double(bound) / Double(Self.bins)
        let (low, high) = (Double(range.minimum), Double(range.maximum))
        let step = (high - low) / 255
        var sum = 0.0
        for (bin, count) in counts.enumerated() where count > 0 {
            let value = (Double(bin) + 0.5) * width - Double(bound)
            // Half a bin beyond the end may be within.
            let beyond = max(max(low - value, value - high) - width / 2, 0)
            // Many inputs are mostly exact zeros, which cost nothing: they lie in the bin that begins at 0.
            if bin == Self.bins / 2 && minimum == 0 { continue }
            sum += count * (beyond > 0 ? beyond * beyond : step * step / 12)
        }
        return sum
    }
}
