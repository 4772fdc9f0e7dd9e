import Foundation
import Instances
import Testing

@testable import Video

@Suite("Recorded files")
struct SegmentFolderTests {
    let folder: Folder
    let log = EventLog()

    init() throws { folder = try Folder() }

    private func segments(keep: Duration? = nil, maxSize: Int? = nil, stream: String = "door") -> SegmentFolder {
        SegmentFolder(
            .init(directory: folder.path, segment: .seconds(60), keep: keep, maxSize: maxSize), stream: stream)
    }

    private var reporter: TargetReporter { TargetReporter(name: "record", onEvent: log.append) }

    /// A whole file of three fragments: a second each, the last one shorter.
    private func recording() throws -> [UInt8] {
        let other = try Folder()
        let broadcast = try broadcast([.record(.init(directory: other.path))])
        try broadcast.write(0..<25, from: midday)
        broadcast.finish(within: .seconds(60))
        return try other.bytes("door-2026-11-24T12-00-00Z.mp4")
    }

    /// The boxes of a file at its top, as positions and types.
    private func boxes(_ bytes: [UInt8]) -> [(start: Int, end: Int, type: String)] {
        var (position, boxes) = (0, [(start: Int, end: Int, type: String)]())
        while position + 8 <= bytes.count {
            let size = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
            let type = String(decoding: bytes[position + 4..<position + 8], as: UTF8.self)
            boxes.append((position, position + size, type))
            position += size
        }
        return boxes
    }

    @Test("a file that was cut anywhere is trimmed to its last whole fragment, and removed where it has none")
    func cuts() throws {
        let bytes = try recording()
        let boxes = boxes(bytes)
        try #require(boxes.map(\.type) == ["ftyp", "moov", "moof", "mdat", "moof", "mdat", "moof", "mdat", "mfra"])
        var lengths: Set<Int> = [0, 1, bytes.count]
        for box in boxes {
            lengths.formUnion([
                box.start, box.start + 3, box.start + 8, (box.start + box.end) / 2, box.end - 1, box.end,
            ])
        }
        let ends = boxes.filter { $0.type == "mdat" }.map(\.end)
        for length in lengths.sorted() where length <= bytes.count {
            let other = try Folder()
            try other.write(Array(bytes[..<length]), to: "door-2026-11-24T12-00-00Z.mp4.part")
            SegmentFolder(.init(directory: other.path), stream: "door").recover(reporter: reporter)
            let fragments = ends.filter { $0 <= length }.count
            if fragments == 0 {
                #expect(try other.names == [], "cut at \(length)")
                continue
            }
            #expect(try other.names == ["door-2026-11-24T12-00-00Z.mp4"], "cut at \(length)")
            let expected = length == bytes.count ? bytes.count : ends[fragments - 1]
            #expect(try other.bytes("door-2026-11-24T12-00-00Z.mp4").count == expected, "cut at \(length)")
            #expect(
                try numbers(other("door-2026-11-24T12-00-00Z.mp4")) == Array(0..<[10, 20, 25][fragments - 1]),
                "cut at \(length)")
        }
    }

    static let tails: [[UInt8]] = [
        // Zeros, as a file system may leave behind; a box to the end of the file; one that is smaller than its header; one that
        // ends far behind the file; one of 64 bits that goes back.
        Array(repeating: 0, count: 5000), [0, 0, 0, 0] + Array("mdat".utf8) + Array(repeating: 1, count: 100),
        [0, 0, 0, 4] + Array("moof".utf8), [0xff, 0xff, 0xff, 0xff] + Array("mdat".utf8),
        [0, 0, 0, 1] + Array("mdat".utf8) + Array(repeating: 0xff, count: 8),
        [0, 0, 0, 1] + Array("mdat".utf8) + [0, 0, 0, 0, 0, 0, 0, 2], Array("moofmdatmoofmdat".utf8),
    ]

    @Test("what follows the last fragment is not believed", arguments: tails.indices)
    func tail(_ index: Int) throws {
        let bytes = try recording()
        let end = try #require(boxes(bytes).last { $0.type == "mdat" }?.end)
        try folder.write(Array(bytes[..<end]) + Self.tails[index], to: "door-2026-11-24T12-00-00Z.mp4.part")
        segments().recover(reporter: reporter)
        #expect(try folder.names == ["door-2026-11-24T12-00-00Z.mp4"])
        #expect(try folder.bytes("door-2026-11-24T12-00-00Z.mp4") == Array(bytes[..<end]))
    }

    @Test("a recovered file replaces none, and what is somebody else's is left alone")
    func others() throws {
        let bytes = try recording()
        let alien = [
            "door-2026-11-24T12-00-00Z.mp4", "door2-2026-11-24T12-00-00Z.mp4.part", "door.mp4.part",
            "door-2026-13-24T12-00-00Z.mp4.part", "door-2026-11-24T12-00-00Z-1.mp4.part", "notes.part",
            "door-side-2026-11-24T12-00-00Z.mp4.part",
        ]
        for name in alien { try folder.write(Array("precious".utf8), to: name) }
        try folder.write(bytes, to: "door-2026-11-24T12-00-00Z.mp4.part")
        segments().recover(reporter: reporter)
        #expect(try folder.names == (alien + ["door-2026-11-24T12-00-00Z-2.mp4"]).sorted())
        for name in alien { #expect(try folder.bytes(name) == Array("precious".utf8)) }
        #expect(
            log.all == [.recovered(path: folder("door-2026-11-24T12-00-00Z-2.mp4"), bytes: bytes.count)])
    }

    @Test("a file that is still written is not recovered")
    func locked() throws {
        let broadcast = try broadcast([.record(.init(directory: folder.path))])
        try broadcast.write(0..<25, from: midday)
        let part = "door-2026-11-24T12-00-00Z.mp4.part"
        try eventually("two fragments are there") { (try? numbers(folder(part))) == Array(0..<20) }
        segments().recover(reporter: reporter)
        #expect(try folder.names == [part])
        broadcast.finish(within: .seconds(60))
        #expect(try numbers(folder("door-2026-11-24T12-00-00Z.mp4")) == Array(0..<25))
    }

    private func fill() throws {
        for minute in 0..<10 {
            try folder.write(Array(repeating: 1, count: 1000), to: "door-2026-11-24T12-0\(minute)-00Z.mp4")
        }
        for name in ["doors-2026-11-24T11-00-00Z.mp4", "door-2026-11-24T11-00-00Z.mkv", "door.mp4", "a.txt"] {
            try folder.write(Array(repeating: 1, count: 1000), to: name)
        }
        try FileManager.default.createDirectory(
            atPath: folder("door-2026-11-24T11-30-00Z.mp4"), withIntermediateDirectories: false)
    }

    private var minutes: [Int] {
        get throws {
            try folder.names.compactMap { SegmentName($0, stream: "door") }
                .map { Int(($0.start.seconds - midday.seconds) / 60) }
        }
    }

    @Test("files go at their age, after their end")
    func age() throws {
        try fill()
        segments(keep: .seconds(240)).prune(now: WallClock(seconds: midday.seconds + 600), reporter: reporter)
        // The one of minute 5 has ended exactly four minutes ago.
        #expect(try minutes == [-30, 5, 6, 7, 8, 9])
        #expect(try folder.names.count == 10)
    }

    @Test("the oldest files go where there are too many bytes, and nothing else does")
    func size() throws {
        try fill()
        segments(maxSize: 3500).prune(now: WallClock(seconds: midday.seconds + 600), reporter: reporter)
        #expect(try minutes == [-30, 7, 8, 9])
        #expect(try folder.names.count == 8)
        #expect(log.all.first == .removed(path: folder("door-2026-11-24T12-00-00Z.mp4")))
        segments().prune(now: WallClock(seconds: midday.seconds + 1e9), reporter: reporter)
        #expect(try folder.names.count == 8)
    }

    @Test(
        "names can be read back, whatever the stream is called",
        arguments: ["door", "a-b", "2026-11-24T12-00-00Z", "ü/..", ".x"])
    func readBack(_ stream: String) {
        let name = SegmentName(stream: stream, start: midday)
        #expect(SegmentName(name.text, stream: stream) == name)
        let second = SegmentName(stream: stream, start: midday, number: 2)
        #expect(SegmentName(second.text, stream: stream) == second)
        #expect(!name.text.contains("/") && !name.text.hasPrefix("."))
        #expect(SegmentName(name.text, stream: stream + "-") == nil)
    }

    @Test("spans begin anew at midnight, whatever their duration", arguments: [60.0, 420.0, 1.0, 86_400.0, 50_000.0])
    func spans(_ duration: Double) {
        let midnight = 1_795_478_400.0
        func number(_ seconds: Double) -> Int { SegmentClock.number(WallClock(seconds: midnight + seconds), duration) }
        #expect(number(0) != number(-0.001))
        #expect(number(duration - 0.001) == number(0))
        #expect(number(duration) != number(0) && number(86_400) != number(86_399.999))
        #expect(SegmentClock.number(WallClock(seconds: .infinity), 60) == 0)
    }
}
