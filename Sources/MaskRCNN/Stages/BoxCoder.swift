import Foundation
import Instances

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

    /// Applies dx, dy, dw, dh to a reference box.
    @inline(__always)
    public func decode(_ dx: Float, _ dy: Float, _ dw: Float, _ dh: Float, _ reference: Box) -> Box {
        let (width, height) = (reference.x1 - reference.x0, reference.y1 - reference.y0)
        let (x, y) = (reference.x0 + 0.5 * width, reference.y0 + 0.5 * height)
        let centerX = dx / centerWeight * width + x
        let centerY = dy / centerWeight * height + y
        let halfWidth = 0.5 * (exp(min(dw / sizeWeight, Self.greatestGrowth)) * width)
        let halfHeight = 0.5 * (exp(min(dh / sizeWeight, Self.greatestGrowth)) * height)
        return Box(
            x0: centerX - halfWidth, y0: centerY - halfHeight, x1: centerX + halfWidth, y1: centerY + halfHeight)
    }
}
