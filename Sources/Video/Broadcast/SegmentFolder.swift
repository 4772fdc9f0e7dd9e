import Files
import Glibc
import Instances
import Locks

/// A stream's files in a folder that it may share with others.
struct SegmentFolder {
    let directory: String
    let stream: String
    /// Seconds of a file.
    private let duration: Double
    private let keep: Duration?
    private let maxSize: Int?

    init(_ options: VideoBroadcast.RecordOptions, stream: String) {
        directory = options.directory
        self.stream = stream
        duration = options.segment.inSeconds
        keep = options.keep
        maxSize = options.maxSize
    }

    func path(_ name: String) -> String { directory.hasSuffix("/") ? directory + name : directory + "/" + name }

    /// Trims what killed processes have left behind to its last whole fragment and gives it its final name; what has none is removed.
    ///
    /// Files that a living process still writes are locked, and left alone.
    func recover(reporter: TargetReporter) {
        for name in names() where name.hasSuffix(SegmentName.partSuffix) {
            let final = String(name.dropLast(SegmentName.partSuffix.count))
            guard let segment = SegmentName(final, stream: stream) else { continue }
            do {
                try recover(part: path(name), as: segment, reporter: reporter)
            } catch {
                reporter.warn("\(error)")
            }
        }
    }

    /// As `recover`, for one file.
    ///
    /// - Throws: `FileError`.
    func recover(part: String, as segment: SegmentName, reporter: TargetReporter) throws {
        let file = open(part, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { return }
            throw Self.failure("open", part)
        }
        defer { close(file) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else { return }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink > 0 else { return }
        let length = FragmentedFile.wholeLength(descriptor: file)
        guard length > 0 else {
            guard unlink(part) == 0 else { throw Self.failure("remove", part) }
            return
        }
        if length < Int(status.st_size), ftruncate(file, length) != 0 { throw Self.failure("shorten", part) }
        guard fsync(file) == 0 else { throw Self.failure("write", part) }
        let final = try rename(part, to: segment)
        reporter.update { $0.segments += 1 }
        reporter.report(.recovered(path: final, bytes: length))
    }

    /// Gives a file its final name, or the next free one of the same time; nothing is ever overwritten.
    ///
    /// - Returns: The path that it has now.
    /// - Throws: `FileError`.
    func rename(_ part: String, to segment: SegmentName) throws -> String {
        for number in segment.number..<segment.number + 1000 {
            let final = path(SegmentName(stream: stream, start: segment.start, number: number).text)
            // A second link, unlike a rename, fails where the name is taken.
            if link(part, final) == 0 {
                guard unlink(part) == 0 else { throw Self.failure("rename", part) }
                synchronize()
                return final
            }
            if errno == EEXIST { continue }
            guard [EPERM, EOPNOTSUPP, EMLINK, ENOSYS].contains(errno) else { throw Self.failure("rename", part) }
            // File systems without links, such as FAT; the locks keep other writers of this stream away from the name.
            if access(final, F_OK) == 0 { continue }
            guard Glibc.rename(part, final) == 0 else { throw Self.failure("rename", part) }
            synchronize()
            return final
        }
        throw FileError.refused(
            action: "rename", path: part, reason: "there are a thousand files of its time; move some of them away")
    }

    /// Removes this stream's oldest files until age and size are within their bounds.
    ///
    /// - Parameter now: When the last picture was taken.
    func prune(now: WallClock, reporter: TargetReporter) {
        guard keep != nil || maxSize != nil else { return }
        var files: [(name: SegmentName, path: String, size: Int, end: Double)] = []
        for text in names() {
            guard let name = SegmentName(text, stream: stream) else { continue }
            var status = stat()
            guard lstat(path(text), &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            // No file is longer; its time of modification would be another's where it was copied or recovered.
            files.append((name, path(text), Int(status.st_size), name.start.seconds + duration))
        }
        files.sort { ($0.name.start, $0.name.number) < ($1.name.start, $1.name.number) }
        var total = files.reduce(0) { $0 + $1.size }
        for file in files {
            let isOld = keep.map { now.seconds - file.end > $0.inSeconds } ?? false
            guard isOld || total > maxSize ?? Int.max else { continue }
            guard unlink(file.path) == 0 else {
                if errno != ENOENT { reporter.warn("\(Self.failure("remove", file.path))") }
                continue
            }
            total -= file.size
            reporter.report(.removed(path: file.path))
        }
    }

    private func names() -> [String] {
        guard let entries = opendir(directory) else { return [] }
        defer { closedir(entries) }
        var names: [String] = []
        while let entry = readdir(entries) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names.sorted()
    }

    /// Makes the names themselves durable; where folders cannot be synchronised, the files are none the worse.
    private func synchronize() {
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    private static func failure(_ action: String, _ path: String) -> FileError {
        FileError(action: action, path: path, code: errno)
    }
}
