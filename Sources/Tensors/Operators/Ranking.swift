/// Places of values by descending value; equal values keep their order, and what is not a number comes last.
public enum Ranking {
    private struct Entry {
        var key: UInt32
        var place: UInt32
    }

    /// The places of all values, greatest first.
    public static func descending(_ values: [Float]) -> [Int] {
        values.withUnsafeBufferPointer { best(values.count, of: $0) }
    }

    /// The places of the greatest values, greatest first.
    ///
    /// - Parameter count: How many; all values where there are fewer.
    public static func best(_ count: Int, of values: UnsafeBufferPointer<Float>) -> [Int] {
        guard count > 0, !values.isEmpty else { return [] }
        var entries: [Entry] = []
        // Most values are told from the best by the upper bits of their keys, and only what is left is sorted.
        var least = UInt32(0)
        if values.count > count {
            least = leastKey(count, values.count, lowerBits: 20, prefix: 0, mask: 0) { key(values[$0]) }.prefix
        }
        entries.reserveCapacity(min(values.count, 2 * count))
        for (place, value) in values.enumerated() {
            let key = key(value)
            if key >= least { entries.append(Entry(key: key, place: UInt32(truncatingIfNeeded: place))) }
        }
        if entries.count > 2 * count { keepBest(count, &entries) }
        sort(&entries)
        return entries.prefix(count).map { Int($0.place) }
    }

    /// A number for which the order of whole numbers is the order of floats.
    @inline(__always)
    private static func key(_ value: Float) -> UInt32 {
        // Zero has two forms, of which the sum is the positive one.
        let bits = (value + 0).bitPattern
        let ordered = bits & 0x8000_0000 != 0 ? ~bits : bits | 0x8000_0000
        return value.isNaN ? 0 : ordered
    }

    /// Drops what is below the key of a rank.
    private static func keepBest(_ count: Int, _ entries: inout [Entry]) {
        var (prefix, mask, rank) = (UInt32(0), UInt32(0), count)
        for bits in [20, 8, 0] {
            (prefix, rank) = leastKey(rank, entries.count, lowerBits: bits, prefix: prefix, mask: mask) {
                entries[$0].key
            }
            mask = UInt32.max << UInt32(bits)
        }
        entries.removeAll { $0.key < prefix }
    }

    /// The upper bits of the key of a rank among those that begin with a prefix, and its rank among those that begin with them.
    ///
    /// - Parameters:
    ///   - rank: Counted from 1.
    ///   - lowerBits: Bits that are not looked at; at most twelve above them are.
    @inline(__always)
    private static func leastKey(
        _ rank: Int, _ count: Int, lowerBits: Int, prefix: UInt32, mask: UInt32, _ key: (Int) -> UInt32
    ) -> (prefix: UInt32, rank: Int) {
        let digits = 4096
        return withUnsafeTemporaryAllocation(of: Int32.self, capacity: digits) { histogram in
            histogram.initialize(repeating: 0)
            let shift = UInt32(lowerBits)
            // The bits that an earlier call has fixed are the prefix's.
            let field = ~mask >> shift
            for index in 0..<count {
                let key = key(index)
                if key & mask == prefix { histogram[Int(key >> shift & field) & (digits - 1)] += 1 }
            }
            var (digit, rank) = (min(Int(field), digits - 1), rank)
            while digit > 0, histogram[digit] < rank {
                rank -= Int(histogram[digit])
                digit -= 1
            }
            return (prefix | UInt32(digit) << shift, rank)
        }
    }

    /// Sorts by descending key, eight bits at a time, which keeps the order of equals.
    private static func sort(_ entries: inout [Entry]) {
        let count = entries.count
        guard count > 1 else { return }
        entries.withUnsafeMutableBufferPointer { entries in
            withUnsafeTemporaryAllocation(of: Entry.self, capacity: count) { other in
                withUnsafeTemporaryAllocation(of: Int32.self, capacity: 256) { places in
                    var (source, target) = (entries.baseAddress!, other.baseAddress!)
                    for shift in stride(from: UInt32(0), through: 24, by: 8) {
                        places.initialize(repeating: 0)
                        for index in 0..<count { places[Int(source[index].key >> shift & 0xff)] += 1 }
                        var sum: Int32 = 0
                        for digit in stride(from: 255, through: 0, by: -1) {
                            (places[digit], sum) = (sum, sum + places[digit])
                        }
                        for index in 0..<count {
                            let digit = Int(source[index].key >> shift & 0xff)
                            target[Int(places[digit])] = source[index]
                            places[digit] += 1
                        }
                        // Four rounds end where they began.
                        swap(&source, &target)
                    }
                }
            }
        }
    }
}
