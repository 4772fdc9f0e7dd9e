import Instances

/// Assigns boxes to the objects that they overlap most (torchvision's `det_utils.Matcher`).
public struct BoxMatcher: Sendable {
    /// What a box has to do with the objects.
    public enum Match: Equatable, Sendable {
        /// The object that it stands for.
        case object(Int)
        case background
        /// Too near to be background, too far to be an object: it teaches nothing.
        case between
    }

    /// IoU from which a box stands for an object.
    public var foreground: Float
    /// IoU below which it is background.
    public var background: Float
    /// Whether each object has the boxes that overlap it most, however little.
    public var keepsBest: Bool

    /// Of anchors (Ren et al. 2015, section 3.1.2).
    public static let anchors = BoxMatcher(foreground: 0.7, background: 0.3, keepsBest: true)
    /// Of proposals (Girshick 2015, section 2.3, with one limit).
    public static let proposals = BoxMatcher(foreground: 0.5, background: 0.5, keepsBest: false)

    public init(foreground: Float, background: Float, keepsBest: Bool) {
        self.foreground = foreground
        self.background = background
        self.keepsBest = keepsBest
    }

    /// What each box stands for; of objects that it overlaps equally the first.
    public func callAsFunction(_ boxes: [Box], objects: [Box]) -> [Match] {
        guard !objects.isEmpty else { return [Match](repeating: .background, count: boxes.count) }
        var (most, best) = ([Float](repeating: -1, count: boxes.count), [Int](repeating: 0, count: boxes.count))
        var greatest = [Float](repeating: -1, count: objects.count)
        for (number, object) in objects.enumerated() {
            for index in boxes.indices {
                let overlap = Self.overlap(object, boxes[index])
                if overlap > most[index] { (most[index], best[index]) = (overlap, number) }
                if overlap > greatest[number] { greatest[number] = overlap }
            }
        }
        var matches = boxes.indices.map { index -> Match in
            most[index] >= foreground ? .object(best[index]) : most[index] < background ? .background : .between
        }
        guard keepsBest else { return matches }
        for (number, object) in objects.enumerated() {
            // All that tie; each stands for the object that it overlaps most, which may be another.
            for index in boxes.indices where Self.overlap(object, boxes[index]) == greatest[number] {
                matches[index] = .object(best[index])
            }
        }
        return matches
    }

    /// The IoU in single precision, in torchvision's order of operations.
    private static func overlap(_ a: Box, _ b: Box) -> Float {
        let width = max(min(a.x1, b.x1) - max(a.x0, b.x0), 0)
        let height = max(min(a.y1, b.y1) - max(a.y0, b.y0), 0)
        let both = width * height
        return both / (a.area + b.area - both)
    }
}
