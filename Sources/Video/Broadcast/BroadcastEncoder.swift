import CFFmpeg
import Instances
import Locks

/// Turns pictures into packets: opens an encoder, forces keyframes where targets need them, and begins anew where the
/// pictures' size changes or their time goes back.
///
/// One thread at a time.
final class BroadcastEncoder {
    private let codec: UnsafePointer<AVCodec>
    private let options: VideoBroadcast.Options
    private let label: String
    /// Ticks of `EncodedStream.timeBase`.
    private let keyframeInterval: Int64
    /// Durations of recorded files, seconds; each begins with a keyframe.
    private let spans: [Double]

    private var encoder: VideoEncoder?
    private var stream: EncodedStream?
    private var size = (width: 0, height: 0)
    private var last: Int64 = 0
    /// The time between the last two pictures.
    private var lastDistance: Int64 = 0
    /// How long a picture is shown that does not say so: the shorter of the last two distances, since one may be a gap.
    private var interval: Int64 = 0
    private var lastKey: Int64 = 0
    private var lastNumbers: [Int] = []
    /// When the pictures inside the encoder were taken; they come out in order.
    private var captured: [WallClock] = []

    /// - Throws: `VideoError.unknownCodec`, `.noEncoder`, `.unknownPreset`, `.qualityOutOfRange`, `.refused`.
    init(_ options: VideoBroadcast.Options, targets: [VideoBroadcast.Target], label: String) throws {
        FFmpeg.prepare()
        self.options = options
        self.label = label
        codec = try VideoEncoder.find(options.codec)
        guard codec.pointee.id == AV_CODEC_ID_H264 || codec.pointee.id == AV_CODEC_ID_HEVC else {
            throw VideoError.refused(
                path: label, what: "cannot be sent as \(options.codec)",
                reason: "use h264, or hevc where every player takes it")
        }
        try VideoEncoder.validate(Self.writerOptions(options), for: codec, path: label)
        var interval = options.keyframeInterval
        var spans: [Double] = []
        for target in targets {
            switch target {
            case .record(let record): spans.append(record.segment.inSeconds)
            case .hls(let hls): interval = min(interval, hls.segment)
            case .push: break
            }
        }
        self.spans = spans
        keyframeInterval = Int64((interval.inSeconds / EncodedStream.timeBase.value).rounded())
    }

    private static func writerOptions(_ options: VideoBroadcast.Options) -> VideoWriter.Options {
        VideoWriter.Options(
            codec: options.codec, quality: options.quality, preset: options.preset, threads: options.threads)
    }

    /// Encodes a picture.
    ///
    /// - Throws: `VideoError`; the encoder is then closed.
    func encode(
        _ picture: DrawablePicture, capturedAt: WallClock, to sink: (EncodedPacket) -> Void
    ) throws {
        var isEncoded = false
        // A picture that failed leaves the encoder in no state to go on in.
        defer { if !isEncoded { close() } }
        let stamp = try self.stamp(of: picture)
        if encoder != nil && (size != (picture.width, picture.height) || stamp < last) { try finish(to: sink) }
        let isFirst = encoder == nil
        let encoder = try encoder ?? open(picture)
        let numbers = spans.map { SegmentClock.number(capturedAt, $0) }
        let isDue = isFirst || stamp - lastKey >= keyframeInterval || numbers != lastNumbers
        if isDue { lastKey = stamp }
        let distance = isFirst ? 0 : stamp - last
        interval = min(distance, lastDistance > 0 ? lastDistance : distance)
        lastDistance = distance
        (last, lastNumbers) = (stamp, numbers)
        captured.append(capturedAt)
        try encoder.encode(picture, forcingKeyframe: isDue) { packet, _ in try give(packet, sink) }
        isEncoded = true
    }

    /// Gives away what is inside and closes the encoder.
    ///
    /// - Throws: `VideoError`.
    func finish(to sink: (EncodedPacket) -> Void) throws {
        defer { close() }
        try encoder?.finish { packet, _ in try give(packet, sink) }
    }

    private func close() {
        (encoder, stream) = (nil, nil)
        captured = []
    }

    private func open(_ picture: DrawablePicture) throws -> VideoEncoder {
        size = (picture.width, picture.height)
        // Players in browsers take 4:2:0 only, which has even sides.
        let format = VideoWriter.Format(
            width: max(2, picture.width & ~1), height: max(2, picture.height & ~1),
            sampleAspectRatio: options.sampleAspectRatio, timeBase: EncodedStream.timeBase,
            frameRate: options.frameRate)
        let encoder = try VideoEncoder(
            codec, format: format, options: Self.writerOptions(options), first: picture, needsHeader: true,
            live: VideoEncoder.Live(maximumBitRate: options.maximumBitRate), path: label)
        stream = try EncodedStream(encoder)
        self.encoder = encoder
        return encoder
    }

    private func give(_ packet: Packet, _ sink: (EncodedPacket) -> Void) throws {
        guard let stream, let capturedAt = captured.first else { return }
        captured.removeFirst()
        if packet.pointer.pointee.duration <= 0 { packet.pointer.pointee.duration = interval }
        sink(try EncodedPacket(moving: packet, stream: stream, capturedAt: capturedAt))
    }

    private func stamp(of picture: DrawablePicture) throws -> Int64 {
        let (stamp, base) = (picture.timestamp.value, picture.timestamp.timeBase)
        let ticks =
            base.isPositive ? av_rescale_q(stamp, base.native, EncodedStream.timeBase.native) : Int64.min
        // Room for sums of times; three million years.
        guard abs(ticks.clamped) < 1 << 62, stamp != FFmpeg.noPTS else {
            throw VideoError.refused(
                path: label, what: "the picture cannot be encoded", reason: "its time is beyond what can be stated")
        }
        return ticks
    }
}

extension Int64 {
    /// Without the one value that has no negative.
    fileprivate var clamped: Int64 { Swift.max(self, -Int64.max) }
}
