import CFFmpeg
import Instances

/// Turns decoded pictures into upright RGB or YUV, with the same numbers as FFmpeg's own conversions.
///
/// The scaler's context is kept from picture to picture and made anew when the format changes.
// Sendable: everything that changes is only touched while `state` is locked.
final class PictureConverter: Sendable {
    /// What a scaler's context depends on.
    private struct Key: Equatable {
        var width, height, format: CInt
        var targetWidth, targetHeight, targetFormat: CInt
        var space: UInt32, targetSpace: UInt32
        var range: UInt32, targetRange: UInt32
    }

    // @unchecked: the pointers are owned by the locked state.
    private struct State: @unchecked Sendable {
        var context: OpaquePointer?
        var key: Key?
    }

    private let state = Locked(State())
    /// Pictures that are only needed between two steps.
    private let scratch = PicturePool()
    private let scaling: CInt

    /// - Parameter scaling: One of the scaler's `SWS_` flags. Bicubic without further flags is FFmpeg's default, so that a model
    ///   sees the pixels that `ffmpeg -pix_fmt rgb24`, and with it most of what models are trained on, would give it.
    init(scaling: CInt = SWS_BICUBIC) { self.scaling = scaling }

    deinit {
        state.withLock { sws_freeContext($0.context) }
    }

    /// Converts into a picture of any size and format; the target's colour space and range are taken from its fields.
    func convert(_ source: UnsafePointer<AVFrame>, into target: UnsafeMutablePointer<AVFrame>, input: String) throws {
        try state.withLock { state in
            let key = Key(
                width: source.pointee.width, height: source.pointee.height, format: source.pointee.format,
                targetWidth: target.pointee.width, targetHeight: target.pointee.height,
                targetFormat: target.pointee.format,
                space: source.pointee.colorspace.rawValue, targetSpace: target.pointee.colorspace.rawValue,
                range: source.pointee.color_range.rawValue, targetRange: target.pointee.color_range.rawValue)
            if state.key != key {
                sws_freeContext(state.context)
                (state.context, state.key) = (nil, nil)
                state.context = try Self.context(key, scaling: scaling, input: input)
                state.key = key
            }
            guard segmentd_scale(state.context, source, target) >= 0 else {
                throw VideoError.unsupportedFormat(
                    input: input, format: FFmpeg.formatName(AVPixelFormat(source.pointee.format)))
            }
        }
    }

    private static func context(_ key: Key, scaling: CInt, input: String) throws -> OpaquePointer {
        let format = AVPixelFormat(key.format)
        let unsupported = VideoError.unsupportedFormat(input: input, format: FFmpeg.formatName(format))
        guard sws_isSupportedInput(format) > 0 else { throw unsupported }
        guard let context = sws_alloc_context() else { throw VideoError.outOfMemory }
        let object = UnsafeMutableRawPointer(context)
        func set(_ name: String, _ value: CInt) { av_opt_set_int(object, name, Int64(value), 0) }
        set("srcw", key.width)
        set("srch", key.height)
        set("src_format", key.format)
        set("dstw", key.targetWidth)
        set("dsth", key.targetHeight)
        set("dst_format", key.targetFormat)
        set("sws_flags", scaling)
        // Chroma of 4:2:0 lies midway between two rows, as in MPEG-2 and H.264; the `scale` filter says the same.
        if format == AV_PIX_FMT_YUV420P { set("src_v_chr_pos", 128) }
        if AVPixelFormat(key.targetFormat) == AV_PIX_FMT_YUV420P { set("dst_v_chr_pos", 128) }
        guard sws_init_context(context, nil, nil) >= 0 else {
            sws_freeContext(context)
            throw unsupported
        }
        setColors(context, key)
        return context
    }

    private static func setColors(_ context: OpaquePointer, _ key: Key) {
        var (table, targetTable): (UnsafeMutablePointer<CInt>?, UnsafeMutablePointer<CInt>?) = (nil, nil)
        var (isFull, isTargetFull, brightness, contrast, saturation): (CInt, CInt, CInt, CInt, CInt) = (0, 0, 0, 0, 0)
        // Fails for formats without a matrix, such as RGB to RGB; there is then nothing to set.
        guard
            sws_getColorspaceDetails(
                context, &table, &isFull, &targetTable, &isTargetFull, &brightness, &contrast, &saturation) >= 0
        else { return }
        if key.range != AVCOL_RANGE_UNSPECIFIED.rawValue { isFull = key.range == AVCOL_RANGE_JPEG.rawValue ? 1 : 0 }
        if key.targetRange != AVCOL_RANGE_UNSPECIFIED.rawValue {
            isTargetFull = key.targetRange == AVCOL_RANGE_JPEG.rawValue ? 1 : 0
        }
        // The scaler takes an unspecified matrix for BT.601, at any size, and so do these.
        let coefficients = segmentd_coefficients(CInt(key.space))
        let targetCoefficients =
            AVPixelFormat(key.targetFormat).isRGB
            ? coefficients : segmentd_coefficients(CInt(key.targetSpace))
        sws_setColorspaceDetails(
            context, coefficients, isFull, targetCoefficients, isTargetFull, brightness, contrast, saturation)
    }

    /// An upright RGB copy.
    func rgbImage(
        _ source: UnsafePointer<AVFrame>, orientation: Orientation, from pool: PicturePool, input: String
    ) throws -> RGBImage {
        let (storedWidth, storedHeight) = (Int(source.pointee.width), Int(source.pointee.height))
        let (width, height) = orientation.size(width: storedWidth, height: storedHeight)
        let image = try pool.image(width: width, height: height)
        // The scaler's vector code writes whole groups of pixels, so that rows without padding are only given to it where
        // they end with a group.
        let isDirect = orientation == .upright && width % 32 == 0
        let target =
            isDirect
            ? try FFmpeg.frame() : try scratch.frame(width: storedWidth, height: storedHeight, format: AV_PIX_FMT_RGB24)
        defer { FFmpeg.free(target) }
        try image.withMutableSamples { samples in
            if isDirect {
                target.pointee.data.0 = samples.baseAddress
                target.pointee.linesize.0 = CInt(width * 3)
                target.pointee.width = CInt(width)
                target.pointee.height = CInt(height)
                target.pointee.format = AV_PIX_FMT_RGB24.rawValue
            }
            try convert(source, into: target, input: input)
            guard !isDirect, let plane = target.pointee.data.0, let base = samples.baseAddress else { return }
            orientation.turn(
                plane, stride: Int(target.pointee.linesize.0), into: base, stride: width * 3, width: width,
                height: height, bytes: 3)
        }
        return image
    }

    /// An upright 8-bit planar YUV copy, of which the caller owns the frame.
    func yuvFrame(
        _ source: UnsafePointer<AVFrame>, orientation: Orientation, from pool: PicturePool, input: String
    ) throws -> UnsafeMutablePointer<AVFrame> {
        let (storedWidth, storedHeight) = (Int(source.pointee.width), Int(source.pointee.height))
        let (width, height) = orientation.size(width: storedWidth, height: storedHeight)
        let sourceFormat = AVPixelFormat(source.pointee.format)
        let format = width % 2 == 0 && height % 2 == 0 ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_YUV444P
        let upright = try pool.frame(width: width, height: height, format: format)
        do {
            copyColors(from: source, to: upright)
            if orientation == .upright {
                if sourceFormat.planarYUV == format {
                    segmentd_copy_planes(upright, source, format)
                } else {
                    try convert(source, into: upright, input: input)
                }
                return upright
            }
            let stored = try scratch.frame(width: storedWidth, height: storedHeight, format: format)
            defer { FFmpeg.free(stored) }
            copyColors(from: source, to: stored)
            if sourceFormat.planarYUV == format {
                segmentd_copy_planes(stored, source, format)
            } else {
                try convert(source, into: stored, input: input)
            }
            let isHalved = format == AV_PIX_FMT_YUV420P
            let (from, to) = (stored.pointee, upright.pointee)
            let planes = [
                (from.data.0, from.linesize.0, to.data.0, to.linesize.0, false),
                (from.data.1, from.linesize.1, to.data.1, to.linesize.1, isHalved),
                (from.data.2, from.linesize.2, to.data.2, to.linesize.2, isHalved),
            ]
            for case (let plane?, let stride, let target?, let targetStride, let isHalf) in planes {
                orientation.turn(
                    plane, stride: Int(stride), into: target, stride: Int(targetStride),
                    width: isHalf ? width / 2 : width, height: isHalf ? height / 2 : height, bytes: 1)
            }
            return upright
        } catch {
            FFmpeg.free(upright)
            throw error
        }
    }

    /// Carries over what the numbers stand for; what comes from RGB becomes BT.601 in limited range and says so.
    private func copyColors(from source: UnsafePointer<AVFrame>, to target: UnsafeMutablePointer<AVFrame>) {
        let format = AVPixelFormat(source.pointee.format)
        target.pointee.color_primaries = source.pointee.color_primaries
        target.pointee.color_trc = source.pointee.color_trc
        target.pointee.colorspace = format.isRGB ? AVCOL_SPC_SMPTE170M : source.pointee.colorspace
        target.pointee.chroma_location = source.pointee.chroma_location
        target.pointee.color_range =
            format.isRGB
            ? AVCOL_RANGE_MPEG : format.isAlwaysFullRange ? AVCOL_RANGE_JPEG : source.pointee.color_range
    }
}

extension AVPixelFormat {
    /// Whether the samples are red, green and blue, or indices into a table of such.
    var isRGB: Bool {
        guard let descriptor = av_pix_fmt_desc_get(self) else { return false }
        return descriptor.pointee.flags & UInt64(AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL) != 0
    }

    /// The `yuvj` formats, whose name says what `color_range` says elsewhere.
    var isAlwaysFullRange: Bool {
        self == AV_PIX_FMT_YUVJ420P || self == AV_PIX_FMT_YUVJ422P || self == AV_PIX_FMT_YUVJ444P
            || self == AV_PIX_FMT_YUVJ440P
    }

    /// The same layout without a statement about range.
    var planarYUV: AVPixelFormat {
        switch self {
        case AV_PIX_FMT_YUVJ420P: AV_PIX_FMT_YUV420P
        case AV_PIX_FMT_YUVJ444P: AV_PIX_FMT_YUV444P
        default: self
        }
    }
}
