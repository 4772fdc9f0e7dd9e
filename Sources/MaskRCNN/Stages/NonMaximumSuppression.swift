import Instances

/// Non-maximum suppression as torchvision's `nms` and `batched_nms` do it on the CPU.
public enum NonMaximumSuppression {
    /// Above this number of boxes each group is suppressed by itself; below, all at once with the groups moved apart, which rounds
    /// differently.
    private static let mostBoxesAtOnce = 1000

    /// Suppresses within groups and returns the places of those that stay, by descending score.
    ///
    /// - Parameters:
    ///   - groups: Boxes of different groups do not suppress each other.
    ///   - threshold: The IoU above which the lower of two boxes goes.
    ///   - limit: The number after which the rest does not matter.
    public static func suppress(
        _ boxes: [Box], scores: [Float], groups: [Int], threshold: Double, limit: Int = .max
    ) -> [Int] {
        precondition(boxes.count == scores.count && boxes.count == groups.count, "a score and a group a box")
        let order = descending(scores)
        if boxes.count <= mostBoxesAtOnce {
            let greatest = boxes.lazy.map { max($0.x0, $0.y0, $0.x1, $0.y1) }.max() ?? 0
            let apart = boxes.indices.map { index in
                let (box, offset) = (boxes[index], Float(groups[index]) * (greatest + 1))
                return Box(x0: box.x0 + offset, y0: box.y0 + offset, x1: box.x1 + offset, y1: box.y1 + offset)
            }
            return suppress(apart, order: order, threshold: threshold, limit: limit)
        }
        var members: [Int: [Int]] = [:]
        for index in order { members[groups[index], default: []].append(index) }
        var stays = [Bool](repeating: false, count: boxes.count)
        for group in members.values {
            for index in suppress(boxes, order: group, threshold: threshold, limit: limit) { stays[index] = true }
        }
        return Array(order.lazy.filter { stays[$0] }.prefix(limit))
    }

    /// Places by descending score; equal scores keep their order.
    static func descending(_ scores: [Float]) -> [Int] {
        // Sorting pairs is faster than looking the scores up, and the place makes the order of equals certain.
        var pairs = scores.enumerated().map { (score: $1, index: UInt32($0)) }
        pairs.sort { $0.score > $1.score || ($0.score == $1.score && $0.index < $1.index) }
        return pairs.map { Int($0.index) }
    }

    private static func suppress(_ boxes: [Box], order: [Int], threshold: Double, limit: Int) -> [Int] {
        // Those that stay, side by side, so that each candidate is compared with few and contiguous values.
        var (kept, stay) = ([Int](), [(box: Box, area: Float)]())
        for index in order where kept.count < limit {
            let box = boxes[index]
            let area = (box.x1 - box.x0) * (box.y1 - box.y0)
            let isSuppressed = stay.contains { other in
                let w = max(0, min(box.x1, other.box.x1) - max(box.x0, other.box.x0))
                let h = max(0, min(box.y1, other.box.y1) - max(box.y0, other.box.y0))
                let both = w * h
                // PyTorch compares the single-precision ratio with a threshold in double precision.
                return Double(both / (other.area + area - both)) > threshold
            }
            if isSuppressed { continue }
            kept.append(index)
            stay.append((box, area))
        }
        return kept
    }
}
