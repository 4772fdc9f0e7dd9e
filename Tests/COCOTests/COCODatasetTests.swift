import Foundation
import Instances
import RandomNumbers
import Testing

@testable import COCO

@Suite struct COCODatasetTests {
    @Test func `images, categories and annotations are read, whatever else there is`() throws {
        let dataset = try COCOFixture.read(
            """
            {"licenses":[{"deep":[[{}]]}],"annotations":[
             {"id":7,"image_id":5,"category_id":3,"bbox":[1.5,2,10,20.25],"area":150.5,"iscrowd":0,"score":null,
              "segmentation":[[1,2,11,2,11,22,1,22]],"extra":{"a":[1,"x"]}},
             {"id":8,"image_id":4,"category_id":3,"bbox":[0,0,4,4],"iscrowd":1,"area":9,
              "segmentation":{"counts":[0,4,16],"size":[4,5]}},
             {"id":9,"image_id":5,"category_id":3,"bbox":[0,0,4,4],"area":2}],
             "images":[{"id":5,"file_name":"b/\\u00e9.jpg","width":40,"height":30,"coco_url":"x"},
             {"id":4,"file_name":"a.jpg","width":5,"height":4,"license":1}],
             "categories":[{"id":3,"name":"cat","supercategory":"animal"}]}
            """)
        #expect(
            dataset.images == [
                COCODataset.Image(id: 5, fileName: "b/é.jpg", width: 40, height: 30),
                COCODataset.Image(id: 4, fileName: "a.jpg", width: 5, height: 4),
            ])
        #expect(dataset.categories == [Category(id: 3, name: "cat")])
        #expect(dataset.annotations(ofImageAt: 0).map(\.id) == [7, 9])
        #expect(dataset.annotations(ofImageAt: 1).map(\.id) == [8])
        let first = dataset.annotations(ofImageAt: 0)[0]
        #expect(first.box == Box(x0: 1.5, y0: 2, x1: 11.5, y1: 22.25))
        #expect(first.area == 150.5 && !first.isCrowd && first.categoryID == 3 && first.imageID == 5)
        #expect(first.mask(height: 30, width: 40)?.area == 200)
        let crowd = dataset.annotations(ofImageAt: 1)[0]
        #expect(crowd.isCrowd)
        #expect(crowd.mask(height: 4, width: 5)?.boundingBox == Box(x0: 0, y0: 0, x1: 1, y1: 4))
        #expect(crowd.mask(height: 5, width: 4) == nil)
        #expect(dataset.annotations(ofImageAt: 0)[1].mask(height: 30, width: 40) == nil)
        #expect(dataset.problems().isEmpty)
    }

    @Test func `a box or an area that is missing comes from the mask`() throws {
        let dataset = try COCOFixture.dataset(
            #"{"id":1,"image_id":1,"category_id":1,"segmentation":[[10,20,14,20,14,23,10,23]]}"#,
            #"{"id":2,"image_id":1,"category_id":1,"bbox":[1,2,3,4]}"#,
            #"{"id":3,"image_id":1,"category_id":1,"bbox":[],"area":5,"segmentation":[[10,20,14,20,14,23,10,23]]}"#)
        let annotations = dataset.annotations(ofImageAt: 0)
        #expect(annotations[0].box == Box(x0: 10, y0: 20, x1: 14, y1: 23))
        #expect(annotations.map(\.area) == [12, 12, 5])
        #expect(annotations[2].box == annotations[0].box)
        #expect(dataset.problems().isEmpty)
    }

    @Test func `all three forms of a mask are the same pixels`() throws {
        let mask = try #require(Mask(polygons: [[10, 20, 14, 20, 14, 23, 10, 23]], width: 100, height: 80))
        let forms = [
            "[[10,20,14,20,14,23,10,23]]", #"{"size":[80,100],"counts":\#(mask.runs)}"#,
            #"{"counts":"\#(mask.counts.replacingOccurrences(of: "\\", with: "\\\\"))","size":[80,100]}"#,
        ]
        for form in forms {
            let dataset = try COCOFixture.dataset(
                #"{"id":1,"image_id":1,"category_id":1,"bbox":[10,20,4,3],"segmentation":\#(form)}"#)
            #expect(dataset.annotations[0].mask(height: 80, width: 100) == mask)
        }
    }

    @Test(arguments: [
        ("", "1:1"), ("[]", "not an object"), ("{}", "no images"), (#"{"images":[]}"#, "no annotations"),
        (#"{"images":{},"categories":[],"annotations":[]}"#, "1:11: images is not an array"),
        (#"{"images":[{"file_name":"a"}],"categories":[],"annotations":[]}"#, "1:12: an image has no id"),
        (#"{"images":[],"categories":[{"id":"1"}],"annotations":[]}"#, "1:34: a category's id is not a number"),
        (#"{"images":[],"categories":[],"annotations":[{"id":1,"image_id":1}]}"#, "no category_id"),
        (#"{"images":[],"categories":[],"annotations":[{"bbox":"1,2,3,4"}]}"#, "bbox is not an array"),
        (#"{"images":[],"categories":[],"annotations":[{"segmentation":[1,2]}]}"#, "a polygon is not an array"),
        (#"{"images":[],"categories":[],"annotations":[{"segmentation":5}]}"#, "neither polygons nor run lengths"),
        (#"{"images":[],"categories":[],"annotations":[{"id":99999999999999999999}]}"#, "whole number"),
        (#"{"images":[],"categories":[],"annotations":[]} x"#, "1:48: something follows"),
    ])
    func `a file that is not COCO's throws with the place`(text: String, words: String) {
        let said = message { _ = try COCOFixture.read(text) }
        #expect(said.hasPrefix("truth.json:1:") && said.contains(words), "\(said)")
    }

    @Test func `a path stays in the folder of images`() throws {
        func named(_ name: String) throws -> COCODataset {
            try COCOFixture.dataset(images: #"{"id":1,"file_name":"\#(name)","width":100,"height":80}"#)
        }
        for (name, path) in [("a.png", "images/a.png"), ("x/..a/b..png", "images/x/..a/b..png")] {
            let dataset = try named(name)
            #expect(try dataset.path(of: dataset.images[0], in: "images") == path)
            #expect(try dataset.path(of: dataset.images[0], in: "images/") == path)
        }
        for name in ["../a.png", "x/../../a.png", "/etc/passwd", "", "..", "a\\u0000.png"] {
            let dataset = try named(name)
            #expect(throws: COCOError.self) { try dataset.path(of: dataset.images[0], in: "images") }
        }
    }

    @Test func `what is left of a file after any byte throws and never crashes`() throws {
        let bytes = try COCOFixture.bytes("annotations.json")
        // The last two bytes are the end of the line and of the object.
        for length in stride(from: 0, to: bytes.count - 2, by: 37) {
            #expect(throws: COCOError.self) { try COCODataset(text: Array(bytes[..<length]), path: "cut") }
        }
    }

    @Test func `files with wrong bytes throw or are checked, and never crash`() throws {
        let bytes = try COCOFixture.bytes("annotations.json")
        let results = Array(try COCOFixture.bytes("results.json").prefix(4000))
        let truth = try COCODataset(path: COCOFixture.path("annotations.json"))
        let words = [
            "null", "true", "-1", "1e999", "NaN", "-Infinity", "99999999999999999999", "{}", "[]", "\"x\"", "[[[[[[",
            "0.5",
            "4294967296", "-9223372036854775808", "[[]]", "{\"size\":[1,1]}", "\u{0}", "1e-400", "[[1,2]]", "\\",
        ].map { Array($0.utf8) }
        var random = SplitMix64(seed: 6)
        var read = 0
        for _ in 0..<1500 {
            func damaged(_ bytes: [UInt8]) -> [UInt8] {
                var bytes = bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    if Bool.random(using: &random) {
                        bytes[place] = UInt8.random(in: 0...255, using: &random)
                        continue
                    }
                    // In place of a value: from after a colon or comma to before the next.
                    let ends: [UInt8] = [0x2c, 0x3a, 0x5b, 0x5d, 0x7d]
                    let start = bytes[place...].firstIndex { $0 == 0x3a || $0 == 0x2c } ?? place
                    let first = min(start + 1, bytes.count - 1)
                    let end = bytes[first...].dropFirst().firstIndex { ends.contains($0) } ?? bytes.count
                    bytes.replaceSubrange(first..<max(first, end), with: words.randomElement(using: &random) ?? [])
                }
                return bytes
            }
            if let dataset = try? COCODataset(text: damaged(bytes), path: "damaged") {
                read += 1
                _ = dataset.problems(imageFolder: "/nowhere", requiresMasks: true)
                _ = try COCOEvaluator(dataset).evaluate([], .masks)
            }
            if let found = try? Detection.read(text: damaged(results), path: "damaged", of: truth) {
                _ = try? COCOEvaluator(truth).evaluate(found, .boxes)
                _ = try? COCOEvaluator(truth).evaluate(found, .masks)
            }
        }
        #expect(read > 100)
    }
}
