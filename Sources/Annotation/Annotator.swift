import Instances
import Synchronization
import Video

/// Draws what was found in a picture onto it: masks with contours, boxes, and labels such as `star 0.98 #7`.
///
/// An object's colour stays with its identity, or with its category before tracking. Lines and text scale with the
/// picture's shorter side. Earlier objects get the better places for their labels. Drawing copies no picture, and allocates
/// next to nothing after the first ones. It may be shared by threads, of which only one draws at a time.
// Sendable: the painters, which hold memory and fonts for one picture at a time, are used only while the lock is held.
public final class Annotator: @unchecked Sendable {
    public let options: AnnotationOptions

    private let maskPainter = MaskPainter()
    private let labelPainter: LabelPainter?
    private let lock = Mutex(())

    /// Finds the fonts for labels, if there are to be any.
    ///
    /// - Throws: `AnnotationError` where labels are wanted and there is no font.
    public init(options: AnnotationOptions = AnnotationOptions()) throws {
        self.options = options
        labelPainter = options.labels ? try LabelPainter() : nil
    }

    /// Draws objects onto a picture.
    ///
    /// Boxes may reach beyond the picture; one with an edge that is not a number is left out, along with its label. A mask of
    /// another size than the picture's is left out.
    public func draw(_ instances: [Instance], on canvas: Canvas) {
        guard !instances.isEmpty, canvas.width > 0, canvas.height > 0 else { return }
        lock.withLock { _ in
            let sizes = LineSizes(canvas)
            if options.masks { drawMasks(instances, sizes, canvas) }
            if options.boxes {
                for instance in instances {
                    guard let box = Self.pixels(instance.box, canvas) else { continue }
                    canvas.outline(box, lineWidth: sizes.box, colors(of: instance, canvas).fill)
                }
            }
            // Last, so that nothing covers them.
            guard let labels = labelPainter else { return }
            labels.begin(on: canvas, fontSize: sizes.font)
            for instance in instances {
                guard let box = Self.pixels(instance.box, canvas) else { continue }
                labels.paint(instance, box: box, colors(of: instance, canvas), on: canvas)
            }
        }
    }

    private func drawMasks(_ instances: [Instance], _ sizes: LineSizes, _ canvas: Canvas) {
        let opacity = options.opacity.isFinite ? max(0, min(1, options.opacity)) : 0
        for instance in instances {
            guard let mask = instance.mask, mask.width == canvas.width, mask.height == canvas.height else { continue }
            maskPainter.paint(
                mask, opacity: UInt8((opacity * 255).rounded()), contour: sizes.contour,
                colors(of: instance, canvas).fill, on: canvas)
        }
    }

    private func colors(of instance: Instance, _ canvas: Canvas) -> Palette.Pair {
        Palette.pair(of: instance.trackID ?? instance.categoryID, in: canvas.colorSpace)
    }

    /// The box in whole pixels, at least one wide and high, or nil where it has an edge that is not a number.
    private static func pixels(_ box: Box, _ canvas: Canvas) -> PixelRegion? {
        let edges = SIMD4(box.x0, box.y0, box.x1, box.y1)
        guard !(0..<4).contains(where: { edges[$0].isNaN }) else { return nil }
        // Far outside it no longer matters where.
        let limit = Float(4 * max(canvas.width, canvas.height))
        let near = edges.clamped(lowerBound: SIMD4(repeating: -limit), upperBound: SIMD4(repeating: limit)).rounded(
            .toNearestOrEven)
        let (left, top) = (Int(near[0]), Int(near[1]))
        return PixelRegion(left: left, top: top, right: max(left + 1, Int(near[2])), bottom: max(top + 1, Int(near[3])))
    }
}

/// How large things are drawn in a picture, pixels.
private struct LineSizes {
    /// Width of a box's lines.
    let box: Int
    /// Width of a mask's contour.
    let contour: Int
    /// An em.
    let font: Int

    init(_ canvas: Canvas) {
        let side = min(canvas.width, canvas.height)
        box = max(1, (side + 180) / 360)
        contour = max(1, (side + 240) / 480)
        font = max(11, (side + 20) / 40)
    }
}
