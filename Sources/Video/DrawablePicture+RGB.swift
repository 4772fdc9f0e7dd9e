import CFFmpeg
import Instances

extension DrawablePicture {
    /// Makes a picture of RGB samples, in BT.601 and limited range, as FFmpeg makes it of an image.
    ///
    /// For pictures that come from no source; it sets up a converter every time.
    ///
    /// - Throws: `VideoError.outOfMemory`.
    public convenience init(_ image: RGBImage, timestamp: Timestamp, duration: Int64 = 0) throws {
        // A copy, because vector code reads whole groups of samples, beyond the end of rows without padding.
        let source = try PicturePool().frame(width: image.width, height: image.height, format: AV_PIX_FMT_RGB24)
        defer { FFmpeg.free(source) }
        guard let plane = source.pointee.data.0 else { throw VideoError.outOfMemory }
        image.withSamples { samples in
            guard let base = samples.baseAddress else { return }
            for y in 0..<image.height {
                (plane + y * Int(source.pointee.linesize.0)).update(
                    from: base + y * image.bytesPerRow, count: image.bytesPerRow)
            }
        }
        let frame = try PictureConverter().yuvFrame(
            source, orientation: .upright, from: PicturePool(), input: "a picture")
        self.init(frame: frame, timestamp: timestamp, duration: duration)
    }
}
