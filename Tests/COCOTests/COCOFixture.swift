import Foundation
import Testing

@testable import COCO

/// What pycocotools answered, as Tests/Fixtures/make_coco.py wrote it, and texts made here.
enum COCOFixture {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../Fixtures/coco").standardized.path

    static func path(_ name: String) -> String { "\(folder)/\(name)" }

    /// A random polygon, or several, and what pycocotools makes of them.
    struct PolygonCase {
        var width = 0
        var height = 0
        var polygons: [[Double]] = []
        var counts = ""
    }

    // Foundation's reader does not round numbers to the nearest double, on which these tests depend.

    static func polygonCases() throws -> [PolygonCase] {
        var cases: [PolygonCase] = []
        try bytes("polygons.json").withUnsafeBytes { bytes in
            var json = JSONReader(bytes)
            try json.array("polygons.json") { json in
                var (entry, place) = (PolygonCase(), 0)
                try json.array("a case") { json in
                    switch place {
                    case 0: entry.width = try json.integer("a width")
                    case 1: entry.height = try json.integer("a height")
                    case 2:
                        try json.array("polygons") { json in
                            var polygon: [Double] = []
                            try json.array("a polygon") { polygon.append(try $0.number("a coordinate")) }
                            entry.polygons.append(polygon)
                        }
                    default: entry.counts = try json.string("counts")
                    }
                    place += 1
                }
                cases.append(entry)
            }
        }
        return cases
    }

    /// The lists of numbers in figures.json by name.
    static func figures() throws -> [String: [Double]] {
        var figures: [String: [Double]] = [:]
        try bytes("figures.json").withUnsafeBytes { bytes in
            var json = JSONReader(bytes)
            try json.object("figures.json") { json, key in
                try json.array(key) { figures[key, default: []].append(try $0.number("a figure")) }
            }
        }
        return figures
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
