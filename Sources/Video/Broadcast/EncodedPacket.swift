import CFFmpeg
import Instances

/// What the packets of one run of an encoder have in common.
///
/// A new one begins with every change of size and every jump of time back; its first packet is a keyframe.
// Sendable: written by the initialiser only.
final class EncodedStream: @unchecked Sendable {
    /// Seconds a tick of all packets, as in MPEG's system layer (ISO/IEC 13818-1, section 2.4.2.6).
    static let timeBase = Rational(1, 90_000)

    let parameters: UnsafeMutablePointer<AVCodecParameters>
    let frameRate: AVRational

    init(_ encoder: VideoEncoder) throws {
        guard let parameters = avcodec_parameters_alloc() else { throw VideoError.outOfMemory }
        self.parameters = parameters
        frameRate = encoder.context.pointee.framerate
        guard avcodec_parameters_from_context(parameters, encoder.context) >= 0 else { throw VideoError.outOfMemory }
    }

    deinit {
        var parameters: UnsafeMutablePointer<AVCodecParameters>? = parameters
        avcodec_parameters_free(&parameters)
    }
}

/// One coded picture, shared by all targets; nobody changes it.
final class EncodedPacket: Sendable {
    let packet: Packet
    let stream: EncodedStream
    /// When its picture was taken.
    let capturedAt: WallClock
    /// Ticks of `EncodedStream.timeBase`; pictures are coded in the order of presentation.
    let pts: Int64
    let isKey: Bool
    /// Bytes.
    let size: Int

    /// Takes over the bytes of the encoder's packet.
    init(moving source: Packet, stream: EncodedStream, capturedAt: WallClock) throws {
        packet = try Packet()
        av_packet_move_ref(packet.pointer, source.pointer)
        self.stream = stream
        self.capturedAt = capturedAt
        pts = packet.pointer.pointee.pts
        isKey = packet.pointer.pointee.flags & AV_PKT_FLAG_KEY != 0
        size = Int(packet.pointer.pointee.size)
    }
}
