import CFFmpeg
import Files
import Glibc
import Locks

/// Keeps a folder with a playlist and its last files, through FFmpeg's muxer.
///
/// A folder that an earlier run has left behind is continued behind a discontinuity, and so is the playlist after a change
/// of size, a gap in the stream or a failure.
final class HLSWriter: PacketWriter {
    static let playlist = "index.m3u8"

    private let directory: String
    private let options: VideoBroadcast.HLSOptions
    private let reporter: TargetReporter
    private let files = HLSFiles()
    private var muxer: PacketMuxer?
    private var origin: Int64 = 0
    private var last: Int64 = 0

    /// - Throws: `FileError`.
    init(_ options: VideoBroadcast.HLSOptions, reporter: TargetReporter) throws {
        self.options = options
        self.reporter = reporter
        // FFmpeg takes what is before a colon for a protocol, unless there is a slash before it; it removes old files only
        // where their names have none.
        let isAbsolute = options.directory.hasPrefix("/")
        directory = (isAbsolute ? "" : "./") + options.directory + (options.directory.hasSuffix("/") ? "" : "/")
        try Folder.create(options.directory)
        removeOrphans()
    }

    deinit { abandon() }

    func write(_ packet: EncodedPacket) throws {
        if let muxer, packet.isKey {
            // The playlist cannot state a file that is much longer than the others (RFC 8216, section 4.3.3.1).
            let isGap = Double(packet.pts - last) * EncodedStream.timeBase.value > 2 * options.segment.inSeconds
            if muxer.stream !== packet.stream || isGap { try close(isLast: false) }
        }
        let muxer = try muxer ?? open(packet)
        last = packet.pts
        try muxer.write(packet, origin: origin)
        try files.check()
    }

    private func open(_ packet: EncodedPacket) throws -> PacketMuxer {
        let path = directory + Self.playlist
        let muxer = try PacketMuxer(container: "hls", url: path, label: path, stream: packet.stream)
        let context = muxer.context
        context.pointee.opaque = Unmanaged.passUnretained(files).toOpaque()
        context.pointee.io_open = { context, target, url, _, _ in
            guard let context, let target, let url, let opaque = context.pointee.opaque else { return -EINVAL }
            let files = Unmanaged<HLSFiles>.fromOpaque(opaque).takeUnretainedValue()
            return files.open(String(cString: url), target)
        }
        context.pointee.io_close2 = { context, io in
            guard let context, let io, let opaque = context.pointee.opaque else { return -EINVAL }
            return Unmanaged<HLSFiles>.fromOpaque(opaque).takeUnretainedValue().close(io)
        }
        self.muxer = muxer
        origin = packet.pts
        var flags = "delete_segments+independent_segments+program_date_time+temp_file"
        if access(path, F_OK) == 0 {
            // Goes on with a discontinuity. FFmpeg has forgotten the files that it was to remove next.
            flags += "+append_list"
            removeOrphans()
        }
        do {
            try muxer.writeHeader([
                "hls_time": String(options.segment.inSeconds), "hls_list_size": String(options.window),
                "hls_flags": flags, "hls_segment_filename": directory + "segment%06d.ts",
            ])
        } catch {
            try files.check()
            throw error
        }
        return muxer
    }

    func finish() throws { try close(isLast: true) }

    /// - Parameter isLast: Whether players are told that nothing more will come.
    private func close(isLast: Bool) throws {
        guard let muxer else { return }
        if !isLast { av_opt_set(muxer.context.pointee.priv_data, "hls_flags", "+omit_endlist", 0) }
        try muxer.writeTrailer()
        try files.check()
        self.muxer = nil
    }

    func abandon() {
        muxer = nil
        files.forget()
    }

    /// Removes files of this muxer's naming which the playlist does not name: a killed process has left them, or its successor has
    /// forgotten them.
    private func removeOrphans() {
        let listed = Set((try? Self.read(directory + Self.playlist))?.split(separator: "\n").map(String.init) ?? [])
        guard let entries = opendir(directory) else { return }
        defer { closedir(entries) }
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            let base = name.hasSuffix(".tmp") ? String(name.dropLast(4)) : name
            let isOurs = Self.isSegment(base) || base == Self.playlist && base != name
            if isOurs && !listed.contains(name) { unlink(directory + name) }
        }
    }

    private static func isSegment(_ name: String) -> Bool {
        guard name.hasPrefix("segment"), name.hasSuffix(".ts") else { return false }
        let digits = name.dropFirst("segment".count).dropLast(".ts".count)
        return digits.count >= 6 && digits.allSatisfy { ("0"..."9").contains($0) }
    }

    private static func read(_ path: String) throws -> String {
        let file = try MappedFile(path: path)
        return file.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

/// The files that FFmpeg's muxer has open, and the first thing that went wrong with any of them.
final class HLSFiles {
    private var files: [UnsafeMutablePointer<AVIOContext>: OutputFile] = [:]
    private var failure: (any Error)?

    func open(_ url: String, _ target: UnsafeMutablePointer<UnsafeMutablePointer<AVIOContext>?>) -> CInt {
        do {
            let file = try OutputFile(path: url, isNew: false)
            guard let context = file.context else { return segmentd_error_no_memory() }
            files[context] = file
            target.pointee = context
            return 0
        } catch {
            failure = failure ?? error
            return -EIO
        }
    }

    func close(_ context: UnsafeMutablePointer<AVIOContext>) -> CInt {
        guard let file = files.removeValue(forKey: context) else { return -EINVAL }
        do { try file.flush() } catch {
            failure = failure ?? error
            return -EIO
        }
        return 0
    }

    /// - Throws: `FileError`.
    func check() throws {
        for file in files.values { try file.check() }
        if let failure { throw failure }
    }

    /// Lets go of what is still open, and of what went wrong.
    func forget() {
        files = [:]
        failure = nil
    }
}
