import CFFmpeg
import Instances

/// A decoded frame, as the decoder left it; its conversions stand upright.
///
/// It keeps one of the decoder's buffers until it is released.
// Sendable: the decoder has finished with the AVFrame's pixels, and nobody writes to them or to the AVFrame afterwards.
public final class VideoFrame: @unchecked Sendable {
    /// The frame's place in the order of presentation, from 0.
    public let number: Int
    /// The presentation time that the container gave it.
    public let timestamp: Timestamp
    /// Ticks of the timestamp's time base; 0 where the container does not say.
    public let duration: Int64
    /// Pixels, upright.
    public let width: Int
    /// Pixels, upright.
    public let height: Int
    /// Whether the decoder had to conceal damage.
    public let isCorrupt: Bool
    /// The image file's name without its folder, where frames come from a folder or a pattern.
    public let name: String?
    /// When the frame left the decoder; with a `LiveSource` that keeps the source's pace, when its time had come.
    public let captureTime: WallClock

    let frame: UnsafeMutablePointer<AVFrame>
    private let orientation: Orientation
    let workshop: PictureWorkshop

    /// Takes over the frame.
    init(
        _ frame: UnsafeMutablePointer<AVFrame>, number: Int, timestamp: Timestamp, duration: Int64,
        orientation: Orientation, name: String?, captureTime: WallClock, workshop: PictureWorkshop
    ) {
        self.frame = frame
        self.number = number
        self.timestamp = timestamp
        self.duration = duration
        self.orientation = orientation
        self.name = name
        self.captureTime = captureTime
        self.workshop = workshop
        isCorrupt = frame.pointee.decode_error_flags != 0 || frame.pointee.flags & AV_FRAME_FLAG_CORRUPT != 0
        (width, height) = orientation.size(width: Int(frame.pointee.width), height: Int(frame.pointee.height))
    }

    deinit { FFmpeg.free(frame) }

    /// The same picture at another place in time; no pixel is copied.
    ///
    /// - Throws: `VideoError.outOfMemory`.
    func placed(
        number: Int, timestamp: Timestamp, duration: Int64, captureTime: WallClock
    ) throws -> VideoFrame {
        guard let reference = av_frame_clone(frame) else { throw VideoError.outOfMemory }
        return VideoFrame(
            reference, number: number, timestamp: timestamp, duration: duration, orientation: orientation, name: name,
            captureTime: captureTime, workshop: workshop)
    }

    /// Converts to upright RGB, by the frame's own matrix and range: BT.601 where it names none, as FFmpeg does.
    ///
    /// The picture's memory returns to a pool.
    ///
    /// - Throws: `VideoError.unsupportedFormat`, `.outOfMemory`.
    public func rgbImage() throws -> RGBImage {
        try workshop.rgb.rgbImage(frame, orientation: orientation, from: workshop.images, input: workshop.input)
    }

    /// Copies to upright 8-bit YUV, to be drawn on and encoded.
    ///
    /// - Throws: `VideoError.unsupportedFormat`, `.outOfMemory`.
    public func drawablePicture() throws -> DrawablePicture {
        let copy = try workshop.yuv.yuvFrame(
            frame, orientation: orientation, from: workshop.frames, input: workshop.input)
        return DrawablePicture(frame: copy, timestamp: timestamp, duration: duration)
    }
}

/// What the frames of one source share: converters and the pools of their pictures.
///
/// One converter a kind, so that two stages that convert the same frames do not wait for each other.
final class PictureWorkshop: Sendable {
    let input: String
    let rgb = PictureConverter()
    let yuv = PictureConverter()
    let luma = LumaReducer()
    let images = PicturePool()
    let frames = PicturePool()
    /// Of the frames themselves, where no decoder owns them.
    let sources = PicturePool()

    init(input: String) { self.input = input }
}
