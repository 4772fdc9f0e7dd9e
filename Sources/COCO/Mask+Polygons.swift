import Instances

extension Mask {
    /// The greatest magnitude of a polygon's coordinate, pixels; far beyond any picture, and far below what overflows.
    static let coordinateLimit = 1_048_576.0
    /// Changes between outside and inside in one polygon, above which it is no object's outline and would only fill the memory.
    static let crossingLimit = 1 << 24

    /// Fills polygons as COCO does, pixel for pixel what pycocotools' `frPyObjects` and `merge` make of them.
    ///
    /// A corner is rounded to a fifth of a pixel, and the outline is followed on that grid. Where it passes the middle of a column of
    /// pixels, the column changes between outside and inside, at the next pixel whose centre lies below. A polygon that crosses itself is
    /// so filled by the even-odd rule; several polygons are united.
    ///
    /// - Parameters:
    ///   - polygons: The corners' coordinates, x and y in turns, pixels. A last x without its y is left out.
    ///   - width: Of the picture, 1...65536 pixels, as `height`.
    /// - Returns: nil where there is no polygon with a corner, for a size that no picture has, for coordinates that are not finite or
    ///   beyond ±1048576, and for an outline that changes between outside and inside more than 2^24 times.
    public init?(polygons: [[Double]], width: Int, height: Int) {
        guard COCODataset.Image.isPossible(width: width, height: height) else { return nil }
        var whole: Mask?
        for polygon in polygons where polygon.count >= 2 {
            guard polygon.allSatisfy({ abs($0) <= Mask.coordinateLimit }) else { return nil }
            guard let crossings = PolygonOutline(polygon).crossings(width: width, height: height) else { return nil }
            let part = Mask(width: width, height: height, crossings: crossings)
            whole = whole?.union(part) ?? part
        }
        guard let whole else { return nil }
        self = whole
    }

    /// The mask of all pixels that are foreground in either of two masks, which must cover pictures of one size.
    public func union(_ other: Mask) -> Mask {
        precondition(width == other.width && height == other.height, "masks of one picture")
        var encoder = RunLengthEncoder(capacity: max(runs.count, other.runs.count))
        var (i, j) = (0, 0)
        var (endA, endB) = (Int(runs.first ?? 0), Int(other.runs.first ?? 0))
        var position = 0
        while i < runs.count && j < other.runs.count {
            let end = min(endA, endB)
            encoder.append(foreground: i % 2 == 1 || j % 2 == 1, count: end - position)
            position = end
            // Runs of no length are legal, so both lists advance until they are past the position.
            if endA == position {
                i += 1
                if i < runs.count { endA += Int(runs[i]) }
            }
            if endB == position {
                j += 1
                if j < other.runs.count { endB += Int(other.runs[j]) }
            }
        }
        encoder.append(foreground: false, count: width * height - position)
        return Mask(width: width, height: height, runs: encoder.finish())
    }

    /// Makes runs of the places where the value changes, counted down the columns, in any order; two at one place change nothing.
    private init(width: Int, height: Int, crossings: [Int]) {
        var runs: [UInt32] = []
        var last = 0
        let sorted = crossings.sorted()
        var i = 0
        while i < sorted.count {
            if i + 1 < sorted.count && sorted[i] == sorted[i + 1] {
                i += 2
                continue
            }
            runs.append(UInt32(sorted[i] - last))
            last = sorted[i]
            i += 1
        }
        if last < width * height { runs.append(UInt32(width * height - last)) }
        self.init(width: width, height: height, runs: runs)
    }
}

/// A polygon's outline on a grid of fifths of a pixel (`maskApi.c`, `rleFrPoly`).
///
/// There the outline is made of grid points, one for each step along the longer side of an edge. Here only those steps are looked at that
/// pass the middle of a column, which is where two neighbours stand at 5n + 2 and 5n + 3 in x.
private struct PolygonOutline {
    private static let scale = 5
    private let x: [Int]
    private let y: [Int]

    /// - Parameter polygon: x and y in turns, pixels.
    init(_ polygon: [Double]) {
        // Truncated towards zero and not downwards, as C does.
        let corners = (0..<polygon.count / 2)
        x = corners.map { Int(Double(Self.scale) * polygon[2 * $0] + 0.5) }
        y = corners.map { Int(Double(Self.scale) * polygon[2 * $0 + 1] + 0.5) }
    }

    /// The places `x * height + y` at which pixels change between outside and inside; nil where they are too many.
    func crossings(width: Int, height: Int) -> [Int]? {
        var places: [Int] = []
        for corner in x.indices {
            let next = corner + 1 < x.count ? corner + 1 : 0
            let (dx, dy) = (abs(x[next] - x[corner]), abs(y[next] - y[corner]))
            guard dx > 0 else { continue }
            let isFlat = dx >= dy
            let flips = isFlat ? x[corner] > x[next] : y[corner] > y[next]
            let (from, to) = flips ? (next, corner) : (corner, next)
            let (xs, ys) = (Double(x[from]), Double(y[from]))
            let slope =
                isFlat ? Double(y[to] - y[from]) / Double(dx) : Double(x[to] - x[from]) / Double(dy)

            let (left, right) = (min(x[from], x[to]), max(x[from], x[to]))
            // Columns whose middle, between 5n + 2 and 5n + 3, lies between the ends.
            let first = max(0, (left - 2 + Self.scale - 1).flooredQuotient(Self.scale))
            let last = min(width - 1, (right - 3).flooredQuotient(Self.scale))
            guard first <= last else { continue }
            guard places.count + last - first < Mask.crossingLimit else { return nil }
            for column in first...last {
                let middle = Self.scale * column + 2
                let row: Int
                if isFlat {
                    let step = Double(middle - x[from])
                    row = min(Int(ys + slope * step + 0.5), Int(ys + slope * (step + 1) + 0.5))
                } else {
                    // The first step past the middle; x changes in one direction only.
                    var (low, high) = (1, dy)
                    while low < high {
                        let step = (low + high) / 2
                        let u = Int(xs + slope * Double(step) + 0.5)
                        if slope > 0 ? u > middle : u <= middle { high = step } else { low = step + 1 }
                    }
                    row = y[from] + low - 1
                }
                let centre = (Double(row) + 0.5) / Double(Self.scale) - 0.5
                places.append(column * height + Int(min(max(centre, 0), Double(height)).rounded(.up)))
            }
        }
        return places
    }
}

extension Int {
    /// The quotient rounded downwards, for a divisor above 0.
    fileprivate func flooredQuotient(_ divisor: Int) -> Int {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
