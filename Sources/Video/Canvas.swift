/// How a YUV picture's numbers stand for colours.
public struct YUVColorSpace: Sendable, Equatable {
    /// The weights of red, green and blue in luma (ITU-R BT.601, BT.709 or BT.2020, each section 3).
    public enum Matrix: Sendable { case bt601, bt709, bt2020 }

    public var matrix: Matrix
    /// Whether luma uses 0...255 instead of 16...235, and chroma 0...255 instead of 16...240.
    public var isFullRange: Bool

    public init(matrix: Matrix, isFullRange: Bool) {
        self.matrix = matrix
        self.isFullRange = isFullRange
    }

    /// The 8-bit luma and chroma of an RGB colour whose channels are 0...255.
    public func yuv(red: UInt8, green: UInt8, blue: UInt8) -> (y: UInt8, u: UInt8, v: UInt8) {
        let (kr, kb): (Float, Float) =
            switch matrix {
            case .bt601: (0.299, 0.114)
            case .bt709: (0.2126, 0.0722)
            case .bt2020: (0.2627, 0.0593)
            }
        let (r, g, b) = (Float(red) / 255, Float(green) / 255, Float(blue) / 255)
        let y = kr * r + (1 - kr - kb) * g + kb * b
        let (u, v) = ((b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr)))
        let (lumaScale, lumaOffset, chromaScale): (Float, Float, Float) = isFullRange ? (255, 0, 255) : (219, 16, 224)
        func byte(_ value: Float) -> UInt8 { UInt8(max(0, min(255, value.rounded()))) }
        return (byte(y * lumaScale + lumaOffset), byte(u * chromaScale + 128), byte(v * chromaScale + 128))
    }
}

/// The planes of an 8-bit planar YUV picture while somebody may draw on them.
///
/// Luma is `[height, width]`; both chroma planes are `[ceil(height / 2^chromaShiftY), ceil(width / 2^chromaShiftX)]`. A row begins
/// `lumaStride` or `chromaStride` bytes after the one above it. The pointers are valid only inside the call that gave them.
public struct Canvas {
    public let width: Int
    public let height: Int
    public let luma: UnsafeMutablePointer<UInt8>
    public let lumaStride: Int
    public let chromaU: UnsafeMutablePointer<UInt8>
    public let chromaV: UnsafeMutablePointer<UInt8>
    public let chromaStride: Int
    /// 1 where chroma has half the luma's width, 0 where it has all of it.
    public let chromaShiftX: Int
    /// Likewise for the height.
    public let chromaShiftY: Int
    public let colorSpace: YUVColorSpace

    public init(
        width: Int, height: Int, luma: UnsafeMutablePointer<UInt8>, lumaStride: Int,
        chromaU: UnsafeMutablePointer<UInt8>, chromaV: UnsafeMutablePointer<UInt8>, chromaStride: Int,
        chromaShiftX: Int = 1, chromaShiftY: Int = 1, colorSpace: YUVColorSpace
    ) {
        self.width = width
        self.height = height
        self.luma = luma
        self.lumaStride = lumaStride
        self.chromaU = chromaU
        self.chromaV = chromaV
        self.chromaStride = chromaStride
        self.chromaShiftX = chromaShiftX
        self.chromaShiftY = chromaShiftY
        self.colorSpace = colorSpace
    }
}
