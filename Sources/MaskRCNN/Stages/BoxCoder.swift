import Foundation
import Instances
import Tensors

/// Boxes as differences from other boxes (Girshick et al. 2014, appendix C).
public struct BoxCoder: Sendable {
    /// What centre and size differences are divided by.
    public let centerWeight: Float
    public let sizeWeight: Float

    /// The coder of region proposals.
    public static let proposals = BoxCoder(centerWeight: 1, sizeWeight: 1)
    /// The coder of the box head.
    public static let detections = BoxCoder(centerWeight: 10, sizeWeight: 5)

    /// The greatest logarithm of a growth: from 16 to 1000 pixels.
    private static let greatestGrowth = Float(log(1000.0 / 16))

    /// The differences dx, dy, dw, dh that make an object's box of a reference box: what training wants.
    public func encode(_ box: Box, from reference: Box) -> (dx: Float, dy: Float, dw: Float, dh: Float) {
        let (width, height) = (reference.width, reference.height)
        let (centerX, centerY) = (reference.x0 + 0.5 * width, reference.y0 + 0.5 * height)
        return (
            centerWeight * (box.x0 + 0.5 * box.width - centerX) / width,
            centerWeight * (box.y0 + 0.5 * box.height - centerY) / height, sizeWeight * log(box.width / width),
            sizeWeight * log(box.height / height)
        )
    }

    /// Applies dx, dy, dw, dh to reference boxes and cuts the boxes at a picture's borders.
    ///
    /// An edge that is not a number stays one, so that comparisons with a least side are false and the box goes: weights from a file may
    /// make any numbers of a picture.
    ///
    /// - Parameters:
    ///   - deltas: `[boxes, 4]`.
    ///   - size: The picture's.
    ///   - boxes: As many as there are references.
    func decode(
        _ deltas: UnsafePointer<Float>, _ references: UnsafeBufferPointer<Box>, size: ImageTransform.Size,
        into boxes: UnsafeMutablePointer<Box>
    ) {
        guard let base = references.baseAddress else { return }
        let count = references.count
        // A box is its four edges.
        base.withMemoryRebound(to: Float.self, capacity: 4 * count) { references in
            boxes.withMemoryRebound(to: Float.self, capacity: 4 * count) { boxes in
                BoxKernels.decode(
                    deltas, references, count: count, centerWeight: centerWeight, sizeWeight: sizeWeight,
                    greatestGrowth: Self.greatestGrowth, height: size.height, width: size.width, into: boxes)
            }
        }
    }
}
