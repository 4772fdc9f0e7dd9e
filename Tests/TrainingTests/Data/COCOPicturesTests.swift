import Testing

@testable import COCO
@testable import Training

@Suite struct COCOPicturesTests {
    private static let images =
        #"{"id":1,"file_name":"a.png","width":100,"height":80},{"id":2,"file_name":"b.png","width":100,"height":80}"#
    private static let outline = #""segmentation":[[1,1,9,1,9,9]]"#

    /// The digest of a data set of two images with an object each.
    ///
    /// - Parameters:
    ///   - object: The fields of the first image's object besides its ids.
    ///   - more: JSON objects behind it.
    private func digest(
        images: String = images, category: Int = 1, object: String = #""bbox":[1,1,8,8],"area":32,\#(outline)"#,
        more: String = ""
    ) throws -> UInt64 {
        let text = """
            {"images":[\(images)],"categories":[{"id":1,"name":"cat"},{"id":2,"name":"dog"}],"annotations":[
            {"id":1,"image_id":1,"category_id":\(category),\(object)},
            {"id":2,"image_id":2,"category_id":1,"bbox":[1,1,8,8],"area":32,\(Self.outline)}\(more)]}
            """
        let dataset = try COCODataset(text: Array(text.utf8), path: "truth.json")
        let pictures = COCOPictures(dataset, folder: ".", labels: [1: 1, 2: 2])
        #expect(pictures.count == 2)
        return pictures.digest
    }

    @Test func `a data set has another digest as soon as a picture or an object is another`() throws {
        let outline = Self.outline
        let added = #"{"id":3,"image_id":1,"category_id":1,"bbox":[1,1,8,8],"area":32,\#(outline)}"#
        let crowd = #"{"id":4,"image_id":1,"category_id":1,"bbox":[1,1,8,8],"area":32,"iscrowd":1,\#(outline)}"#
        let digests = try [
            digest(), digest(images: Self.images.replacing("b.png", with: "c.png")), digest(category: 2),
            digest(object: #""bbox":[1,1,8,9],"area":32,\#(outline)"#),
            digest(object: #""bbox":[1.5,1,8,8],"area":32,\#(outline)"#),
            digest(object: #""bbox":[1,1,8,8],"area":31.5,\#(outline)"#), digest(more: ",\(added)"),
            digest(more: ",\(added.replacing(#""image_id":1"#, with: #""image_id":2"#))"),
        ]
        #expect(Set(digests).count == digests.count)
        // What teaches nothing is none of it, nor is an annotation's id.
        #expect(try digest(more: ",\(crowd)") == digests[0])
        #expect(try digest(more: ",\(added.replacing(#""id":3"#, with: #""id":9"#))") == digests[6])
    }
}
