/// The five losses of a Mask R-CNN (He et al. 2017, section 3; Ren et al. 2015, section 3.1.2), whose sum is trained.
public struct Losses: Sendable, Equatable {
    /// Cross-entropy of the anchors' objectness.
    public var objectness = 0.0
    /// Smooth L1 of the anchors' boxes.
    public var proposalBoxes = 0.0
    /// Cross-entropy of the regions' classes.
    public var classes = 0.0
    /// Smooth L1 of the regions' boxes.
    public var boxes = 0.0
    /// Cross-entropy of the masks' pixels.
    public var masks = 0.0

    public init() {}

    public var total: Double { objectness + proposalBoxes + classes + boxes + masks }

    /// With the names that are used in logs.
    public var named: [(name: String, value: Double)] {
        [
            ("loss", total), ("objectness", objectness), ("proposal_boxes", proposalBoxes), ("classes", classes),
            ("boxes", boxes), ("masks", masks),
        ]
    }

    public static func + (a: Losses, b: Losses) -> Losses {
        var sum = Losses()
        sum.objectness = a.objectness + b.objectness
        sum.proposalBoxes = a.proposalBoxes + b.proposalBoxes
        sum.classes = a.classes + b.classes
        sum.boxes = a.boxes + b.boxes
        sum.masks = a.masks + b.masks
        return sum
    }

    public func scaled(by factor: Double) -> Losses {
        var scaled = self
        scaled.objectness *= factor
        scaled.proposalBoxes *= factor
        scaled.classes *= factor
        scaled.boxes *= factor
        scaled.masks *= factor
        return scaled
    }
}
