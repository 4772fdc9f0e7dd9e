import RandomNumbers

/// Chooses the boxes that a step learns from (torchvision's `BalancedPositiveNegativeSampler`).
public struct BalancedSampler: Sendable, Equatable {
    /// Boxes of a picture.
    public var size: Int
    /// The greatest part of them that stands for objects.
    public var positiveFraction: Double

    public init(size: Int, positiveFraction: Double) {
        self.size = size
        self.positiveFraction = positiveFraction
    }

    /// Places among the matches, in ascending order: some that stand for objects, and background up to the size.
    public func callAsFunction(_ matches: [BoxMatcher.Match], using generator: inout SplitMix64) -> [Int] {
        var (positives, negatives) = ([Int](), [Int]())
        for (index, match) in matches.enumerated() {
            switch match {
            case .object: positives.append(index)
            case .background: negatives.append(index)
            case .between: break
            }
        }
        let positiveCount = min(positives.count, Int(Double(size) * positiveFraction))
        let negativeCount = min(negatives.count, size - positiveCount)
        return (generator.choose(positiveCount, of: positives) + generator.choose(negativeCount, of: negatives))
            .sorted()
    }
}
