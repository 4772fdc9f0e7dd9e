import CFFmpeg
import Glibc

/// What every call into FFmpeg needs.
enum FFmpeg {
    static let noPTS = segmentd_no_pts()
    static let endOfFile = segmentd_error_eof()
    static let again = segmentd_error_again()
    static let exit = segmentd_error_exit()
    static let invalidData = segmentd_error_invalid_data()

    /// Runs once: nothing but this program's own words may reach standard error, so FFmpeg's log is off.
    private static let isSilent: Bool = {
        av_log_set_level(AV_LOG_QUIET)
        // SVT-AV1 has a log of its own, which only the environment can turn off; 0 leaves fatal errors.
        setenv("SVT_LOG", "0", 0)
        // Cameras, and the patterns of `test:` addresses.
        avdevice_register_all()
        avformat_network_init()
        return true
    }()

    /// To be called before anything else of FFmpeg's.
    static func prepare() { _ = isSilent }

    /// An error code in FFmpeg's words.
    static func reason(_ code: CInt) -> String {
        var text = [CChar](repeating: 0, count: 256)
        guard av_strerror(code, &text, text.count) == 0 else { return "error \(code)" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    static func codecName(_ id: AVCodecID) -> String { String(cString: avcodec_get_name(id)) }

    static func formatName(_ format: AVPixelFormat) -> String {
        av_get_pix_fmt_name(format).map { String(cString: $0) } ?? "unknown"
    }

    /// Allocates an empty frame.
    static func frame() throws -> UnsafeMutablePointer<AVFrame> {
        guard let frame = av_frame_alloc() else { throw VideoError.outOfMemory }
        return frame
    }

    static func free(_ frame: UnsafeMutablePointer<AVFrame>) {
        var frame: UnsafeMutablePointer<AVFrame>? = frame
        av_frame_free(&frame)
    }
}

/// A packet of coded bytes, freed with its last reference.
// Sendable: filled by the demuxer before anybody else sees it, then used by one thread at a time.
final class Packet: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<AVPacket>

    init() throws {
        guard let packet = av_packet_alloc() else { throw VideoError.outOfMemory }
        pointer = packet
    }

    deinit {
        var packet: UnsafeMutablePointer<AVPacket>? = pointer
        av_packet_free(&packet)
    }
}

/// Options for FFmpeg by name.
struct OptionList: ~Copyable {
    var pointer: OpaquePointer?

    init(_ values: [String: String] = [:]) {
        for (key, value) in values { av_dict_set(&pointer, key, value, 0) }
    }

    deinit {
        var pointer = pointer
        av_dict_free(&pointer)
    }
}

/// A value behind a lock.
///
/// On POSIX threads, which the thread sanitizer understands; it does not see the standard library's `Mutex`.
// Sendable: the value is only ever touched while the mutex is held.
final class Locked<Value>: @unchecked Sendable {
    private var value: Value
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init(_ value: Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
