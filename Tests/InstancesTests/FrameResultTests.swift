import Foundation
import Instances
import Testing

@Suite struct FrameResultTests {
    private let mask = Mask(width: 5, height: 4, runs: [5, 2, 2, 2, 2, 2, 5])

    private func read(_ result: FrameResult) throws -> [String: Any] {
        let line = result.jsonLine()
        #expect(!line.contains("\n"))
        return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    @Test func `a line carries every field under its name`() throws {
        let object = Instance(
            trackID: 7, categoryID: 3, category: "a \"café\"", score: 0.875,
            box: Box(x0: 1, y0: 1, x1: 4, y1: 3.125), mask: mask)
        let line = try read(
            FrameResult(
                stream: "door", frame: 120, pts: 4.004, time: "2026-11-24T12:00:00.123Z", width: 5, height: 4,
                inferred: false, dropped: 2, objects: [object]))
        #expect(line["type"] as? String == "frame")
        #expect(line["stream"] as? String == "door")
        #expect(line["frame"] as? Int == 120)
        #expect(line["pts"] as? Double == 4.004)
        #expect(line["time"] as? String == "2026-11-24T12:00:00.123Z")
        #expect(line["width"] as? Int == 5)
        #expect(line["height"] as? Int == 4)
        #expect(line["inferred"] as? Bool == false)
        #expect(line["dropped"] as? Int == 2)
        let objects = try #require(line["objects"] as? [[String: Any]])
        let first = try #require(objects.first)
        #expect(objects.count == 1)
        #expect(first["track_id"] as? Int == 7)
        #expect(first["category_id"] as? Int == 3)
        #expect(first["category"] as? String == "a \"café\"")
        #expect(first["score"] as? Double == 0.875)
        #expect(first["bbox"] as? [Double] == [1, 1, 3, 2.125])
        #expect(first["area"] as? Int == 6)
        let segmentation = try #require(first["segmentation"] as? [String: Any])
        #expect(segmentation["size"] as? [Int] == [4, 5])
        #expect(segmentation["counts"] as? String == "5220003")
    }

    @Test func `what is not known is left out`() throws {
        let object = Instance(categoryID: 1, category: "x", score: 1, box: Box(x0: 0, y0: 0, x1: 1, y1: 1))
        let line = try read(FrameResult(stream: "s", frame: 0, pts: 0, width: 5, height: 4, objects: [object]))
        #expect(line["time"] == nil)
        #expect(line["inferred"] as? Bool == true)
        let first = try #require((line["objects"] as? [[String: Any]])?.first)
        #expect(first["track_id"] == nil)
        #expect(first["segmentation"] == nil)
        #expect(first["area"] == nil)
    }

    @Test func `values that are not numbers still give a line that parses`() throws {
        let object = Instance(
            categoryID: 1, category: "x", score: .nan, box: Box(x0: .infinity, y0: 0, x1: .nan, y1: 1))
        let line = try read(FrameResult(stream: "s", frame: 0, pts: .nan, width: 5, height: 4, objects: [object]))
        #expect(line["pts"] is NSNull)
        #expect((line["objects"] as? [[String: Any]])?.first?["score"] is NSNull)
    }
}
