import Foundation
import Testing

@testable import COCO

/// What pycocotools answered, as Tests/Fixtures/make_coco.py wrote it, and texts made here.
enum COCOFixture {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../Fixtures/coco").standardized.path

    static func path(_ name: String) -> String { "\(folder)/\(name)" }

    static func json(_ name: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path(name))))
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path(name))))
    }

    /// A data set of one image of 100x80 pixels and two categories, `cat` 1 and `dog` 2.
    ///
    /// - Parameter annotations: JSON objects.
    static func dataset(
        _ annotations: String..., images: String = #"{"id":1,"file_name":"a.png","width":100,"height":80}"#,
        categories: String = #"{"id":1,"name":"cat"},{"id":2,"name":"dog"}"#
    ) throws -> COCODataset {
        try read(
            """
            {"images":[\(images)],"categories":[\(categories)],"annotations":[\(annotations.joined(separator: ","))]}
            """)
    }

    static func read(_ text: String) throws -> COCODataset {
        try COCODataset(text: Array(text.utf8), path: "truth.json")
    }
}

/// The message of the error that the body throws, or "no error".
func message(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "no error"
    } catch {
        return "\(error)"
    }
}

/// A small seeded source of random numbers (SplitMix64), so that every run tests the same cases.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
