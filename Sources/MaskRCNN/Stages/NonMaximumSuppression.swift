import Instances
import Tensors

/// Non-maximum suppression as torchvision's `nms` and `batched_nms` do it on the CPU.
public enum NonMaximumSuppression {
    /// Above this number of boxes each group is suppressed by itself; below, all at once with the groups moved apart, which rounds
    /// differently.
    static let mostBoxesAtOnce = 1000
    /// So many of the best are ranked at first, or twice the limit; mostly no more are looked at.
    private static let firstRanked = 512

    /// Suppresses within groups and returns the places of those that stay, by descending score; equal scores keep their order.
    ///
    /// - Parameters:
    ///   - group: Tells the group of a place; boxes of different groups do not suppress each other.
    ///   - threshold: The IoU above which the lower of two boxes goes.
    ///   - limit: The number after which the rest does not matter.
    public static func suppress(
        _ boxes: UnsafeBufferPointer<Box>, scores: UnsafeBufferPointer<Float>, threshold: Double, limit: Int = .max,
        group: (Int) -> Int
    ) -> [Int] {
        precondition(boxes.count == scores.count, "a score a box")
        // Groups that are moved apart, so that one search does for all.
        let isAtOnce = boxes.count <= mostBoxesAtOnce
        let greatest = isAtOnce ? boxes.lazy.map { max($0.x0, $0.y0, $0.x1, $0.y1) }.max() ?? 0 : 0
        let bound = greatestFloat(notAbove: threshold)
        var (kept, columns) = ([Int](), [BoxColumns]())
        /// Places among the columns by group.
        var columnOfGroup: [Int: Int] = [:]
        kept.reserveCapacity(min(limit, boxes.count))
        let capacity = min(max(1, min(limit, boxes.count)), 256)

        /// Looks at places in their order; false where enough are kept.
        func look(at places: ArraySlice<Int>) -> Bool {
            for place in places {
                guard kept.count < limit else { return false }
                var (box, key) = (boxes[place], group(place))
                if isAtOnce {
                    let offset = Float(key) * (greatest + 1)
                    box = Box(x0: box.x0 + offset, y0: box.y0 + offset, x1: box.x1 + offset, y1: box.y1 + offset)
                    key = 0
                }
                let column = columnOfGroup[key] ?? columns.count
                if column == columns.count {
                    columns.append(BoxColumns(capacity: capacity))
                    columnOfGroup[key] = column
                }
                if columns[column].admit(box, bound) { kept.append(place) }
            }
            return kept.count < limit
        }
        // The best of all are the best of the first, in the same order.
        let ranked = min(boxes.count, max(firstRanked, limit < boxes.count ? 2 * limit : boxes.count))
        if look(at: Ranking.best(ranked, of: scores)[...]), ranked < boxes.count {
            _ = look(at: Ranking.best(boxes.count, of: scores)[ranked...])
        }
        return kept
    }

    /// Suppresses within groups that are given as a list.
    public static func suppress(
        _ boxes: [Box], scores: [Float], groups: [Int], threshold: Double, limit: Int = .max
    ) -> [Int] {
        boxes.withUnsafeBufferPointer { boxes in
            scores.withUnsafeBufferPointer { scores in
                suppress(boxes, scores: scores, threshold: threshold, limit: limit) { groups[$0] }
            }
        }
    }

    /// Suppresses boxes of one group, whatever their number.
    static func suppress(_ boxes: [Box], scores: [Float], threshold: Double, limit: Int) -> [Int] {
        var (kept, columns) = ([Int](), BoxColumns(capacity: max(1, min(limit, boxes.count))))
        kept.reserveCapacity(min(limit, boxes.count))
        let bound = greatestFloat(notAbove: threshold)
        for place in Ranking.descending(scores) {
            guard kept.count < limit else { break }
            if columns.admit(boxes[place], bound) { kept.append(place) }
        }
        return kept
    }

    /// PyTorch compares single-precision ratios with a threshold in double precision; the greatest single-precision number that is not
    /// above it divides them in the same way.
    private static func greatestFloat(notAbove threshold: Double) -> Float {
        let nearest = Float(threshold)
        return Double(nearest) > threshold ? nearest.nextDown : nearest
    }
}

extension BoxColumns {
    /// Adds a box that overlaps none by more than the limit; false for the others.
    fileprivate mutating func admit(_ box: Box, _ limit: Float) -> Bool {
        if overlaps(box.x0, box.y0, box.x1, box.y1, limit: limit) { return false }
        append(box.x0, box.y0, box.x1, box.y1)
        return true
    }
}
