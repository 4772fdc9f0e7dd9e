/// Which detections of one category in one image are hits (pycocotools' `evaluateImg`).
///
/// For every size of object and every overlap the detections choose in the order of their scores: each takes the object that it overlaps
/// most, of those that are left. Objects that do not count (crowds, and those of another size) are taken only where no other is
/// overlapped enough, and a detection that takes one does not count either; a crowd may be taken any number of times. A detection that
/// takes nothing is false, unless its own size is another.
struct ImageMatching: Sendable {
    /// Intersections over unions from which a detection is a hit, evenly from 0.50 to 0.95.
    static let overlaps = spaced(from: 0.5, to: 0.95, count: 10)
    /// Square pixels, both ends included: all, small, medium and large.
    static let areas: [ClosedRange<Double>] = [0...1e10, 0...1024, 1024...9216, 9216...1e10]
    /// Detections that count in one image and category.
    static let detectionLimit = 100

    /// An object that is there.
    struct Truth {
        var area: Double
        var isCrowd: Bool
    }

    /// What became of the detections for one size of object; one bit an overlap, the first the lowest.
    struct Outcome: Sendable {
        /// Detections that took an object which counts, by detection.
        var hits: [UInt16]
        /// Detections that do not count, by detection.
        var ignored: [UInt16]
        /// Objects that count.
        var objects = 0
    }

    /// By descending score; at most `detectionLimit`.
    let scores: [Double]
    /// For each of `areas`.
    let outcomes: [Outcome]

    /// - Parameters:
    ///   - truths: The objects, in the file's order.
    ///   - scores: The detections' scores, descending; at most `detectionLimit`.
    ///   - detectionAreas: The detections' own sizes, square pixels.
    ///   - overlaps: `[detection, truth]`, how far each two overlap.
    init(truths: [Truth], scores: [Double], detectionAreas: [Double], overlaps: [Double]) {
        self.scores = scores
        outcomes = Self.areas.map { range in
            let isIgnored = truths.map { $0.isCrowd || !range.contains($0.area) }
            // What counts comes first, and the file's order decides among equals.
            let order = truths.indices.filter { !isIgnored[$0] } + truths.indices.filter { isIgnored[$0] }
            var outcome = Outcome(
                hits: [UInt16](repeating: 0, count: scores.count),
                ignored: [UInt16](repeating: 0, count: scores.count), objects: isIgnored.count { !$0 })
            for (bit, threshold) in Self.overlaps.enumerated() {
                var isTaken = [Bool](repeating: false, count: truths.count)
                for detection in scores.indices {
                    var best = min(threshold, 1 - 1e-10)
                    var match: Int?
                    for truth in order {
                        if isTaken[truth] && !truths[truth].isCrowd { continue }
                        if let match, !isIgnored[match], isIgnored[truth] { break }
                        let overlap = overlaps[detection * truths.count + truth]
                        // The later of two equals is taken.
                        if overlap < best { continue }
                        (best, match) = (overlap, truth)
                    }
                    if let match {
                        isTaken[match] = true
                        if isIgnored[match] {
                            outcome.ignored[detection] |= 1 << bit
                        } else {
                            outcome.hits[detection] |= 1 << bit
                        }
                    } else if !range.contains(detectionAreas[detection]) {
                        outcome.ignored[detection] |= 1 << bit
                    }
                }
            }
            return outcome
        }
    }

    /// Evenly spaced numbers, rounded as numpy's `linspace` rounds them: an overlap may lie exactly at one.
    static func spaced(from first: Double, to last: Double, count: Int) -> [Double] {
        let step = (last - first) / Double(count - 1)
        return (0..<count).map { $0 == count - 1 ? last : Double($0) * step + first }
    }
}
