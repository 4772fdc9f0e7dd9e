import Files
import Instances
import Locks

/// Writes the files of a recording, one after the other.
final class RecordWriter: PacketWriter {
    private let folder: SegmentFolder
    private let duration: Double
    private let reporter: TargetReporter
    private var file: SegmentFile?

    /// - Throws: `FileError`.
    init(_ options: VideoBroadcast.RecordOptions, stream: String, reporter: TargetReporter) throws {
        try Folder.create(options.directory)
        folder = SegmentFolder(options, stream: stream)
        duration = options.segment.inSeconds
        self.reporter = reporter
        folder.recover(reporter: reporter)
    }

    func write(_ packet: EncodedPacket) throws {
        if let file, packet.isKey {
            let isOver = SegmentClock.number(packet.capturedAt, duration) != SegmentClock.number(file.start, duration)
            if isOver || packet.stream !== file.stream { try finishFile(now: packet.capturedAt) }
        }
        if file == nil {
            folder.prune(now: packet.capturedAt, reporter: reporter)
            file = try SegmentFile(folder: folder, first: packet)
        }
        try file?.write(packet)
    }

    func finish() throws {
        guard let file else { return }
        try finishFile(now: file.start)
    }

    func abandon() {
        guard let (part, name) = file?.leftBehind else { return }
        // The lock on the file goes with it.
        file = nil
        do { try folder.recover(part: part, as: name, reporter: reporter) } catch { reporter.warn("\(error)") }
    }

    private func finishFile(now: WallClock) throws {
        guard let finished = file else { return }
        let (path, duration, bytes) = try finished.finish()
        file = nil
        reporter.update { $0.segments += 1 }
        reporter.report(.segment(path: path, start: finished.start, duration: duration, bytes: bytes))
        folder.prune(now: now, reporter: reporter)
    }
}

/// Numbers the spans of a duration into which the wall clock falls, beginning anew at each midnight UTC.
enum SegmentClock {
    static func number(_ time: WallClock, _ duration: Double) -> Int {
        let day = (time.seconds / 86_400).rounded(.down)
        let spans = (86_400 / duration).rounded(.up)
        let number = day * spans + ((time.seconds - day * 86_400) / duration).rounded(.down)
        // A clock may say anything; a number that has no room is the same as another.
        return Int(exactly: number) ?? 0
    }
}
