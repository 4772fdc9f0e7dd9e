import Foundation
import Instances
import Testing

@testable import Video

@Suite("HLS folders")
struct HLSTests {
    let folder: Folder
    let log = EventLog()

    init() throws { folder = try Folder() }

    private func hls(window: Int = 3) throws -> VideoBroadcast {
        try broadcast(
            [.hls(.init(directory: folder("hls"), segment: .seconds(1), window: window, backoff: soon))], log: log)
    }

    private var playlist: [String] {
        get throws {
            String(decoding: try folder.bytes("hls/index.m3u8"), as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }

    private func segments(_ lines: [String]) -> [String] { lines.filter { !$0.hasPrefix("#") } }

    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder("hls")).sorted() }
    }

    @Test("the playlist has the last files, each of which can be decoded by itself, and old ones are removed")
    func window() throws {
        let broadcast = try hls()
        try broadcast.write(0..<100, from: midday)
        #expect(broadcast.finish(within: .seconds(60)) == [])
        #expect(log.reasons == [])
        let lines = try playlist
        #expect(lines[0] == "#EXTM3U")
        for tag in ["#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-TARGETDURATION:1", "#EXT-X-ENDLIST"] {
            #expect(lines.contains(tag))
        }
        #expect(segments(lines) == (7..<10).map { "segment00000\($0).ts" })
        #expect(lines.filter { $0.hasPrefix("#EXT-X-PROGRAM-DATE-TIME:") }.count == 3)
        // FFmpeg leaves the last picture out of the last file's duration.
        let durations = lines.filter { $0.hasPrefix("#EXTINF:") }
        #expect(durations == ["#EXTINF:1.000000,", "#EXTINF:1.000000,", "#EXTINF:0.900000,"])
        // FFmpeg keeps one more than the window, for players that have read the list before.
        #expect(try names == ["index.m3u8"] + (6..<10).map { "segment00000\($0).ts" })
        #expect(try numbers(folder("hls/index.m3u8")) == Array(70..<100))
        for index in 7..<10 {
            #expect(try numbers(folder("hls/segment00000\(index).ts")) == Array(index * 10..<index * 10 + 10))
        }
    }

    @Test("while it is written, the playlist is always whole and does not end")
    func growing() throws {
        let broadcast = try hls()
        try broadcast.write(0..<45, from: midday)
        try eventually("four files were written") { (try? segments(playlist).last) == "segment000003.ts" }
        for tag in ["#EXT-X-ENDLIST", "#EXT-X-DISCONTINUITY"] { #expect(try !playlist.contains(tag)) }
        #expect(try numbers(folder("hls/segment000003.ts")).count == 10)
        broadcast.finish(within: .seconds(60))
        #expect(try playlist.last == "#EXT-X-ENDLIST")
    }

    @Test("a second run goes on behind a discontinuity, and removes what nobody lists")
    func restart() throws {
        let first = try hls(window: 5)
        try first.write(0..<20, from: midday)
        first.finish(within: .seconds(60))
        for name in ["segment000077.ts", "segment000078.ts.tmp", "index.m3u8.tmp", "segment1.ts", "other.ts"] {
            try folder.write([1], to: "hls/\(name)")
        }
        let second = try hls(window: 5)
        try second.write(0..<20, from: midday)
        second.finish(within: .seconds(60))
        let lines = try playlist
        #expect(segments(lines) == (0..<4).map { "segment00000\($0).ts" })
        let discontinuity = try #require(lines.firstIndex(of: "#EXT-X-DISCONTINUITY"))
        #expect(segments(Array(lines[..<discontinuity])).count == 2)
        #expect(lines.filter { $0 == "#EXT-X-ENDLIST" }.count == 1)
        #expect(
            try names == ["index.m3u8", "other.ts"] + (0..<4).map { "segment00000\($0).ts" } + ["segment1.ts"])
    }

    @Test("a change of size and a gap are discontinuities of one playlist")
    func changes() throws {
        let broadcast = try hls(window: 10)
        try broadcast.write(0..<10, from: midday)
        try broadcast.write(10..<20, from: WallClock(seconds: midday.seconds + 1), width: 320, height: 128)
        try broadcast.write(200..<210, from: WallClock(seconds: midday.seconds + 20), width: 320, height: 128)
        broadcast.finish(within: .seconds(60))
        let lines = try playlist
        #expect(lines.filter { $0 == "#EXT-X-DISCONTINUITY" }.count == 2)
        #expect(lines.contains("#EXT-X-TARGETDURATION:1"))
        let found = try segments(lines).map { try numbers(folder("hls/\($0)")) }
        #expect(found == [Array(0..<10), Array(10..<20), Array(200..<210)])
    }

    @Test("a folder that vanishes is noticed and made again")
    func vanished() throws {
        let broadcast = try hls()
        try broadcast.write(0..<30, from: midday)
        try eventually("a file is listed") { (try? !segments(playlist).isEmpty) == true }
        // The writer may rename a file while the folder is being emptied.
        try eventually("the folder is removed") { (try? FileManager.default.removeItem(atPath: folder("hls"))) != nil }
        var next = 30
        try eventually("the target fails and runs again") {
            try broadcast.write(next..<next + 1, from: WallClock(seconds: midday.seconds + Double(next) / 10))
            next += 1
            return !log.reasons.isEmpty && broadcast.status.targets[0].state == .running
        }
        broadcast.finish(within: .seconds(60))
        #expect(try playlist.last == "#EXT-X-ENDLIST")
    }
}
