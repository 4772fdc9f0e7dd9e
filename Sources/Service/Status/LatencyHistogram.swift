/// Counts durations in fixed classes, as Prometheus reads them.
public struct LatencyHistogram: Sendable, Equatable {
    /// The upper bounds of the classes, seconds; what is above the last one has a class of its own.
    public static let bounds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30,
        60,
    ]

    /// How many were in each class, not summed up; the last one is that above all bounds.
    public private(set) var counts = [Int](repeating: 0, count: bounds.count + 1)
    /// The sum of all, seconds.
    public private(set) var sum = 0.0
    /// The greatest so far, seconds.
    public private(set) var maximum = 0.0

    public init() {}

    public var count: Int { counts.reduce(0, +) }

    /// Counts one more; what is no duration counts as none.
    public mutating func observe(_ seconds: Double) {
        let seconds = seconds.isFinite ? max(0, seconds) : 0
        counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        sum += seconds
        maximum = max(maximum, seconds)
    }

    /// An estimate of the duration that the part of all, 0...1, does not exceed; nil where there is none yet.
    ///
    /// Durations count as spread evenly inside their class.
    public func quantile(_ part: Double) -> Double? {
        let total = count
        guard total > 0 else { return nil }
        var rest = min(1, max(0, part)) * Double(total)
        var lower = 0.0
        for (index, count) in counts.enumerated() {
            let upper = index < Self.bounds.count ? Self.bounds[index] : maximum
            if rest <= Double(count), count > 0 {
                return min(maximum, lower + (upper - lower) * rest / Double(count))
            }
            rest -= Double(count)
            lower = upper
        }
        return maximum
    }
}
