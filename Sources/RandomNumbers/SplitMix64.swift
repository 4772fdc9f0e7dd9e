import Foundation

/// SplitMix64 (Steele, Lea and Flood 2014): small, fast, the same numbers for the same seed on every machine; its state is one number.
public struct SplitMix64: RandomNumberGenerator, Sendable, Equatable {
    /// All that it will say follows from this.
    @usableFromInline
    var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// A source of its own for a part, such as an image of an epoch, so that parts may come in any order.
    public init(seed: UInt64, part: UInt64...) {
        var source = SplitMix64(seed: seed)
        for number in part { source = SplitMix64(seed: source.next() ^ number) }
        self = source
    }

    @inlinable
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Self.mix(state)
    }

    /// Makes neighbouring numbers unlike each other; no two become the same.
    @inlinable
    public static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Evenly distributed in 0..<1.
    public mutating func uniform() -> Double { Double(next() >> 11) / Double(1 << 53) }

    /// Normally distributed with mean 0 and standard deviation 1 (Box and Muller 1958).
    public mutating func normal() -> Double {
        // 1 - uniform is never 0.
        let (radius, angle) = ((-2 * log(1 - uniform())).squareRoot(), 2 * Double.pi * uniform())
        return radius * cos(angle)
    }

    /// Some of the elements, each set of them as likely as any other.
    public mutating func choose<Element>(_ count: Int, of elements: [Element]) -> [Element] {
        guard count < elements.count else { return elements }
        var elements = elements
        for index in 0..<count {
            elements.swapAt(index, Int.random(in: index..<elements.count, using: &self))
        }
        return Array(elements.prefix(count))
    }
}
