import Files
import Foundation
import Instances
import Testing

@testable import Outputs

@Suite("Writers of results")
struct WriterTests {
    /// A folder that vanishes with the test.
    final class Folder {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)").path
        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }
        func content(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
        var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
    }

    let folder: Folder

    init() throws { folder = try Folder() }

    static func result(_ frame: Int) -> FrameResult {
        let mask = Mask(width: 4, height: 2, bitmap: [0, 1, 1, 0, 0, 1, 1, 0])
        let box = Box(x0: 1.25, y0: 0, x1: 3, y1: 2)
        return FrameResult(
            stream: "door", frame: frame, pts: Double(frame) / 25, width: 4, height: 2,
            objects: [
                Instance(trackID: 9, categoryID: 2, category: "ring", score: 0.5, box: box, mask: mask),
                Instance(trackID: 3, categoryID: 1, category: "disc \"ä\"", score: 0.875, box: box),
                Instance(categoryID: 1, category: "disc", score: 0.25, box: box),
            ])
    }

    @Test("JSON lines hold one record a frame, in order")
    func jsonLines() throws {
        let writer = try JSONLinesWriter(path: folder.path + "/out.jsonl")
        for frame in 0..<300 { try writer.write(Self.result(frame)) }
        #expect(try folder.names != ["out.jsonl"])
        try writer.finish()
        #expect(try folder.names == ["out.jsonl"])
        let lines = try folder.content("out.jsonl").split(separator: "\n")
        #expect(lines.count == 300)
        let last = try #require(lines.last)
        let record = try #require(JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any])
        #expect(record["frame"] as? Int == 299)
        #expect((record["objects"] as? [[String: Any]])?[1]["category"] as? String == "disc \"ä\"")
    }

    @Test("MOT text counts frames from 1, sorts by identity and leaves out what has none")
    func mot() throws {
        let writer = try MOTWriter(path: folder.path + "/out.txt")
        try writer.write(Self.result(0))
        try writer.finish()
        #expect(
            try folder.content("out.txt") == """
                1,3,1.25,0,1.75,2,0.875,1,-1,-1
                1,9,1.25,0,1.75,2,0.5,2,-1,-1

                """)
    }

    @Test("COCO results are one array over all pictures")
    func coco() throws {
        let writer = try COCOResultsWriter(path: folder.path + "/results.json")
        try writer.write(Self.result(0).objects, imageID: 7, fileName: "a/b.jpg")
        try writer.write([], imageID: 8, fileName: "empty.jpg")
        try writer.write([Self.result(0).objects[0]], imageID: 9, fileName: "c.jpg")
        try writer.finish()
        let data = Data(try folder.content("results.json").utf8)
        let array = try #require(JSONSerialization.jsonObject(with: data) as? [[String: Any]])
        #expect(array.map { $0["image_id"] as? Int } == [7, 7, 7, 9])
        #expect(array[0]["file_name"] as? String == "a/b.jpg")
        #expect(array[0]["bbox"] as? [Double] == [1.25, 0, 1.75, 2])
        let segmentation = try #require(array[0]["segmentation"] as? [String: Any])
        #expect(segmentation["size"] as? [Int] == [2, 4])
        #expect(segmentation["counts"] as? String == Self.result(0).objects[0].mask?.counts)
    }

    @Test("COCO results without a detection are an empty array")
    func emptyCOCO() throws {
        let writer = try COCOResultsWriter(path: folder.path + "/results.json")
        try writer.finish()
        #expect(try folder.content("results.json") == "[]\n")
    }

    @Test("a cancelled writer and one that was let go leave nothing")
    func cancel() throws {
        let cancelled = try JSONLinesWriter(path: folder.path + "/a.jsonl")
        try cancelled.write(Self.result(0))
        cancelled.cancel()
        do {
            let abandoned = try MOTWriter(path: folder.path + "/b.txt")
            try abandoned.write(Self.result(0))
        }
        #expect(try folder.names.isEmpty)
    }

    @Test("a full disk is reported by name")
    func diskFull() throws {
        let writer = try JSONLinesWriter(path: "/dev/full")
        #expect(throws: FileError.diskFull(path: "/dev/full")) { try writer.write(Self.result(0)) }
    }

    @Test("a reader that has gone is reported as such")
    func brokenPipe() throws {
        // As the command line does: otherwise the signal ends the process before the error is seen.
        signal(SIGPIPE, SIG_IGN)
        var ends: [CInt] = [0, 0]
        try #require(pipe(&ends) == 0)
        let path = "/dev/fd/\(ends[1])"
        let writer = try JSONLinesWriter(path: path)
        close(ends[1])
        close(ends[0])
        #expect(throws: FileError.readerGone(path: path)) { try writer.write(Self.result(0)) }
    }
}
