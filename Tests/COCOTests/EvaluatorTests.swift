import Foundation
import Instances
import Testing

@testable import COCO

@Suite struct EvaluatorTests {
    private func truth(
        _ id: Int, _ box: [Double], category: Int = 1, crowd: Bool = false, area: Double? = nil
    ) -> String {
        let area = area.map { #","area":\#($0)"# } ?? ""
        return
            #"{"id":\#(id),"image_id":1,"category_id":\#(category),"bbox":\#(box),"iscrowd":\#(crowd ? 1 : 0)\#(area)}"#
    }

    private func detected(_ score: Double, _ box: [Double], category: Int = 1, image: Int = 1) -> Detection {
        Detection(
            imageID: image, categoryID: category, score: score,
            rectangle: COCODataset.Rectangle(x: box[0], y: box[1], width: box[2], height: box[3]))
    }

    private func figures(_ dataset: COCODataset, _ detections: [Detection]) throws -> EvaluationFigures {
        try COCOEvaluator(dataset).evaluate(detections, .boxes).figures
    }

    /// What an average precision of 1 becomes: a hit's precision is divided by a little more than the number of hits.
    private func isOne(_ value: Double?) -> Bool { value.map { abs($0 - 1) < 1e-12 } ?? false }

    @Test(arguments: COCOEvaluator.Kind.allCases)
    func `the figures of a random data set are pycocotools'`(kind: COCOEvaluator.Kind) throws {
        let dataset = try COCODataset(path: COCOFixture.path("annotations.json"))
        let detections = try Detection.read(COCOFixture.path("results.json"), of: dataset)
        let expected = try COCOFixture.figures()
        let stats = try #require(expected[kind == .boxes ? "box" : "mask"])
        let found = try COCOEvaluator(dataset).evaluate(detections, kind).figures
        for (index, name) in EvaluationFigures.names.enumerated() {
            // Means are summed in another order than numpy's.
            #expect(abs((found.values[index] ?? -1) - stats[index]) < 1e-9, "\(name.name)")
        }
    }

    @Test func `thresholds are numpy's to the last bit`() throws {
        let expected = try COCOFixture.figures()
        #expect(ImageMatching.overlaps == expected["overlaps"])
        #expect(CategoryCurve.recalls == expected["recalls"])
    }

    @Test func `all found and nothing else is 1, nothing found is 0`() throws {
        let dataset = try COCOFixture.dataset(truth(1, [0, 0, 10, 10]), truth(2, [50, 30, 40, 40]))
        let all = try figures(dataset, [detected(0.9, [0, 0, 10, 10]), detected(0.8, [50, 30, 40, 40])])
        #expect(isOne(all["AP"]) && isOne(all["APs"]) && isOne(all["APm"]) && all["AR100"] == 1 && all["AR1"] == 0.5)
        #expect(all["APl"] == nil)
        let nothing = try figures(dataset, [])
        #expect(nothing["AP"] == 0 && nothing["AR100"] == 0 && nothing["APl"] == nil)
    }

    @Test func `an object is found once, and the second time is a mistake`() throws {
        let dataset = try COCOFixture.dataset(truth(1, [0, 0, 10, 10]), truth(2, [50, 30, 40, 40]))
        let boxes = [detected(0.9, [0, 0, 10, 10]), detected(0.8, [0, 0, 10, 10]), detected(0.7, [50, 30, 40, 40])]
        // Precision is 1 up to a recall of a half, 51 of 101 points, and 2/3 above.
        let expected = (51 + 50 * 2 / 3.0) / 101
        #expect(try abs((figures(dataset, boxes)["AP"] ?? 0) - expected) < 1e-12)
    }

    @Test func `a crowd may be found any number of times, and need not be`() throws {
        let dataset = try COCOFixture.dataset(truth(1, [0, 0, 10, 10]), truth(2, [20, 20, 60, 50], crowd: true))
        let object = detected(0.5, [0, 0, 10, 10])
        // Inside of the crowd: its own area counts, and not the union.
        let inside = [
            detected(0.9, [25, 25, 5, 5]), detected(0.8, [40, 40, 8, 8]), detected(0.7, [18, 20, 10, 10]),
        ]
        #expect(try isOne(figures(dataset, [object])["AP"]))
        #expect(try isOne(figures(dataset, [object] + inside.prefix(2))["AP"]))
        // Four fifths inside is a hit up to an overlap of 0.80, and a mistake above.
        let partly = try figures(dataset, [object] + inside)
        #expect(isOne(partly["AP50"]) && isOne(partly["AP75"]))
        #expect(abs((partly["AP"] ?? 0) - (7 + 3 * 0.5) / 10) < 1e-12)
    }

    @Test func `the area that counts is the annotation's, and a mistake's own`() throws {
        let dataset = try COCOFixture.dataset(
            truth(1, [0, 0, 40, 40], area: 900), truth(2, [50, 0, 40, 40], area: 1024))
        let found = try figures(
            dataset,
            [detected(0.9, [0, 0, 40, 40]), detected(0.8, [50, 0, 40, 40]), detected(0.95, [0, 60, 40, 20])])
        // Both ends belong to a range: 1024 is small and medium. The mistake of 800 square pixels is small.
        #expect(isOne(found["APm"]))
        #expect(abs((found["APs"] ?? 0) - 2 / 3.0) < 1e-12)
        #expect(found["ARs"] == 1)
    }

    @Test func `of equal scores the first in the file comes first`() throws {
        let dataset = try COCOFixture.dataset(truth(1, [0, 0, 10, 10]))
        let (hit, miss) = (detected(0.5, [0, 0, 10, 10]), detected(0.5, [50, 50, 10, 10]))
        #expect(try isOne(figures(dataset, [hit, miss])["AP"]))
        #expect(try abs((figures(dataset, [miss, hit])["AP"] ?? 0) - 0.5) < 1e-12)
    }

    @Test func `equal scores of several images follow the images' ids`() throws {
        let images = [9, 2].map { #"{"id":\#($0),"file_name":"\#($0)","width":100,"height":80}"# }
        let dataset = try COCOFixture.dataset(
            #"{"id":1,"image_id":2,"category_id":1,"bbox":[0,0,10,10]}"#, images: images.joined(separator: ","))
        let detections = [detected(0.5, [50, 50, 10, 10], image: 9), detected(0.5, [0, 0, 10, 10], image: 2)]
        #expect(try isOne(figures(dataset, detections)["AP"]))
    }

    @Test func `the hundred best detections of an image and category count`() throws {
        let dataset = try COCOFixture.dataset(truth(1, [0, 0, 10, 10]), truth(2, [0, 0, 10, 10], category: 2))
        let crowd = (0..<100).map { detected(0.5 + Double($0) / 1000, [50, 50, 10, 10]) }
        let late = crowd + [detected(0.1, [0, 0, 10, 10]), detected(0.1, [0, 0, 10, 10], category: 2)]
        let evaluation = try COCOEvaluator(dataset).evaluate(late, .boxes)
        #expect(evaluation.categories[0].figures["AR100"] == 0)
        #expect(evaluation.categories[1].figures["AR100"] == 1)
    }

    @Test func `categories without objects have no figures and count in no mean`() throws {
        let dataset = try COCOFixture.dataset(truth(1, [0, 0, 10, 10]))
        let evaluation = try COCOEvaluator(dataset).evaluate(
            [detected(0.9, [0, 0, 10, 10]), detected(0.99, [0, 0, 10, 10], category: 2)], .boxes)
        #expect(isOne(evaluation.figures["AP"]))
        #expect(evaluation.categories.map(\.category.name) == ["cat", "dog"])
        #expect(evaluation.categories[1].figures.values.allSatisfy { $0 == nil })
    }

    @Test func `only the chosen categories count`() throws {
        let dataset = try COCOFixture.dataset(truth(1, [0, 0, 10, 10]), truth(2, [0, 0, 10, 10], category: 2))
        let evaluation = try COCOEvaluator(dataset, categories: [2]).evaluate(
            [detected(0.9, [0, 0, 10, 10], category: 2)], .boxes)
        #expect(isOne(evaluation.figures["AP"]) && evaluation.categories.map(\.category.id) == [2])
    }

    @Test func `masks of one box are told apart`() throws {
        let dataset = try COCOFixture.dataset(
            #"{"id":1,"image_id":1,"category_id":1,"bbox":[0,0,10,10],"segmentation":[[0,0,10,0,0,10]]}"#)
        var other = detected(0.9, [0, 0, 10, 10])
        other.segmentation = .polygons(Polygons([[10, 0, 10, 10, 0, 10]]))
        let evaluator = COCOEvaluator(dataset)
        #expect(try isOne(evaluator.evaluate([other], .boxes).figures["AP"]))
        #expect(try evaluator.evaluate([other], .masks).figures["AP"] == 0)
        other.segmentation = dataset.annotations[0].segmentation
        #expect(try isOne(evaluator.evaluate([other], .masks).figures["AP"]))
    }

    @Test func `a result's mask of another size is an error`() throws {
        let dataset = try COCOFixture.dataset(
            #"{"id":1,"image_id":1,"category_id":1,"bbox":[0,0,10,10],"segmentation":[[0,0,10,0,0,10]]}"#)
        var wrong = detected(0.9, [0, 0, 10, 10])
        wrong.segmentation = .runs(width: 5, height: 4, [20])
        #expect(throws: COCOError.self) { try COCOEvaluator(dataset).evaluate([wrong], .masks) }
    }

    @Test func `an evaluation ends where its progress says so`() throws {
        struct Stop: Error {}
        let dataset = try COCODataset(path: COCOFixture.path("annotations.json"))
        #expect(throws: Stop.self) { try COCOEvaluator(dataset).evaluate([], .boxes) { _, _ in throw Stop() } }
    }

    @Test(arguments: [
        (#"[{"image_id":9,"category_id":1,"score":0.5,"bbox":[0,0,1,1]}]"#, "result 1: image 9 is not in truth.json"),
        (#"[{"image_id":1,"category_id":1,"score":0.5}]"#, "result 1: there is neither a bbox nor a segmentation"),
        (#"[{"image_id":1,"category_id":1,"bbox":[0,0,1,1]}]"#, "results.json:1:2: a result has no score"),
        (#"[{"image_id":1,"category_id":1,"score":NaN,"bbox":[0,0,1,1]}]"#, "not a number"),
        (#"[{"image_id":1,"category_id":1,"score":1,"bbox":[0,0,1]}]"#, "3 numbers"),
        (#"{"annotations":[]}"#, "1:1: the file is not an array"),
    ])
    func `results that belong to nothing throw`(text: String, words: String) throws {
        let dataset = try COCOFixture.dataset(truth(1, [0, 0, 10, 10]))
        let said = message { _ = try Detection.read(text: Array(text.utf8), path: "results.json", of: dataset) }
        #expect(said.contains(words), "\(said)")
    }

    @Test func `results without boxes have those of their masks, and the masks' areas`() throws {
        let dataset = try COCOFixture.dataset(truth(1, [0, 0, 10, 10]))
        let text = """
            [{"image_id":1,"category_id":1,"score":0.5,"segmentation":[[0,0,10,0,10,20,0,20]]},
             {"image_id":1,"category_id":1,"score":0.5,"bbox":[0,0,50,50],"segmentation":[[0,0,10,0,10,20,0,20]]}]
            """
        let read = try Detection.read(text: Array(text.utf8), path: "results.json", of: dataset)
        #expect(read[0].rectangle == COCODataset.Rectangle(x: 0, y: 0, width: 10, height: 20))
        #expect(read.map(\.area) == [200, 200])
    }

    @Test func `a detector's object is measured as it is written`() throws {
        let instance = Instance(
            categoryID: 3, category: "cat", score: 0.123456789,
            box: Box(x0: 1.23456, y0: 2.00049, x1: 30.5, y1: 40.77777),
            mask: Mask(width: 100, height: 80, runs: [10, 20, 7970]))
        var json = JSONText()
        json.object { json in
            json.integer("image_id", 1)
            instance.appendFields(to: &json)
        }
        let dataset = try COCOFixture.dataset(truth(1, [0, 0, 10, 10]))
        let read = try Detection.read(text: Array("[\(json.text)]".utf8), path: "results.json", of: dataset)
        #expect(read == [Detection(instance, imageID: 1, categoryID: 3)])
    }
}
