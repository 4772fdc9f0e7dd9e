import Foundation
import Instances
import Testing

/// A frame's line of JSON, as a consumer reads it.
struct Line: Decodable {
    struct Object: Decodable {
        struct Segmentation: Decodable {
            var size: [Int]
            var counts: String
        }

        var trackID: Int?
        var categoryID: Int
        var category: String
        var score: Double
        var bbox: [Double]
        var area: Int
        var segmentation: Segmentation
        /// COCO's results have these; lines have them not.
        var imageID: Int?
        var fileName: String?

        private enum CodingKeys: String, CodingKey {
            case trackID = "track_id"
            case categoryID = "category_id"
            case imageID = "image_id"
            case fileName = "file_name"
            case category, score, bbox, area, segmentation
        }
    }

    var type: String
    var stream: String
    var frame: Int
    var pts: Double
    var width: Int
    var height: Int
    var objects: [Object]

    /// Reads JSON lines.
    static func all(_ text: String) throws -> [Line] {
        try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }
}

/// Expects that an object's mask covers a picture of the given size, and that area and box agree with it in form.
func expectSound(_ object: Line.Object, width: Int, height: Int, sourceLocation: SourceLocation = #_sourceLocation)
    throws
{
    #expect(object.segmentation.size == [height, width], sourceLocation: sourceLocation)
    let mask = try Mask(width: width, height: height, counts: object.segmentation.counts)
    #expect(mask.area == object.area, sourceLocation: sourceLocation)
    #expect((0...1).contains(object.score), sourceLocation: sourceLocation)
    try #require(object.bbox.count == 4, sourceLocation: sourceLocation)
    let (x, y, w, h) = (object.bbox[0], object.bbox[1], object.bbox[2], object.bbox[3])
    #expect(x >= 0 && y >= 0 && w >= 0 && h >= 0, sourceLocation: sourceLocation)
    // Coordinates are rounded to a thousandth.
    #expect(x + w <= Double(width) + 0.002 && y + h <= Double(height) + 0.002, sourceLocation: sourceLocation)
    mask.forEachForegroundRun { column, rows in
        // A mask is pasted into its box, widened to whole pixels.
        let fits = Double(column) >= x - 2 && Double(column) <= x + w + 2
        #expect(
            fits && Double(rows.lowerBound) >= y - 2 && Double(rows.upperBound) <= y + h + 2,
            sourceLocation: sourceLocation)
    }
}
