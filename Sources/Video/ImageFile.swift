import CFFmpeg
import Files
import Instances

/// Single images in files.
public enum ImageFile {
    /// Reads any image that FFmpeg decodes; of a video, the first frame.
    ///
    /// - Parameter interrupter: What ends a read that waits.
    /// - Throws: `VideoError`.
    public static func read(_ path: String, interrupter: Interrupter = Interrupter()) throws -> RGBImage {
        let source = try VideoSource(
            path, options: VideoSource.Options(limit: 1, threads: 1, interrupter: interrupter))
        guard let frame = try source.next() else { throw VideoError.nothingDecoded(input: path) }
        return try frame.rgbImage()
    }

    /// An image's width and height, pixels, as `read` would give it; nil where it cannot be read.
    public static func size(of path: String) -> (width: Int, height: Int)? {
        guard let source = try? VideoSource(path, options: VideoSource.Options(limit: 1, threads: 1)) else {
            return nil
        }
        return (source.information.width, source.information.height)
    }

    /// Writes a picture as PNG, or as JPEG where the name ends so.
    ///
    /// - Parameter quality: JPEG's quantiser, from 2, the best, to 31.
    /// - Throws: `FileError`; `VideoError.unknownContainer` where the suffix is neither `png` nor `jpg` or `jpeg`.
    public static func write(_ image: RGBImage, to path: String, quality: Int = 3) throws {
        let name = path.lowercased()
        let isJPEG = name.hasSuffix(".jpg") || name.hasSuffix(".jpeg")
        guard isJPEG || name.hasSuffix(".png") else { throw VideoError.unknownContainer(path: path) }
        let packet = try encode(image, isJPEG: isJPEG, quality: quality, path: path)
        let file = try AtomicFile(path: path)
        try packet.withBytes { try file.write($0) }
        try file.commit()
    }

    /// A picture as the bytes of a PNG file.
    ///
    /// - Throws: `VideoError`.
    public static func png(_ image: RGBImage) throws -> [UInt8] {
        try encode(image, isJPEG: false, quality: 0, path: "PNG").withBytes { Array($0) }
    }

    /// A picture as the bytes of a JPEG file, its quantiser from 2, the best, to 31.
    ///
    /// - Throws: `VideoError`.
    public static func jpeg(_ image: RGBImage, quality: Int = 3) throws -> [UInt8] {
        try encode(image, isJPEG: true, quality: quality, path: "JPEG").withBytes { Array($0) }
    }

    private static func encode(_ image: RGBImage, isJPEG: Bool, quality: Int, path: String) throws -> Packet {
        FFmpeg.prepare()
        guard let codec = avcodec_find_encoder(isJPEG ? AV_CODEC_ID_MJPEG : AV_CODEC_ID_PNG) else {
            throw VideoError.noEncoder(name: isJPEG ? "mjpeg" : "png", available: [])
        }
        var context = avcodec_alloc_context3(codec)
        guard let encoder = context else { throw VideoError.outOfMemory }
        defer { avcodec_free_context(&context) }
        let format = isJPEG ? AV_PIX_FMT_YUVJ444P : AV_PIX_FMT_RGB24
        encoder.pointee.width = CInt(image.width)
        encoder.pointee.height = CInt(image.height)
        encoder.pointee.pix_fmt = format
        encoder.pointee.time_base = AVRational(num: 1, den: 1)
        encoder.pointee.thread_count = 1
        if isJPEG {
            encoder.pointee.color_range = AVCOL_RANGE_JPEG
            encoder.pointee.flags |= AV_CODEC_FLAG_QSCALE
            encoder.pointee.global_quality = CInt(quality) * FF_QP2LAMBDA
        }
        func check(_ code: CInt) throws {
            guard code < 0 else { return }
            throw VideoError.refused(path: path, what: "the image cannot be encoded", reason: FFmpeg.reason(code))
        }
        try check(avcodec_open2(encoder, codec, nil))
        let frame = try PicturePool().frame(of: image)
        defer { FFmpeg.free(frame) }
        var coded = frame
        if isJPEG {
            coded = try PicturePool().frame(width: image.width, height: image.height, format: format)
            coded.pointee.color_range = AVCOL_RANGE_JPEG
            coded.pointee.colorspace = AVCOL_SPC_BT470BG
        }
        defer { if isJPEG { FFmpeg.free(coded) } }
        if isJPEG { try PictureConverter().convert(frame, into: coded, input: path) }
        coded.pointee.pts = 0
        coded.pointee.quality = encoder.pointee.global_quality
        let packet = try Packet()
        try check(avcodec_send_frame(encoder, coded))
        try check(avcodec_send_frame(encoder, nil))
        try check(avcodec_receive_packet(encoder, packet.pointer))
        return packet
    }
}

extension Packet {
    fileprivate func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) {
            try body(UnsafeRawBufferPointer(start: pointer.pointee.data, count: Int(pointer.pointee.size)))
        }
    }
}
