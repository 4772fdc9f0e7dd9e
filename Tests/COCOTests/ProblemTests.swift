import Foundation
import Testing

@testable import COCO

@Suite struct ProblemTests {
    /// The kinds of all problems, and what is said of them.
    private func problems(_ dataset: COCODataset) -> (kinds: [COCOProblem.Kind], text: String) {
        let problems = dataset.problems()
        return (problems.map(\.kind), problems.map(\.description).joined(separator: "\n"))
    }

    private static let box = #""bbox":[1,2,3,4]"#

    @Test(arguments: [
        (#""image_id":9,"category_id":1,\#(box)"#, COCOProblem.Kind.missingImage, "of image 9"),
        (#""image_id":1,"category_id":9,\#(box)"#, .unknownCategory, "of category 9"),
        (#""image_id":1,"category_id":1,"bbox":[1,2,3]"#, .malformedBox, "3 numbers"),
        (#""image_id":1,"category_id":1"#, .missingBox, "neither a box"),
        (#""image_id":1,"category_id":1,"bbox":[1,2,0,4]"#, .emptyBox, "no area"),
        (#""image_id":1,"category_id":1,"bbox":[1,2,3,-4]"#, .emptyBox, "no area"),
        (#""image_id":1,"category_id":1,"bbox":[98,2,5,4]"#, .boxOutside, "100x80"),
        (#""image_id":1,"category_id":1,"bbox":[1,-2,5,4]"#, .boxOutside, "-2.0"),
        (#""image_id":1,"category_id":1,"bbox":[1,2,1e999,4],"area":1"#, .notFinite, "a box"),
        (#""image_id":1,"category_id":1,\#(box),"area":NaN"#, .notFinite, "an area"),
        (
            #""image_id":1,"category_id":1,\#(box),"segmentation":[[1,1,9,1,9,9],[1,1,9,NaN,9,9]]"#, .notFinite,
            "number 2"
        ),
        (#""image_id":1,"category_id":1,\#(box),"segmentation":[[1,1,9,1,9,9,1]]"#, .malformedPolygon, "7 numbers"),
        (#""image_id":1,"category_id":1,\#(box),"segmentation":[[1,1,9,1,1e9,9]]"#, .malformedPolygon, "no picture"),
        (#""image_id":1,"category_id":1,\#(box),"segmentation":[[1,1,9,1]]"#, .shortPolygon, "three corners"),
        (
            #""image_id":1,"category_id":1,\#(box),"segmentation":{"size":[100,80],"counts":[8000]}"#, .malformedMask,
            "80x100"
        ),
        (
            #""image_id":1,"category_id":1,\#(box),"segmentation":{"size":[80,100],"counts":[8,3]}"#, .malformedMask,
            "11 pixels"
        ),
        (
            #""image_id":1,"category_id":1,\#(box),"segmentation":{"size":[80,100],"counts":[-8,3]}"#, .malformedMask,
            "-8"
        ),
        (
            #""image_id":1,"category_id":1,\#(box),"segmentation":{"size":[80,100],"counts":"!"}"#, .malformedMask,
            "COCO"
        ),
        (#""image_id":1,"category_id":1,\#(box),"segmentation":{"counts":"d0"}"#, .malformedMask, "no size"),
        (#""image_id":1,"category_id":1,\#(box),"segmentation":{"size":[80,100]}"#, .malformedMask, "no counts"),
    ])
    func `what is wrong with an annotation is said with its id`(
        fields: String, kind: COCOProblem.Kind, words: String
    ) throws {
        let found = problems(try COCOFixture.dataset(#"{"id":17,\#(fields)}"#))
        #expect(found.kinds == [kind], "\(found.text)")
        #expect(found.text.hasPrefix("annotation 17 ") && found.text.contains(words), "\(found.text)")
    }

    @Test func `every problem is listed and not only the first`() throws {
        let found = problems(
            try COCOFixture.dataset(
                #"{"id":1,"image_id":9,"category_id":9,"bbox":[0,0,0,0],"segmentation":[[1],[1,2,3,4]]}"#,
                #"{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3,4]}"#))
        #expect(
            found.kinds == [
                .unknownCategory, .missingImage, .emptyBox, .malformedPolygon, .shortPolygon, .duplicateID,
            ])
    }

    @Test func `a box that goes over the edge by a pixel is no problem`() throws {
        #expect(
            problems(
                try COCOFixture.dataset(#"{"id":1,"image_id":1,"category_id":1,"bbox":[-0.5,79,100.9,1.9]}"#)
            ).kinds.isEmpty)
    }

    @Test func `categories and images have ids, names and sizes of their own`() throws {
        let annotation = #"{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3,4]}"#
        let categories = problems(
            try COCOFixture.dataset(
                annotation, categories: #"{"id":1,"name":"cat"},{"id":2,"name":"cat"},{"id":1,"name":" "},{"id":4}"#))
        #expect(categories.kinds == [.categoryName, .duplicateID, .categoryName, .categoryName])
        #expect(categories.text.contains("of category 1"))
        let images = problems(
            try COCOFixture.dataset(
                annotation,
                images: """
                    {"id":1,"file_name":"a","width":9,"height":9},{"id":1,"file_name":"b","width":9,"height":9},
                    {"id":2,"file_name":"c","height":9},{"id":3,"file_name":"d","width":70000,"height":9},
                    {"id":4,"file_name":"e","width":-5,"height":-5}
                    """))
        #expect(images.kinds == [.duplicateID, .impossibleSize, .impossibleSize, .impossibleSize])
    }

    @Test func `a data set without anything is no data set`() throws {
        #expect(
            problems(try COCOFixture.read(#"{"images":[],"categories":[],"annotations":[]}"#)).kinds
                == [.empty, .empty, .empty])
    }

    @Test func `files that are not there, lead out of the folder or have another size are named`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("sub"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in ["a.png", "b.png", "c.png"] { try Data([1]).write(to: folder.appendingPathComponent(name)) }
        let names = ["a.png", "b.png", "c.png", "missing.png", "sub", "../x.png", ""]
        let images = names.enumerated().map { #"{"id":\#($0 + 1),"file_name":"\#($1)","width":9,"height":8}"# }
        let dataset = try COCOFixture.dataset(
            #"{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3,4]}"#, images: images.joined(separator: ","))
        #expect(dataset.problems().isEmpty)
        let found = dataset.problems(imageFolder: folder.path) { path in
            path.hasSuffix("/a.png") ? (9, 8) : path.hasSuffix("/b.png") ? (8, 9) : nil
        }
        #expect(found.map(\.kind) == [.wrongSize, .missingFile, .missingFile, .missingFile, .fileName, .fileName])
        #expect(found.first?.description.contains("8x9") == true)
        #expect(found.allSatisfy { $0.isError })
    }

    @Test func `masks are missed only where they are needed`() throws {
        let dataset = try COCOFixture.dataset(#"{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3,4]}"#)
        #expect(dataset.problems().isEmpty)
        #expect(dataset.problems(requiresMasks: true).map(\.kind) == [.missingMask])
    }
}
