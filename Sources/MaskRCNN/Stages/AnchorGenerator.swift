import Instances
import Synchronization

/// The anchors of all levels: at every place of a level's grid one box for each aspect ratio.
public final class AnchorGenerator: Sendable {
    /// Rows and columns of a level.
    public typealias Grid = ImageTransform.Size

    private struct Key: Hashable {
        var size: Grid
        var grids: [Grid]
    }

    /// The anchors about the origin, by level.
    let cells: [[Box]]
    /// Pixels between anchors by level; nil where they are what the size of the input is over the grid's.
    private let strides: [Int]?
    /// The last answer: a stream's frames have one size.
    private let last = Mutex<(key: Key, anchors: [[Box]])?>(nil)

    public init(
        _ configuration: ModelConfiguration.Proposals, architecture: ModelConfiguration.Architecture = .fpn,
        rules: ModelConfiguration.Rules = .torchvision
    ) {
        func cell(size: Float, ratio: Float) -> Box {
            switch rules {
            case .torchvision:
                let heightRatio = ratio.squareRoot()
                let (w, h) = (1 / heightRatio * size, heightRatio * size)
                // torchvision rounds half to even.
                func side(_ value: Float) -> Float { (value / 2).rounded(.toNearestOrEven) }
                return Box(x0: side(-w), y0: side(-h), x1: side(w), y1: side(h))
            case .detectron2:
                let w = (Double(size) * Double(size) / Double(ratio)).squareRoot()
                let h = Double(ratio) * w
                return Box(x0: Float(-w / 2), y0: Float(-h / 2), x1: Float(w / 2), y1: Float(h / 2))
            }
        }
        strides = rules == .torchvision ? nil : architecture.strides
        cells =
            switch architecture {
            case .fpn:
                configuration.anchorSizes.map { size in
                    configuration.aspectRatios.map { cell(size: size, ratio: $0) }
                }
            case .c4:
                [
                    configuration.aspectRatios.flatMap { ratio in
                        configuration.anchorSizes.map { cell(size: $0, ratio: ratio) }
                    }
                ]
            }
    }

    /// The anchors of each level, ordered by row, column and aspect ratio, and in C4 by size then.
    ///
    /// - Parameter size: Height and width of the network's input, with padding.
    public func anchors(size: Grid, grids: [Grid]) -> [[Box]] {
        let key = Key(size: size, grids: grids)
        if let known = last.withLock({ $0?.key == key ? $0?.anchors : nil }) { return known }
        let anchors = grids.indices.map { level in
            let (grid, cells) = (grids[level], cells[level])
            let (strideY, strideX) =
                strides.map { ($0[level], $0[level]) } ?? (size.height / grid.height, size.width / grid.width)
            var boxes: [Box] = []
            boxes.reserveCapacity(grid.height * grid.width * cells.count)
            for y in 0..<grid.height {
                for x in 0..<grid.width {
                    let (dx, dy) = (Float(x * strideX), Float(y * strideY))
                    for cell in cells {
                        boxes.append(Box(x0: cell.x0 + dx, y0: cell.y0 + dy, x1: cell.x1 + dx, y1: cell.y1 + dy))
                    }
                }
            }
            return boxes
        }
        last.withLock { $0 = (key, anchors) }
        return anchors
    }
}
