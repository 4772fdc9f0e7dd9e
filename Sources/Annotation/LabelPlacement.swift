/// Finds places for labels: above their boxes if there is room, else inside, and where no other label lies.
struct LabelPlacement {
    /// The picture, out of which no label may reach.
    let bounds: PixelRegion
    private var taken: [PixelRegion] = []

    /// Labels that share a crowded place move down by at most so many of their heights.
    private static let mostSteps = 6

    init(bounds: PixelRegion) {
        self.bounds = bounds
    }

    /// Forgets all labels but keeps the memory.
    mutating func restart(bounds: PixelRegion) {
        self = LabelPlacement(bounds: bounds, reusing: &taken)
    }

    private init(bounds: PixelRegion, reusing memory: inout [PixelRegion]) {
        self.bounds = bounds
        swap(&taken, &memory)
        taken.removeAll(keepingCapacity: true)
    }

    /// Takes a place for a label.
    ///
    /// - Parameters:
    ///   - width: The label's size, pixels, likewise `height`; both at most the picture's.
    ///   - box: The outer edges of the object's outline.
    mutating func place(width: Int, height: Int, for box: PixelRegion) -> PixelRegion {
        let left = max(bounds.left, min(box.left, bounds.right - width))
        func clamped(_ top: Int) -> PixelRegion {
            let top = max(bounds.top, min(top, bounds.bottom - height))
            return PixelRegion(left: left, top: top, width: width, height: height)
        }
        let inside = clamped(max(box.top, bounds.top))
        let above = box.top - height >= bounds.top ? clamped(box.top - height) : inside
        var choice = above
        for step in -1...Self.mostSteps {
            // Above, then below the box, then inside it, from its top downwards.
            let candidate =
                switch step {
                case -1: above
                case 0: box.bottom + height <= bounds.bottom ? clamped(box.bottom) : inside
                default: clamped(inside.top + (step - 1) * height)
                }
            if !taken.contains(where: candidate.overlaps) {
                choice = candidate
                break
            }
        }
        taken.append(choice)
        return choice
    }
}
