import Files
import Foundation
import Instances
import Pipeline
import Testing

@testable import Outputs

@Suite("JSON lines in files that rotate", .timeLimit(.minutes(2)))
struct RotatingJSONLinesTests {
    /// A wall clock that a test sets.
    final class Clock: Sendable {
        private let lock = NSLock()
        nonisolated(unsafe) private var value: Double

        init(_ value: Double) { self.value = value }

        var now: WallClock { lock.withLock { WallClock(seconds: value) } }

        func advance(by seconds: Double) { lock.withLock { value += seconds } }
    }

    /// A disk with so much room that a test gives it.
    final class Disk: Sendable {
        private let lock = NSLock()
        nonisolated(unsafe) private var room: Int

        init(room: Int) { self.room = room }

        func setRoom(_ bytes: Int) { lock.withLock { room = bytes } }

        func write(_ descriptor: CInt, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
            lock.withLock {
                guard room > 0 else {
                    errno = ENOSPC
                    return -1
                }
                let written = Glibc.write(descriptor, bytes, min(count, room))
                room -= max(0, written)
                return written
            }
        }
    }

    let folder: WriterTests.Folder
    let path: String
    let log = EventLog()

    init() throws {
        folder = try WriterTests.Folder()
        path = folder.path + "/door.jsonl"
    }

    private func output(
        clock: Clock? = nil, disk: Disk? = nil, _ change: (inout RotatingJSONLines.Options) -> Void = { _ in }
    ) throws -> RotatingJSONLines {
        var options = RotatingJSONLines.Options()
        change(&options)
        let path = path
        return try RotatingJSONLines(
            path: path, options: options, clock: { clock?.now ?? .now },
            open: {
                if let disk { return try LinesFile(path: path, append: disk.write) }
                return try LinesFile(path: path)
            }, onEvent: { [log] in log.append($0) })
    }

    private func lines(_ name: String = "door.jsonl") throws -> [String] {
        let text = try folder.content(name)
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return text.split(separator: "\n").map(String.init)
    }

    private func frames(_ name: String = "door.jsonl") throws -> [Int] {
        try lines(name).map(LineClient.fields).compactMap { $0["frame"] as? Int }
    }

    @Test("lines are there while the output is open, and a second run appends")
    func appends() throws {
        let first = try output()
        for number in 0..<3 { first.publish(Sample.frame(number)) }
        try expectEventually("the lines are in the file") { try frames() == [0, 1, 2] }
        #expect(first.status.recordsWritten == 3 && first.status.state == .running)
        first.finish(within: .seconds(30))
        let second = try output()
        for number in 3..<500 { second.publish(Sample.frame(number)) }
        second.finish(within: .seconds(30))
        #expect(try frames() == Array(0..<500))
    }

    @Test("a line that a killed process has cut is taken away", arguments: [1, 5, 9, 60])
    func cutLine(length: Int) throws {
        let whole = Sample.frame(0).line
        let cut = Sample.frame(1).line.prefix(length)
        try Data(whole + cut).write(to: URL(fileURLWithPath: path))
        let output = try output()
        output.publish(Sample.frame(2))
        output.finish(within: .seconds(30))
        #expect(try lines().count == 2 && frames() == [0, 2])
        #expect(log.events.contains { $0.message.contains("cut line of \(length) bytes") })
    }

    @Test("a line that is longer than what is read at once, and cut, is taken away as well")
    func longCutLine() throws {
        let cut = Sample.frame(1, padding: 200_000).line.dropLast(1)
        try Data(cut).write(to: URL(fileURLWithPath: path))
        let output = try output()
        output.publish(Sample.frame(2))
        output.finish(within: .seconds(30))
        #expect(try frames() == [2])
    }

    @Test("a last line that is not a record is kept and ended")
    func foreignLine() throws {
        try Data("my notes".utf8).write(to: URL(fileURLWithPath: path))
        let output = try output()
        output.publish(Sample.frame(0))
        output.finish(within: .seconds(30))
        #expect(try lines().first == "my notes")
        #expect(try lines().count == 2)
    }

    @Test("files rotate by size, no line is lost, and only the newest are kept")
    func rotationBySize() throws {
        let clock = Clock(1_764_072_000)
        let size = 10 * Sample.frame(10).line.count
        try Data("mine".utf8).write(to: URL(fileURLWithPath: folder.path + "/door-notes.jsonl"))
        let output = try output(clock: clock) {
            $0.maxSize = size
            $0.keep = 3
        }
        for number in 10..<65 { output.publish(Sample.frame(number)) }
        output.finish(within: .seconds(30))
        // All in the same second of the injected clock: none overwrites another.
        let stamp = "door-2025-11-25T12-00-00Z"
        #expect(
            try folder.names == [
                "\(stamp)-3.jsonl", "\(stamp)-4.jsonl", "\(stamp)-5.jsonl", "door-notes.jsonl", "door.jsonl",
            ])
        #expect(try frames() == Array(60..<65))
        #expect(try (3...5).flatMap { try frames("\(stamp)-\($0).jsonl") } == Array(30..<60))
    }

    @Test("files rotate at multiples of their period, and bear its end in their name")
    func rotationByTime() throws {
        // 12:00:10.
        let clock = Clock(1_764_072_010)
        let output = try output(clock: clock) { $0.every = .seconds(60) }
        var count = 0
        for step in [0, 49, 5, 120] as [Double] {
            clock.advance(by: step)
            output.publish(Sample.frame(count))
            count += 1
            expectEventually("it is written") { output.status.recordsWritten == count }
        }
        output.finish(within: .seconds(30))
        #expect(
            try folder.names == ["door-2025-11-25T12-01-00Z.jsonl", "door-2025-11-25T12-02-00Z.jsonl", "door.jsonl"])
        #expect(try frames("door-2025-11-25T12-01-00Z.jsonl") == [0, 1])
        #expect(try frames("door-2025-11-25T12-02-00Z.jsonl") == [2])
        #expect(try frames() == [3])
    }

    @Test("a file of an earlier period, from an earlier run, is rotated away first")
    func rotationAtStart() throws {
        try Data(Sample.frame(0).line).write(to: URL(fileURLWithPath: path))
        var times = [timeval(tv_sec: 1_764_072_010, tv_usec: 0), timeval(tv_sec: 1_764_072_010, tv_usec: 0)]
        try #require(utimes(path, &times) == 0)
        let output = try output { $0.every = .seconds(3600) }
        output.publish(Sample.frame(1))
        output.finish(within: .seconds(30))
        #expect(try frames() == [1])
        #expect(try frames("door-2025-11-25T13-00-00Z.jsonl") == [0])
    }

    @Test("a full disk is told, what waits is bounded, and a gap says what was lost", arguments: [0, 1, 30, 100, 400])
    func fullDisk(room: Int) throws {
        let disk = Disk(room: room)
        let output = try output(disk: disk) { $0.queue = QueueLimit(records: 8, bytes: 1 << 20) }
        // More than any of the rooms, and less than the queue holds.
        for number in 0..<6 { output.publish(Sample.frame(number)) }
        expectEventually("the fault is told") { log.count(.failed) == 1 && output.status.state == .waiting }
        #expect(output.status.lastError?.contains("disk is full") == true)
        for number in 6..<100 { output.publish(Sample.frame(number)) }
        #expect(output.status.queueDepth <= 8)
        // Whatever found room, no line is cut.
        #expect(try frames() == Array(0..<(try lines().count)))
        disk.setRoom(1 << 20)
        expectEventually("it works again") { log.count(.recovered) == 1 && output.status.queueDepth == 0 }
        output.publish(Sample.frame(100))
        output.finish(within: .seconds(30))
        let fields = try lines().map(LineClient.fields)
        let gaps = fields.compactMap { $0["type"] as? String == "gap" ? $0["frames"] as? Int : nil }
        #expect(gaps.count == 1)
        #expect(try gaps.reduce(0, +) + frames().count == 101)
        #expect(try frames().last == 100)
    }

    @Test("a blocking output does not block while its disk does not work")
    func fullDiskBlocking() throws {
        let disk = Disk(room: 0)
        let output = try output(disk: disk) {
            $0.queue = QueueLimit(records: 2, bytes: 1 << 20)
            $0.policy = .block
        }
        // Would wait for ever otherwise.
        for number in 0..<50 { output.publish(Sample.frame(number)) }
        expectEventually("the fault is told") { output.status.state == .waiting }
        output.finish(within: .milliseconds(100))
        #expect(output.status.recordsDropped == 50 && log.count(.closed) == 1)
    }

    @Test("a blocking output loses nothing, however small its queue")
    func blocking() throws {
        let output = try output {
            $0.queue = QueueLimit(records: 1, bytes: 1)
            $0.policy = .block
            $0.sync = .everyRecord
        }
        for number in 0..<200 { output.publish(Sample.frame(number)) }
        output.finish(within: .seconds(30))
        #expect(try frames() == Array(0..<200))
        #expect(output.status.recordsDropped == 0)
    }

    @Test("a file that somebody has moved away is begun anew, and so is one whose folder was removed meanwhile")
    func moved() throws {
        let output = try output { $0.sync = .every(.milliseconds(10)) }
        output.publish(Sample.frame(0))
        try expectEventually("it is written") { try frames() == [0] }
        try #require(rename(path, path + ".1") == 0)
        output.publish(Sample.frame(1))
        expectEventually("it is written") { (try? frames()) == [1] }
        #expect(try frames("door.jsonl.1") == [0])

        let away = folder.path + ".away"
        try #require(rename(folder.path, away) == 0)
        defer { try? FileManager.default.removeItem(atPath: away) }
        output.publish(Sample.frame(2))
        expectEventually("the fault is told") { output.status.state == .waiting }
        #expect(output.status.lastError?.contains("create it first") == true)
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        expectEventually("it goes on") { (try? frames()) == [2] }
    }

    @Test("reopening begins the file under its name")
    func reopen() throws {
        let output = try output()
        output.publish(Sample.frame(0))
        try expectEventually("it is written") { try frames() == [0] }
        try #require(rename(path, path + ".1") == 0)
        output.reopen()
        try expectEventually("the file is there without a record") { try folder.names.contains("door.jsonl") }
        output.finish(within: .seconds(30))
        #expect(try frames().isEmpty)
    }

    @Test("pipes are written and not rotated, and a reader that comes again is served again")
    func pipes() throws {
        signal(SIGPIPE, SIG_IGN)
        try #require(mkfifo(path, 0o600) == 0)
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        let output = try output { $0.maxSize = 10 }
        func read() -> String {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let got = Glibc.read(reader, &buffer, buffer.count)
            return got > 0 ? String(decoding: buffer[..<got], as: UTF8.self) : ""
        }
        output.publish(Sample.frame(0))
        expectEventually("the line arrives") { read().contains(#""frame":0"#) }
        output.publish(Sample.frame(1))
        expectEventually("the line arrives") { read().contains(#""frame":1"#) }
        close(reader)
        output.publish(Sample.frame(2))
        expectEventually("the fault is told") { output.status.state == .waiting }
        let again = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(again) }
        expectEventually("it works again") { output.status.state == .running }
        output.finish(within: .seconds(30))
        #expect(try folder.names == ["door.jsonl"])
    }

    @Test("what cannot be opened or makes no sense is refused in words")
    func refusals() throws {
        let missing = folder.path + "/none/door.jsonl"
        #expect(throws: FileError.noFolder(path: missing, folder: folder.path + "/none")) {
            try RotatingJSONLines(path: missing)
        }
        #expect(throws: FileError.isDirectory(path: folder.path)) { try RotatingJSONLines(path: folder.path) }
        #expect(throws: OutputError.self) { try output { $0.every = .milliseconds(10) } }
        #expect(throws: OutputError.self) { try output { $0.maxSize = 0 } }
        #expect(throws: OutputError.self) { try output { $0.keep = -1 } }
        let first = try output()
        #expect(throws: FileError.self) { try output() }
        first.finish(within: .seconds(30))
    }
}
