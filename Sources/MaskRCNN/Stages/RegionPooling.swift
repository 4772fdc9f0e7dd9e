import Foundation
import Instances
import Tensors

/// RoIAlign over the pyramid's levels (torchvision's `MultiScaleRoIAlign`; Lin et al. 2017, equation 1).
public struct RegionPooling: Sendable {
    /// Samples on each side of a bin.
    public static let samples = 2
    /// The level of a box with the canonical side.
    private static let canonicalLevel: Float = 4
    private static let canonicalSide: Float = 224

    /// Output's side, pixels.
    public let size: Int

    public init(size: Int) {
        self.size = size
    }

    /// - Parameters:
    ///   - boxes: In the network's input, pixels.
    ///   - levels: Pyramid levels, finest first; the subsampled fifth is not among them.
    ///   - inputSize: The picture in the network's input without padding.
    /// - Returns: `[boxes, size, size, channels]`.
    public func callAsFunction(
        _ boxes: [Box], _ levels: [Tensor], inputSize: ImageTransform.Size, _ compute: Compute
    ) -> Tensor {
        compute.roiAlign(
            levels, regions(boxes.map { (0, $0) }, levels, inputSize: inputSize), size: size, samples: Self.samples)
    }

    /// Where boxes of the pictures of a batch are pooled from.
    ///
    /// - Parameter inputSize: The greatest height and width of the pictures in the network's input without padding.
    public func regions(
        _ boxes: [(picture: Int, box: Box)], _ levels: [Tensor], inputSize: ImageTransform.Size
    ) -> [Compute.Region] {
        let scales = levels.map { Self.scale($0, inputSize) }
        return boxes.map { picture, box in
            let level = Self.level(box, scales: scales)
            let scale = scales[level]
            return Compute.Region(
                level: level, picture: picture, x0: box.x0 * scale, y0: box.y0 * scale, x1: box.x1 * scale,
                y1: box.y1 * scale)
        }
    }

    /// A level's pixels over the input's: a power of two.
    static func scale(_ level: Tensor, _ size: ImageTransform.Size) -> Float {
        exp2(log2(Float(level.height) / Float(size.height)).rounded(.toNearestOrEven))
    }

    /// The place among `scales` of the level that a box is pooled from.
    static func level(_ box: Box, scales: [Float]) -> Int {
        let (least, greatest) = (-log2(scales[0]), -log2(scales[scales.count - 1]))
        let target = (canonicalLevel + log2(box.area.squareRoot() / canonicalSide) + 1e-6).rounded(.down)
        // A box without area has a logarithm of minus infinity.
        return Int(min(max(target, least), greatest) - least)
    }
}
