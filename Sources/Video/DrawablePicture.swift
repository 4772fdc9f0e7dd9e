import CFFmpeg

/// An upright 8-bit planar YUV copy of a frame, to be drawn on and encoded.
///
/// 4:2:0 where both sides are even; 4:4:4 where one is odd, since encoders such as H.264's take no odd sizes in 4:2:0 and
/// a column would be lost. Ten-bit video becomes eight-bit here. Its memory returns to a pool.
// Sendable: handed from stage to stage, used by one thread at a time.
public final class DrawablePicture: @unchecked Sendable {
    /// The source's presentation time.
    public let timestamp: Timestamp
    /// Ticks of the timestamp's time base; 0 where unknown.
    public let duration: Int64
    /// Pixels.
    public let width: Int
    /// Pixels.
    public let height: Int

    let frame: UnsafeMutablePointer<AVFrame>

    /// Takes over the frame.
    init(frame: UnsafeMutablePointer<AVFrame>, timestamp: Timestamp, duration: Int64) {
        self.frame = frame
        self.timestamp = timestamp
        self.duration = duration
        width = Int(frame.pointee.width)
        height = Int(frame.pointee.height)
    }

    deinit { FFmpeg.free(frame) }

    /// How the numbers stand for colours; BT.601 in limited range where the source does not say, as FFmpeg reads it.
    public var colorSpace: YUVColorSpace {
        let matrix: YUVColorSpace.Matrix =
            switch frame.pointee.colorspace {
            case AVCOL_SPC_BT709: .bt709
            case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL: .bt2020
            default: .bt601
            }
        return YUVColorSpace(matrix: matrix, isFullRange: frame.pointee.color_range == AVCOL_RANGE_JPEG)
    }

    /// Gives the planes to be read and drawn on; the pointers are valid only inside `body`.
    ///
    /// To be called before the picture is written: an encoder goes on reading what it was given.
    public func withCanvas<Result>(_ body: (Canvas) throws -> Result) rethrows -> Result {
        guard let luma = frame.pointee.data.0, let chromaU = frame.pointee.data.1, let chromaV = frame.pointee.data.2
        else { preconditionFailure("a drawable picture has three planes") }
        let shift = AVPixelFormat(frame.pointee.format) == AV_PIX_FMT_YUV420P ? 1 : 0
        let canvas = Canvas(
            width: width, height: height, luma: luma, lumaStride: Int(frame.pointee.linesize.0), chromaU: chromaU,
            chromaV: chromaV, chromaStride: Int(frame.pointee.linesize.1), chromaShiftX: shift, chromaShiftY: shift,
            colorSpace: colorSpace)
        return try withExtendedLifetime(self) { try body(canvas) }
    }
}
