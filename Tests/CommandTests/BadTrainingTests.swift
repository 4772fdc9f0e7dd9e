import Foundation
import Testing

/// Data and configurations that are refused before anything is trained.
@Suite("Bad input of segmentd train")
struct BadTrainingTests {
    private let training: TrainingWorkspace
    private let id: Int

    init() throws {
        training = try TrainingWorkspace(images: 3)
        id = try #require(TrainingWorkspace.Annotations(whole: training.annotations)[annotation: "id"] as? Int)
    }

    /// Expects that a changed data set is refused, with its file and what is wrong in it.
    private func expectRefusal(
        saying words: String..., options: [String] = [], sourceLocation: SourceLocation = #_sourceLocation,
        of change: (inout TrainingWorkspace.Annotations) throws -> Void
    ) throws {
        try training.annotate(change)
        try training.configure(annotations: "bad.json")
        let before = try training.folder.names
        let result = try Program(["train", "--config", training.folder("t.yaml")] + options).finish()
        #expect(result.status == 1 && result.output == "", sourceLocation: sourceLocation)
        let errors = result.errors
        #expect(result.messages.allSatisfy { $0.contains("bad.json") }, "\(errors)", sourceLocation: sourceLocation)
        #expect(result.messages.last?.hasPrefix("Error: ") == true, "\(errors)", sourceLocation: sourceLocation)
        for word in words { #expect(errors.contains(word), "\(errors)", sourceLocation: sourceLocation) }
        #expect(try training.folder.names == before, sourceLocation: sourceLocation)
    }

    @Test("images without files")
    func files() throws {
        try expectRefusal(saying: "image ", "has no file", "nowhere.png") { file in
            file["images"][0]["file_name"] = "nowhere.png"
        }
        try expectRefusal(saying: "leads out of the folder") { file in
            file["images"][0]["file_name"] = "../annotations.json"
        }
    }

    @Test("annotations of images that there are not")
    func images() throws {
        try expectRefusal(saying: "annotation \(id) is of image 4711, which is not in the file") { file in
            file[annotation: "image_id"] = 4711
        }
    }

    @Test(
        "boxes outside of their image, or of no area",
        arguments: [
            [90.0, 10, 40, 20], [-30, 10, 20, 20], [10, 60, 20, 30], [10, 10, 0, 20], [10, 10, 20, 0],
            [10, 10, -5, 20],
        ])
    func boxes(box: [Double]) throws {
        let words = box[2] > 0 && box[3] > 0 ? "reaches out of its image of 96x64" : "which is no area"
        try expectRefusal(saying: "annotation \(id) has a box", words) { file in file[annotation: "bbox"] = box }
    }

    @Test("boxes that have not four numbers")
    func malformedBox() throws {
        try expectRefusal(saying: "annotation \(id)", "3 numbers") { file in
            file[annotation: "bbox"] = [1, 2, 3]
        }
    }

    @Test("polygons of an odd number of numbers, even if lenient")
    func polygons() throws {
        try expectRefusal(saying: "annotation \(id)", "of 7 numbers", options: ["--lenient"]) { file in
            file[annotation: "segmentation"] = [[10, 10, 30, 10, 30, 30, 10]]
        }
    }

    @Test("run lengths that do not fit, even if lenient")
    func runs() throws {
        try expectRefusal(saying: "annotation \(id)", "has no usable mask", options: ["--lenient"]) { file in
            file[annotation: "segmentation"] = ["size": [64, 96], "counts": [10, 20]] as [String: Any]
        }
        try expectRefusal(saying: "annotation \(id)", "has no usable mask") { file in
            file[annotation: "segmentation"] = ["size": [32, 32], "counts": [1000, 24]] as [String: Any]
        }
        try expectRefusal(saying: "annotation \(id)", "has no usable mask") { file in
            file[annotation: "segmentation"] = ["size": [64, 96], "counts": "not run lengths!"] as [String: Any]
        }
    }

    @Test("objects without a mask")
    func masks() throws {
        try expectRefusal(saying: "annotation \(id) has no segmentation") { file in
            file[annotation: "segmentation"] = [Any]()
        }
    }

    @Test("categories that there are not")
    func categories() throws {
        try expectRefusal(saying: "annotation \(id) is of category 99, which is not in the file") { file in
            file[annotation: "category_id"] = 99
        }
    }

    @Test("nothing annotated, or nothing that can be learned")
    func nothing() throws {
        try expectRefusal(saying: "has no annotations") { file in file["annotations"] = [] }
        try expectRefusal(saying: "has no categories") { file in file["categories"] = [] }
        try training.annotate { file in
            for index in file["annotations"].indices { file["annotations"][index]["iscrowd"] = 1 }
        }
        try training.configure(annotations: "bad.json")
        let before = try training.folder.names
        try CommandTests.expectRefusal(
            training.train(), saying: "no picture shows an object to learn", in: training.folder, leaving: before)
    }

    @Test("a file that is no data set, with its line")
    func malformed() throws {
        try training.folder.write("{\n\"images\": [\n{\"id\": }]}".utf8, to: "bad.json")
        try training.configure(annotations: "bad.json")
        let before = try training.folder.names
        try CommandTests.expectRefusal(training.train(), saying: "bad.json:3:", in: training.folder, leaving: before)
    }

    /// Makes so many problems of two kinds, the rarer of which comes last; returns all.
    private func annotateBadly(_ count: Int) throws -> [String] {
        var lines: [String] = []
        try training.annotate { file in
            let first = file["annotations"][0]
            file["annotations"] = (0..<count).map { number in
                var annotation = first
                annotation["id"] = number + 1
                let isRare = number >= count - 7
                annotation[isRare ? "image_id" : "category_id"] = 4711
                let reason = isRare ? "is of image 4711" : "is of category 4711"
                lines.append("annotation \(number + 1) \(reason), which is not in the file")
                return annotation
            }
        }
        return lines
    }

    @Test("a hundred problems are all shown, and nothing is written")
    func manyProblems() throws {
        let lines = try annotateBadly(100)
        try training.configure(annotations: "bad.json")
        let before = try training.folder.names
        let result = try training.train()
        #expect(result.status == 1 && result.messages.count == 101)
        #expect(zip(result.messages, lines).allSatisfy { $0.hasSuffix("bad.json: \($1)") }, "\(result.errors)")
        #expect(try training.folder.names == before)
    }

    @Test(
        "of more the first are shown, with a count by kind, and a file in the output has all",
        arguments: [([], 100), (["--check"], 100), (["--verbose"], 250)])
    func tooManyProblems(options: [String], shown: Int) throws {
        let lines = try annotateBadly(250)
        try training.configure(annotations: "bad.json")
        let result = try Program(["train", "--config", training.folder("t.yaml")] + options).finish()
        #expect(result.status == 1 && result.output == "")
        let messages = result.messages
        try #require(messages.count == shown + 4, "\(result.errors)")
        #expect(zip(messages, lines).prefix(shown).allSatisfy { $0.hasSuffix("bad.json: \($1)") }, "\(result.errors)")
        let file = "all 250 are in \(training.folder("out"))/problems.txt"
        let summary =
            shown == 250
            ? "bad.json: \(file). By kind there are:"
            : "bad.json: and 150 more; \(file), and --verbose shows them. By kind there are:"
        for (message, words) in zip(
            messages.suffix(4),
            [
                summary, "bad.json: 243 annotations of an unknown category",
                "bad.json: 7 annotations of an unknown image", "250 problems; nothing has been trained",
            ])
        {
            #expect(message.hasSuffix(words))
        }
        let written = try training.folder.text("out/problems.txt").split(separator: "\n")
        #expect(written.count == 250 && zip(written, lines).allSatisfy { $0.hasSuffix("bad.json: \($1)") })
        #expect(try FileManager.default.contentsOfDirectory(atPath: training.folder("out")) == ["problems.txt"])
    }

    @Test("the file goes when its problems are gone or few", arguments: [0, 3])
    func fewerProblems(left: Int) throws {
        _ = try annotateBadly(101)
        try training.configure(annotations: "bad.json")
        #expect(try training.train("--check").status == 1)
        #expect(FileManager.default.fileExists(atPath: training.folder("out/problems.txt")))
        if left > 0 { _ = try annotateBadly(left) } else { try training.annotate { _ in } }
        let result = try training.train("--check")
        #expect(result.status == (left == 0 ? 0 : 1), "\(result.errors)")
        #expect(result.messages.count == (left == 0 ? 0 : left + 1), "\(result.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: training.folder("out")) == [])
    }

    @Test("where the file cannot be written all are shown")
    func problemsWithoutFile() throws {
        let lines = try annotateBadly(150)
        try training.configure(annotations: "bad.json")
        let taken = training.folder("out/problems.txt")
        try FileManager.default.createDirectory(atPath: taken, withIntermediateDirectories: true)
        let result = try training.train()
        try #require(result.status == 1 && result.messages.count == 152, "\(result.errors)")
        #expect(zip(result.messages, lines).allSatisfy { $0.hasSuffix("bad.json: \($1)") })
        #expect(result.messages[150].contains("could not be kept: ") && result.messages[150].contains("problems.txt"))
    }

    @Test("validation is held to the same")
    func validation() throws {
        try training.annotate { file in file[annotation: "category_id"] = 99 }
        try training.configure(adding: "validation: {annotations: bad.json, images: data/images}")
        let before = try training.folder.names
        let result = try training.train()
        #expect(result.status == 1 && result.errors.contains("annotation \(id) is of category 99"))
        #expect(try training.folder.names == before)
    }

    @Test("an unknown key of the configuration, with its line")
    func unknownKey() throws {
        try training.configure(adding: "momentun: 0.5")
        let before = try training.folder.names
        let result = try training.train()
        #expect(result.status == 1 && result.output == "")
        #expect(result.errors.contains("t.yaml:8:1:") && result.errors.contains("momentun"), "\(result.errors)")
        #expect(try training.folder.names == before)
    }

    @Test("a picture of another size than annotated is refused")
    func size() throws {
        try training.annotate { file in
            for index in file["images"].indices {
                file["images"][index]["width"] = 100
            }
            // Masks of 96x64 would be refused first.
            for index in file["annotations"].indices {
                file["annotations"][index]["segmentation"] = [[10, 10, 30, 10, 30, 30]]
            }
        }
        try training.configure(annotations: "bad.json")
        let result = try training.train()
        #expect(result.status == 1, "\(result.errors)")
        let isTold = result.messages.contains { $0.contains("is of 96x64 pixels, and annotated as 100x64") }
        #expect(isTold, "\(result.errors)")
    }
}
