import Instances
import Video

/// Fills masks translucently and draws their contours, just inside their edges.
///
/// Work is in proportion to the box around the foreground, whatever the picture's size, and goes along rows, which
/// compilers turn into vectors; COCO's runs go down columns, so each only marks the two rows where it begins and ends.
final class MaskPainter {
    private let toggles = ScratchMemory<UInt8>()
    private let eroded = ScratchMemory<UInt8>()
    private let alpha = ScratchMemory<UInt8>()
    private let sums = ScratchMemory<UInt16>()

    /// - Parameters:
    ///   - mask: Of the canvas's size.
    ///   - opacity: Of the fill, 0...255.
    ///   - contour: Width of the contour, pixels; 0 for none.
    func paint(_ mask: Mask, opacity: UInt8, contour: Int, _ ink: Ink, on canvas: Canvas) {
        guard let box = mask.boundingBox else { return }
        let region = PixelRegion(left: Int(box.x0), top: Int(box.y0), right: Int(box.x1), bottom: Int(box.y1))
            .aligned(toChromaOf: canvas)
        // A margin of background on all sides lets the contour's windows reach beyond the region.
        let (stride, rows) = (region.width + 2 * contour, region.height + 2 * contour + 1)
        let inside = toggles.cleared(stride * rows, to: 0)
        let origin = inside + (contour - region.top) * stride + contour - region.left
        mask.forEachForegroundRun { x, range in
            origin[range.lowerBound * stride + x] ^= 0xff
            origin[range.upperBound * stride + x] ^= 0xff
        }
        for row in 1..<rows {
            Self.exclusiveOr(inside + row * stride, with: inside + (row - 1) * stride, count: stride)
        }
        let coverage = Coverage(
            alpha: alpha.uncleared(region.width * region.height, 0), stride: region.width, region: region)
        // Pixels are within the contour when not all pixels at most its width away are inside: rows first, then columns.
        let across = eroded.uncleared(region.width * rows, 0)
        for row in 0..<rows {
            let target = across + row * region.width
            target.update(from: inside + row * stride, count: region.width)
            for offset in Swift.stride(from: 1, through: 2 * contour, by: 1) {
                Self.and(target, with: inside + row * stride + offset, count: region.width)
            }
        }
        for row in 0..<region.height {
            let target = coverage.alpha + row * region.width
            target.update(from: across + row * region.width, count: region.width)
            for offset in Swift.stride(from: 1, through: 2 * contour, by: 1) {
                Self.and(target, with: across + (row + offset) * region.width, count: region.width)
            }
            Self.colour(
                target, inside: inside + (row + contour) * stride + contour, fill: opacity, count: region.width)
        }
        canvas.blend(ink, coverage, scratch: sums)
    }

    private static func exclusiveOr(
        _ target: UnsafeMutablePointer<UInt8>, with other: UnsafePointer<UInt8>, count: Int
    ) {
        for x in 0..<count { target[x] ^= other[x] }
    }

    private static func and(_ target: UnsafeMutablePointer<UInt8>, with other: UnsafePointer<UInt8>, count: Int) {
        for x in 0..<count { target[x] &= other[x] }
    }

    /// Turns what is left of a row without its contour into coverage: the fill's where left, 255 where only inside.
    private static func colour(
        _ core: UnsafeMutablePointer<UInt8>, inside: UnsafePointer<UInt8>, fill: UInt8, count: Int
    ) {
        for x in 0..<count { core[x] = core[x] & fill | inside[x] & ~core[x] }
    }
}
