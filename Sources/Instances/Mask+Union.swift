extension Mask {
    /// The pixels that are foreground in either mask; both must cover pictures of one size.
    public func union(_ other: Mask) -> Mask {
        precondition(width == other.width && height == other.height, "masks of one picture")
        var encoder = RunLengthEncoder(capacity: runs.count + other.runs.count)
        var (i, j) = (0, 0)
        var (leftA, leftB) = (Int(runs.first ?? 0), Int(other.runs.first ?? 0))
        var rest = width * height
        while rest > 0 {
            while leftA == 0, i + 1 < runs.count {
                i += 1
                leftA = Int(runs[i])
            }
            while leftB == 0, j + 1 < other.runs.count {
                j += 1
                leftB = Int(other.runs[j])
            }
            let length = min(leftA, leftB)
            guard length > 0 else { break }
            encoder.append(foreground: i % 2 == 1 || j % 2 == 1, count: length)
            (leftA, leftB, rest) = (leftA - length, leftB - length, rest - length)
        }
        return Mask(width: width, height: height, runs: encoder.finish())
    }
}
