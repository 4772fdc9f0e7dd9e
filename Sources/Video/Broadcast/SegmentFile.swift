import CFFmpeg
import Files
import Glibc
import Instances

/// One file of a recording while it is written: a fragmented MP4 that plays up to its last fragment if the process is killed.
///
/// Its times begin at zero, as players expect; when its first picture was taken is in its name, and in its metadata
/// `creation_time` and, with milliseconds, `date`.
final class SegmentFile {
    /// When the first picture was taken.
    let start: WallClock
    var stream: EncodedStream { muxer.stream }
    /// Bytes handed to the system.
    var size: Int { file.count }

    private let name: SegmentName
    private let part: String
    private let folder: SegmentFolder
    private let file: OutputFile
    private let muxer: PacketMuxer
    private let origin: Int64
    private var end: Int64

    /// Duration of a fragment, which is what a killed process loses at most, in microseconds.
    private static let fragmentDuration = 1_000_000

    /// Opens a file for a stream's packets from a keyframe on.
    ///
    /// - Throws: `FileError`, `VideoError.refused`.
    init(folder: SegmentFolder, first: EncodedPacket) throws {
        self.folder = folder
        start = first.capturedAt
        (origin, end) = (first.pts, first.pts)
        (name, file) = try Self.open(folder, start: first.capturedAt)
        part = file.path
        // The first picture's whole second is the name's; a player shows this.
        muxer = try PacketMuxer(container: "mp4", url: part, label: part, stream: first.stream)
        muxer.context.pointee.pb = file.context
        muxer.context.pointee.flags |= AVFMT_FLAG_CUSTOM_IO
        muxer.setMetadata([
            "creation_time": start.rfc3339, "date": start.rfc3339, "title": folder.stream,
        ])
        try muxer.writeHeader([
            "movflags": "empty_moov+frag_keyframe+default_base_moof", "frag_duration": String(Self.fragmentDuration),
        ])
        try file.flush()
    }

    private static func open(_ folder: SegmentFolder, start: WallClock) throws -> (SegmentName, OutputFile) {
        for number in 1...1000 {
            let name = SegmentName(stream: folder.stream, start: start, number: number)
            let path = folder.path(name.text)
            if access(path, F_OK) == 0 { continue }
            do {
                let file = try OutputFile(path: path + SegmentName.partSuffix, isNew: true)
                // For as long as the file is open, so that nobody takes it for one that was left behind.
                flock(file.descriptor, LOCK_EX | LOCK_NB)
                return (name, file)
            } catch FileError.refused where access(path + SegmentName.partSuffix, F_OK) == 0 {
                continue
            }
        }
        throw FileError.refused(
            action: "write", path: folder.path(SegmentName(stream: folder.stream, start: start).text),
            reason: "there are a thousand files of this time; move some of them away")
    }

    /// - Throws: `FileError`, `VideoError.refused`.
    func write(_ packet: EncodedPacket) throws {
        if packet.isKey && file.isRemoved {
            throw FileError.refused(
                action: "write", path: part, reason: "the file or its folder has been removed while it was written")
        }
        try muxer.write(packet, origin: origin)
        try file.check()
        end = packet.pts + packet.packet.pointer.pointee.duration
    }

    /// Ends the file and gives it its final name.
    ///
    /// - Returns: The path, and seconds of video.
    /// - Throws: `FileError`, `VideoError.refused`.
    func finish() throws -> (path: String, duration: Duration, bytes: Int) {
        try muxer.writeTrailer()
        try file.synchronize()
        let path = try folder.rename(part, to: name)
        return (path, .seconds(Double(end - origin) * EncodedStream.timeBase.value), file.count)
    }

    /// What is to be recovered where the file was given up.
    var leftBehind: (part: String, name: SegmentName) { (part, name) }
}
