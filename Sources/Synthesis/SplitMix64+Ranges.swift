import RandomNumbers

/// What scenes ask of chance. A seed's pictures depend on how it is made, which therefore stays as it is.
extension SplitMix64 {
    /// A number in the range, evenly distributed.
    mutating func uniform(_ range: ClosedRange<Float>) -> Float {
        let unit = Float(next() >> 40) / Float(1 << 24)
        return range.lowerBound + unit * (range.upperBound - range.lowerBound)
    }

    /// A whole number in the range, evenly distributed.
    mutating func integer(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.count))
    }

    /// True with a probability.
    mutating func chance(_ probability: Float) -> Bool {
        uniform(0...1) < probability
    }
}
