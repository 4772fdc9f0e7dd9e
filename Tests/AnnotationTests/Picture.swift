import Instances
import Video

@testable import Annotation

/// A grey picture whose planes lie between bytes that nobody may write.
final class Picture {
    static let guarded: UInt8 = 0xa5
    static let luma: UInt8 = 100
    static let chroma: UInt8 = 128
    /// Bytes before, behind and, as padding, beside each plane's rows.
    private static let margin = 40

    let width: Int
    let height: Int
    let shiftX: Int
    let shiftY: Int
    let colorSpace: YUVColorSpace
    private var planes: [UnsafeMutableBufferPointer<UInt8>] = []

    init(
        _ width: Int, _ height: Int, shiftX: Int = 1, shiftY: Int = 1,
        colorSpace: YUVColorSpace = YUVColorSpace(matrix: .bt709, isFullRange: false)
    ) {
        (self.width, self.height, self.shiftX, self.shiftY) = (width, height, shiftX, shiftY)
        self.colorSpace = colorSpace
        for plane in 0..<3 {
            let (w, h) = size(plane)
            let stride = w + Self.margin
            let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: stride * h + 2 * Self.margin)
            memory.initialize(repeating: Self.guarded)
            for y in 0..<h {
                for x in 0..<w { memory[Self.margin + y * stride + x] = plane == 0 ? Self.luma : Self.chroma }
            }
            planes.append(memory)
        }
    }

    deinit { for plane in planes { plane.deallocate() } }

    private func size(_ plane: Int) -> (width: Int, height: Int) {
        if plane == 0 { return (width, height) }
        return ((width + (1 << shiftX) - 1) >> shiftX, (height + (1 << shiftY) - 1) >> shiftY)
    }

    var canvas: Canvas {
        let start = planes.map { $0.baseAddress! + Self.margin }
        return Canvas(
            width: width, height: height, luma: start[0], lumaStride: size(0).width + Self.margin,
            chromaU: start[1], chromaV: start[2], chromaStride: size(1).width + Self.margin, chromaShiftX: shiftX,
            chromaShiftY: shiftY, colorSpace: colorSpace)
    }

    /// The sample of a plane (0 luma, 1 and 2 chroma).
    func sample(_ plane: Int, _ x: Int, _ y: Int) -> UInt8 {
        planes[plane][Self.margin + y * (size(plane).width + Self.margin) + x]
    }

    /// Whether nothing outside the planes was written.
    var isGuardIntact: Bool {
        planes.indices.allSatisfy { plane in
            let (w, h) = size(plane)
            let stride = w + Self.margin
            return planes[plane].indices.allSatisfy { i in
                let (x, y) = ((i - Self.margin) % stride, (i - Self.margin) / stride)
                let isPicture = i >= Self.margin && y < h && x < w
                return isPicture || planes[plane][i] == Self.guarded
            }
        }
    }

    /// The smallest region that holds all luma samples that changed, or nil.
    var changed: PixelRegion? {
        var region: PixelRegion?
        for y in 0..<height {
            for x in 0..<width where sample(0, x, y) != Self.luma {
                let old = region ?? PixelRegion(left: x, top: y, width: 1, height: 1)
                region = PixelRegion(
                    left: min(old.left, x), top: min(old.top, y), right: max(old.right, x + 1),
                    bottom: max(old.bottom, y + 1))
            }
        }
        return region
    }

    /// All samples of all planes.
    var samples: [UInt8] {
        (0..<3).flatMap { plane in
            let (w, h) = size(plane)
            return (0..<h).flatMap { y in (0..<w).map { x in sample(plane, x, y) } }
        }
    }
}

/// An object with a rectangular mask.
func object(
    _ picture: Picture, mask rectangle: PixelRegion? = nil, box: Box = Box(x0: 0, y0: 0, x1: 1, y1: 1),
    category: String = "star", trackID: Int? = 7
) -> Instance {
    var mask: Mask?
    if let rectangle {
        var bitmap = [UInt8](repeating: 0, count: picture.width * picture.height)
        for y in rectangle.top..<rectangle.bottom {
            for x in rectangle.left..<rectangle.right { bitmap[y * picture.width + x] = 1 }
        }
        mask = Mask(width: picture.width, height: picture.height, bitmap: bitmap)
    }
    return Instance(trackID: trackID, categoryID: 4, category: category, score: 0.981, box: box, mask: mask)
}
