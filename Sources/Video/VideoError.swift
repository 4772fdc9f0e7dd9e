import CFFmpeg
import Locks

/// Why a video or an image could not be read or written.
///
/// What the file system refuses on the writing side is a `FileError`.
public enum VideoError: Error, Equatable, CustomStringConvertible {
    /// No file has that name.
    case missing(path: String)
    /// The system refused to open or read; `reason` is its own word.
    case unreadable(input: String, reason: String)
    /// A file without a byte, or a pipe that ended before one came.
    case empty(input: String)
    /// A folder in which no file has an image's suffix.
    case noImages(folder: String)
    /// A pattern that fits no file.
    case noMatch(pattern: String)
    /// Bytes in which FFmpeg recognises no container.
    case notMedia(input: String)
    /// An MP4 file that ends before the index which is needed to find its frames.
    case noIndex(input: String)
    /// A container without a video stream.
    case noVideo(input: String, hasAudio: Bool)
    /// A frame without pixels, or with more than `VideoSource` accepts.
    case badSize(input: String, width: Int, height: Int)
    /// The stream ended and not a single frame came out of the decoder.
    case nothingDecoded(input: String)
    /// The installed FFmpeg has no decoder for the stream.
    case unsupportedCodec(input: String, codec: String)
    /// A pixel format that FFmpeg cannot convert.
    case unsupportedFormat(input: String, format: String)
    /// A live or remote input that stopped answering.
    case readFailed(input: String, reason: String)
    /// `VideoSource.interrupt()` ended a read.
    case interrupted(input: String)
    /// Nothing came within the time that was given: no stream while opening, or no frame while reading.
    case timedOut(input: String, after: Duration)
    /// A source's address that cannot be read as one; `reason` says what to write instead.
    case badAddress(input: String, reason: String)
    /// A name from whose suffix no container can be told.
    case unknownContainer(path: String)
    /// A name that belongs to no video codec.
    case unknownCodec(name: String)
    /// A codec that the installed FFmpeg cannot encode, or not by this encoder; `available` lists its encoders for the codec.
    case noEncoder(name: String, available: [String])
    /// A preset that the encoder does not have; `known` says which it has.
    case unknownPreset(encoder: String, preset: String, known: String)
    /// A quality beyond those of the encoder.
    case qualityOutOfRange(encoder: String, quality: Int, range: ClosedRange<Int>)
    /// A container that has no place for a codec.
    case codecNotInContainer(codec: String, container: String)
    /// An encoder or container that refused to start or to go on.
    case refused(path: String, what: String, reason: String)
    /// FFmpeg could not get memory.
    case outOfMemory

    public var description: String {
        switch self {
        case .missing(let path): "\(path): there is no such file"
        case .unreadable(let input, let reason): "\(input): cannot read: \(reason)"
        case .empty(let input): "\(input): is empty"
        case .noImages(let folder):
            "\(folder): the folder holds no images (\(InputName.imageSuffixes.joined(separator: ", ")))"
        case .noMatch(let pattern): "\(pattern): no file fits the pattern"
        case .notMedia(let input): "\(input): is not a video or an image that FFmpeg can read"
        case .noIndex(let input):
            "\(input): the file ends before its index (moov), without which no frame can be found; copy or record it again"
        case .noVideo(let input, true): "\(input): has audio only; a video stream is needed"
        case .noVideo(let input, false): "\(input): has no video stream"
        case .badSize(let input, let width, let height):
            "\(input): has frames of \(width)x\(height) pixels; from 1 to \(PictureLimits.side) a side and \(PictureLimits.pixels) in all can be read"
        case .nothingDecoded(let input):
            "\(input): no frame could be decoded; the file is damaged or holds no picture"
        case .unsupportedCodec(let input, let codec):
            "\(input): the installed FFmpeg has no decoder for \(codec); install one that has, or convert the file"
        case .unsupportedFormat(let input, let format): "\(input): pixel format \(format) cannot be converted"
        case .readFailed(let input, let reason): "\(input): reading stopped: \(reason)"
        case .interrupted(let input): "\(input): reading was interrupted"
        case .timedOut(let input, let after): "\(input): no frame came within \(after.formattedSeconds) s"
        case .badAddress(let input, let reason): "\(input): \(reason)"
        case .unknownContainer(let path):
            "\(path): the suffix names no container; use .mp4, .mkv, .mov or another that FFmpeg writes"
        case .unknownCodec(let name):
            "\(name): is no video codec; use h264, hevc, vp9, av1, mjpeg or another that FFmpeg knows"
        case .noEncoder(let name, let available) where available.isEmpty:
            "\(name): the installed FFmpeg has no encoder for this codec; choose another codec"
        case .noEncoder(let name, let available):
            "\(name): the installed FFmpeg has no such encoder; it has \(available.joined(separator: ", "))"
        case .unknownPreset(let encoder, let preset, let known):
            "the encoder \(encoder) has no preset '\(preset)'; it has \(known)"
        case .qualityOutOfRange(let encoder, let quality, let range):
            "the encoder \(encoder) has no quality \(quality); give \(range.lowerBound), the best, to \(range.upperBound)"
        case .codecNotInContainer(let codec, let container):
            "\(container) cannot hold \(codec); choose another codec or another container by the file's suffix"
        case .refused(let path, let what, let reason): "\(path): \(what): \(reason)"
        case .outOfMemory: "out of memory"
        }
    }
}

extension Duration {
    /// Seconds with at most one digit behind the point, such as `0.5` or `10`.
    var formattedSeconds: String {
        let tenths = (inSeconds * 10).rounded() / 10
        return tenths == tenths.rounded() && abs(tenths) < 1e15 ? String(Int64(tenths)) : String(tenths)
    }
}

/// The largest pictures that are read or written. The bound is against files that claim gigantic frames.
enum PictureLimits {
    /// Pixels a side.
    static let side = 16_384
    /// Pixels in all, 2^28.
    static let pixels = 1 << 28

    static func accept(width: Int, height: Int) -> Bool {
        (1...side).contains(width) && (1...side).contains(height) && width * height <= pixels
    }
}
