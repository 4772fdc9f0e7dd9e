import Foundation
import Instances
import Tensors

/// RoIAlign over a network's levels (torchvision's `MultiScaleRoIAlign`, Detectron2's `ROIPooler`; Lin et al. 2017, equation 1).
public struct RegionPooling: Sendable {
    /// Samples on each side of a bin.
    public static let samples = 2
    /// The level of a box with the canonical side.
    private static let canonicalLevel: Float = 4
    private static let canonicalSide: Float = 224

    /// Output's side, pixels.
    public let size: Int

    private let rules: ModelConfiguration.Rules
    /// Pixels of the input from one place of a level to the next; torchvision reckons them from the levels' sizes instead.
    private let strides: [Int]

    public init(size: Int, rules: ModelConfiguration.Rules = .torchvision, strides: [Int] = []) {
        self.size = size
        self.rules = rules
        self.strides = strides
    }

    /// - Parameters:
    ///   - boxes: In the network's input, pixels.
    ///   - levels: Pyramid levels, finest first; the subsampled fifth is not among them.
    ///   - inputSize: The picture in the network's input without padding.
    /// - Returns: `[boxes, size, size, channels]`.
    public func callAsFunction(
        _ boxes: [Box], _ levels: [Tensor], inputSize: ImageTransform.Size, _ compute: Compute
    ) -> Tensor {
        let regions = regions(boxes.map { (0, $0) }, levels, inputSize: inputSize)
        switch rules {
        case .torchvision: return compute.roiAlign(levels, regions, size: size, samples: Self.samples)
        case .detectron2: return compute.roiAlignAdaptive(levels, regions, size: size)
        }
    }

    /// Where boxes of the pictures of a batch are pooled from.
    ///
    /// - Parameter inputSize: The greatest height and width of the pictures in the network's input without padding.
    public func regions(
        _ boxes: [(picture: Int, box: Box)], _ levels: [Tensor], inputSize: ImageTransform.Size
    ) -> [Compute.Region] {
        let scales =
            rules == .torchvision
            ? levels.map { Self.scale($0, inputSize) } : levels.indices.map { 1 / Float(strides[$0]) }
        // Where coordinates are of pixels' centres, the first pixel's is a half.
        let offset: Float = rules == .torchvision ? 0 : 0.5
        return boxes.map { picture, box in
            let level = Self.level(box, scales: scales, rules: rules)
            let scale = scales[level]
            return Compute.Region(
                level: level, picture: picture, x0: box.x0 * scale - offset, y0: box.y0 * scale - offset,
                x1: box.x1 * scale - offset, y1: box.y1 * scale - offset)
        }
    }

    /// A level's pixels over the input's: a power of two.
    static func scale(_ level: Tensor, _ size: ImageTransform.Size) -> Float {
        exp2(log2(Float(level.height) / Float(size.height)).rounded(.toNearestOrEven))
    }

    /// The place among `scales` of the level that a box is pooled from.
    static func level(_ box: Box, scales: [Float], rules: ModelConfiguration.Rules = .torchvision) -> Int {
        let (least, greatest) = (-log2(scales[0]), -log2(scales[scales.count - 1]))
        let ratio = box.area.squareRoot() / canonicalSide
        let target =
            switch rules {
            case .torchvision: (canonicalLevel + log2(ratio) + 1e-6).rounded(.down)
            case .detectron2: (canonicalLevel + log2(ratio + 1e-8)).rounded(.down)
            }
        // A box without area has a logarithm of minus infinity, and one that is not finite perhaps none.
        return target > least ? Int(min(target, greatest) - least) : 0
    }
}
