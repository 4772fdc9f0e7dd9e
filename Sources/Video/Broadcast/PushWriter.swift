import CFFmpeg

/// Sends packets to a server or peer, over one connection a stream.
final class PushWriter: PacketWriter {
    private let address: PushAddress
    private let timeout: Duration
    private let interrupter: Interrupter
    private var muxer: PacketMuxer?
    private var origin: Int64 = 0

    /// - Throws: `VideoError.refused`.
    init(_ options: VideoBroadcast.PushOptions, interrupter: Interrupter) throws {
        address = try PushAddress(options.url, credentials: options.credentials)
        timeout = options.timeout
        self.interrupter = interrupter
    }

    deinit { abandon() }

    func write(_ packet: EncodedPacket) throws {
        if let muxer, muxer.stream !== packet.stream { try finish() }
        let muxer = try muxer ?? connect(packet)
        interrupter.limit(to: timeout)
        try explain { try muxer.write(packet, origin: origin) }
    }

    private func connect(_ packet: EncodedPacket) throws -> PacketMuxer {
        let muxer = try PacketMuxer(
            container: address.container, url: address.url, label: address.redacted, stream: packet.stream)
        let context = muxer.context
        context.pointee.interrupt_callback.opaque = Unmanaged.passUnretained(interrupter).toOpaque()
        context.pointee.interrupt_callback.callback = { opaque in
            guard let opaque else { return 0 }
            return Unmanaged<Interrupter>.fromOpaque(opaque).takeUnretainedValue().endsWaits ? 1 : 0
        }
        self.muxer = muxer
        origin = packet.pts
        interrupter.limit(to: timeout)
        try explain {
            if context.pointee.oformat.pointee.flags & AVFMT_NOFILE == 0 {
                var list = OptionList(address.protocolOptions)
                try muxer.check(
                    avio_open2(
                        &context.pointee.pb, address.url, AVIO_FLAG_WRITE, &context.pointee.interrupt_callback,
                        &list.pointer))
            }
            try muxer.writeHeader(address.containerOptions)
        }
        return muxer
    }

    func finish() throws {
        interrupter.limit(to: timeout)
        try explain { try muxer?.writeTrailer() }
        close()
    }

    func abandon() {
        // Nothing waits for the peer any more; without a trailer, FFmpeg would keep the connections of RTSP open.
        interrupter.deadline = .now
        try? muxer?.writeTrailer()
        close()
    }

    private func close() {
        if let context = muxer?.context, context.pointee.pb != nil { avio_closep(&context.pointee.pb) }
        muxer = nil
    }

    /// Says what FFmpeg's "exit requested" means.
    private func explain(_ body: () throws -> Void) throws {
        do { try body() } catch {
            if interrupter.isInterrupted {
                throw VideoError.refused(path: address.redacted, what: "was ended", reason: "the peer did not let go")
            }
            guard interrupter.hasExpired else { throw error }
            throw VideoError.refused(
                path: address.redacted, what: "cannot be written",
                reason: "the peer did not answer within \(timeout.formattedSeconds) s")
        }
    }
}
