import CFFmpeg
import Files
import Foundation
import Instances
import Testing

@testable import Video

@Suite("Recording")
struct RecordingTests {
    let folder: Folder
    let log = EventLog()

    init() throws { folder = try Folder() }

    private func record(_ seconds: Int, keep: Duration? = nil, maxSize: Int? = nil) throws -> VideoBroadcast {
        try broadcast(
            [
                .record(
                    .init(
                        directory: folder("videos"), segment: .seconds(seconds), keep: keep, maxSize: maxSize,
                        backoff: soon))
            ], log: log)
    }

    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder("videos")).sorted() }
    }

    @Test("files begin at whole multiples of their duration, and no picture is lost between them")
    func boundaries() throws {
        let broadcast = try record(10)
        try broadcast.write(0..<200, from: WallClock(seconds: midday.seconds + 3.25))
        #expect(broadcast.finish(within: .seconds(60)) == [])
        #expect(
            try names == [
                "door-2026-11-24T12-00-03Z.mp4", "door-2026-11-24T12-00-10Z.mp4", "door-2026-11-24T12-00-20Z.mp4",
            ])
        // The first picture at or after 12:00:10 is the one of 10.05.
        let found = try names.map { try numbers(folder("videos/\($0)")) }
        #expect(found == [Array(0..<68), Array(68..<168), Array(168..<200)])
        #expect(log.segments == (try names.map { folder("videos/\($0)") }))
        let status = try #require(broadcast.status.targets.first)
        #expect((status.state, status.segments, status.packetsDropped) == (.ended, 3, 0))
        #expect(broadcast.status.picturesEncoded == 200)
    }

    @Test("a file's times begin at zero, and its metadata say when that was")
    func times() throws {
        let broadcast = try record(10)
        let start = WallClock(seconds: midday.seconds + 8.5)
        for number in 0..<30 {
            let stamp = Timestamp(value: 7_000_000_000 + Int64(number) * 3003, timeBase: Rational(1, 30_000))
            let time = start.seconds + Double(number) * 3003 / 30_000
            broadcast.write(try picture(number, at: stamp), capturedAt: WallClock(seconds: time))
        }
        broadcast.finish(within: .seconds(60))
        let paths = try names.map { folder("videos/\($0)") }
        try #require(paths.count == 2)
        let expected = [Array(0..<15), Array(15..<30)]
        for (path, numbers) in zip(paths, expected) {
            let times = try probe(path, "frame=pts_time").compactMap(Double.init)
            try #require(times.count == numbers.count)
            for (index, time) in times.enumerated() { #expect(abs(time - Double(index) * 0.1001) < 0.000_02) }
        }
        let tags = try probe(paths[0], "format_tags=creation_time,date,title", format: "default=nw=1")
        #expect(tags.contains("TAG:creation_time=2026-11-24T12:00:08.000000Z"))
        #expect(tags.contains("TAG:date=2026-11-24T12:00:08.500Z"))
        #expect(tags.contains("TAG:title=door"))
    }

    @Test("while a file grows, all but its last second can be played")
    func growing() throws {
        let broadcast = try record(60)
        try broadcast.write(0..<55, from: midday)
        let part = folder("videos/door-2026-11-24T12-00-00Z.mp4.part")
        try eventually("all but the last fragment is there") {
            broadcast.status.picturesEncoded == 55 && broadcast.status.targets[0].queueDepth == 0
                && broadcast.status.targets[0].bytes > 0 && FileManager.default.fileExists(atPath: part)
                && (try? numbers(part)) == Array(0..<50)
        }
        broadcast.finish(within: .seconds(60))
        #expect(try names == ["door-2026-11-24T12-00-00Z.mp4"])
        #expect(try numbers(folder("videos/door-2026-11-24T12-00-00Z.mp4")) == Array(0..<55))
    }

    @Test("a change of size, even to an odd one, begins a new file, and so does time that goes back")
    func changes() throws {
        let broadcast = try record(60)
        try broadcast.write(0..<10, from: midday)
        try broadcast.write(10..<20, from: WallClock(seconds: midday.seconds + 1), width: 320, height: 128)
        try broadcast.write(20..<30, from: WallClock(seconds: midday.seconds + 2), width: 161, height: 65)
        try broadcast.write(5..<15, from: WallClock(seconds: midday.seconds + 3), width: 161, height: 65)
        broadcast.finish(within: .seconds(60))
        let files = try names.map { folder("videos/\($0)") }
        #expect(try names == (0..<4).map { "door-2026-11-24T12-00-0\($0)Z.mp4" })
        #expect(try files.map { try probe($0, "stream=width,height")[0] } == ["160,64", "320,128", "160,64", "160,64"])
        #expect(try files.map(numbers) == [Array(0..<10), Array(10..<20), Array(20..<30), Array(5..<15)])
    }

    @Test("what has the name of a new file stays, and the new one gets a number")
    func taken() throws {
        try FileManager.default.createDirectory(atPath: folder("videos"), withIntermediateDirectories: true)
        try folder.write(Array("precious".utf8), to: "videos/door-2026-11-24T12-00-00Z.mp4")
        let broadcast = try record(60)
        try broadcast.write(0..<10, from: midday)
        broadcast.finish(within: .seconds(60))
        #expect(try names == ["door-2026-11-24T12-00-00Z-2.mp4", "door-2026-11-24T12-00-00Z.mp4"])
        #expect(try folder.bytes("videos/door-2026-11-24T12-00-00Z.mp4") == Array("precious".utf8))
        #expect(try numbers(folder("videos/door-2026-11-24T12-00-00Z-2.mp4")) == Array(0..<10))
    }

    @Test("a folder that cannot be made is tried again until it can, and other targets do not notice")
    func badFolder() throws {
        try folder.write([], to: "videos")
        let broadcast = try broadcast(
            [
                .record(.init(directory: folder("videos"), backoff: soon)),
                .record(.init(directory: folder("others"), backoff: soon)),
            ], options: .init(preset: "ultrafast", keyframeInterval: .milliseconds(100), policy: .block), log: log)
        try broadcast.write(0..<20, from: midday)
        try eventually("the failure is reported") { !log.reasons.isEmpty }
        #expect(log.reasons[0].contains("a file has that name"))
        #expect(broadcast.status.targets[0].lastError != nil)
        try FileManager.default.removeItem(atPath: folder("videos"))
        var next = 20
        try eventually("the target runs") {
            try broadcast.write(next..<next + 1, from: WallClock(seconds: midday.seconds + Double(next) / 10))
            next += 1
            return broadcast.status.targets[0].state == .running
        }
        broadcast.finish(within: .seconds(60))
        #expect(try names.count == 1)
        #expect(broadcast.status.targets.map(\.packetsDropped)[1] == 0)
        let others = try FileManager.default.contentsOfDirectory(atPath: folder("others")).sorted()
        #expect(try others.flatMap { try numbers(folder("others/\($0)")) } == (0..<next).map { $0 & 1023 })
    }

    @Test("a folder that vanishes is noticed and made again")
    func vanished() throws {
        let broadcast = try record(60)
        try broadcast.write(0..<30, from: midday)
        try eventually("the file is there") { (try? names.count) == 1 }
        try FileManager.default.removeItem(atPath: folder("videos"))
        var next = 30
        try eventually("the target fails and runs again") {
            try broadcast.write(next..<next + 1, from: WallClock(seconds: midday.seconds + Double(next) / 10))
            next += 1
            return !log.reasons.isEmpty && broadcast.status.targets[0].state == .running
        }
        #expect(log.reasons[0].contains("has been removed"))
        broadcast.finish(within: .seconds(60))
        #expect(try names.count >= 1)
        for name in try names { #expect(try !numbers(folder("videos/\(name)")).isEmpty) }
    }

    @Test("a full disk is named as such")
    func fullDevice() throws {
        let file = try OutputFile(path: "/dev/full", isNew: false)
        #expect(throws: FileError.diskFull(path: "/dev/full")) {
            avio_write(file.context, [UInt8](repeating: 0, count: 1000), 1000)
            try file.flush()
        }
    }

    @Test("a disk that fills up keeps what is whole", .enabled(if: canMount, "only root can mount a small disk"))
    func fullDisk() throws {
        try FileManager.default.createDirectory(atPath: folder("videos"), withIntermediateDirectories: true)
        try run("mount", ["-t", "tmpfs", "-o", "size=256k", "none", folder("videos")])
        defer { _ = try? run("umount", [folder("videos")]) }
        let broadcast = try broadcast(
            [
                .record(.init(directory: folder("videos"), segment: .seconds(2), backoff: soon)),
                .record(.init(directory: folder("others"), segment: .seconds(60), backoff: soon)),
            ], options: .init(quality: 0, preset: "ultrafast", policy: .block), log: log)
        var next = 0
        try eventually("the disk is full") {
            try broadcast.write(next..<next + 1, from: WallClock(seconds: midday.seconds + Double(next) / 10))
            next += 1
            return log.reasons.contains { $0.contains("the disk is full") }
        }
        try broadcast.write(next..<next + 40, from: WallClock(seconds: midday.seconds + Double(next) / 10))
        broadcast.finish(within: .seconds(60))
        let whole = try names.filter { !$0.hasSuffix(".part") }
        #expect(!whole.isEmpty)
        for name in whole { #expect(try !numbers(folder("videos/\(name)")).isEmpty) }
        let others = try FileManager.default.contentsOfDirectory(atPath: folder("others")).sorted()
        #expect(try others.flatMap { try numbers(folder("others/\($0)")) } == (0..<next + 40).map { $0 & 1023 })
    }

    private static let canMount: Bool = {
        guard let probe = try? Folder(), (try? run("mount", ["-t", "tmpfs", "none", probe.path])) != nil else {
            return false
        }
        return (try? run("umount", [probe.path])) != nil
    }()
}
