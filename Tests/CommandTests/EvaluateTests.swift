import Foundation
import Testing

@Suite("segmentd evaluate")
struct EvaluateTests {
    /// A folder with a model, images, and annotations that are what the model itself finds there.
    private struct Setting {
        let folder: Workspace
        let images: String
        /// The file of annotations.
        let truth: String
        /// What `detect` has written.
        let results: String
        /// The options that make the model find something.
        var options: [String] { ["--model", folder.model, "--threshold", "0"] }

        /// - Parameter names: What the data set calls the model's categories.
        init(count: Int = 3, naming name: (String) -> String = { $0 }) throws {
            folder = try Workspace()
            images = try folder.images("images", count: count)
            results = folder("results.json")
            let detected = try Program.run(
                "detect", images, "--model", folder.model, "--threshold", "0", "--output", results, "--quiet")
            try #require(detected.status == 0, "\(detected.errors)")
            let data = Data(try folder.bytes("results.json"))
            let found = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
            // The data set's numbers are not the model's.
            var annotations: [[String: Any]] = []
            for (index, object) in found.enumerated() where object["image_id"] as? Int != count {
                var object = object
                object["id"] = index + 1
                object["category_id"] = 100 + (try #require(object["category_id"] as? Int))
                object["iscrowd"] = 0
                annotations.append(object)
            }
            let information = try Program.run("model", "info", folder.model, "--json")
            let model = try #require(
                try JSONSerialization.jsonObject(with: Data(information.output.utf8)) as? [String: Any])
            let categories = try #require(model["categories"] as? [[String: Any]])
            let truth: [String: Any] = [
                "images": (1...count).map { ["id": $0, "file_name": "img\($0).png", "width": 96, "height": 64] },
                "categories": try categories.map { category in
                    [
                        "id": 100 + (try #require(category["id"] as? Int)),
                        "name": name(try #require(category["name"] as? String)),
                    ]
                },
                "annotations": annotations,
            ]
            self.truth = try folder.write(JSONSerialization.data(withJSONObject: truth), to: "truth.json")
        }

        func run(_ arguments: [String]) throws -> Program.Result {
            try Program(["evaluate", "--annotations", truth] + arguments).finish()
        }

        func figures(_ arguments: [String]) throws -> [String: Any] {
            let result = try run(arguments + ["--json", "--quiet"])
            try #require(result.status == 0, "\(result.errors)")
            #expect(result.errors == "")
            return try #require(
                try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        }
    }

    private func figure(_ report: [String: Any], _ kind: String, _ name: String) throws -> Double {
        try #require((report[kind] as? [String: Any])?[name] as? Double)
    }

    @Test("a model finds all of what it has found before, under the data set's numbers")
    func model() throws {
        let setting = try Setting()
        let report = try setting.figures(
            setting.options + ["--images", setting.images, "--output", setting.folder("out.json")])
        #expect(report["images"] as? Int == 3)
        for kind in ["box", "mask"] {
            #expect(try figure(report, kind, "AR100") == 1)
            // The last image's objects are annotated nowhere, so every one of them is a mistake.
            let precision = try figure(report, kind, "AP")
            #expect(precision > 0.3 && precision < 1)
        }
        // What is written on the way has the same figures, to the last digit.
        let stored = try setting.figures(["--results", setting.folder("out.json")])
        #expect(stored as NSDictionary == report as NSDictionary)
    }

    @Test("the table has twelve figures of boxes and masks, and each category's if asked for")
    func table() throws {
        let setting = try Setting(count: 2)
        let output = ["--images", setting.images, "--output", setting.folder("out.json"), "--quiet"]
        #expect(try setting.run(setting.options + output).status == 0)
        let results = ["--results", setting.folder("out.json")]
        let short = try setting.run(results)
        #expect(short.status == 0, "\(short.errors)")
        let lines = short.output.split(separator: "\n")
        #expect(lines.count == 14 && lines[2].hasPrefix("AP ") && lines[13].hasPrefix("ARl "))
        #expect(lines[2].split(separator: " ").count == 6)
        let long = try setting.run(results + ["--per-category"])
        #expect(long.output.hasPrefix(short.output) && long.output.contains("mask AP75"))
        #expect(try setting.run(results + ["--verbose"]).output == long.output)
    }

    @Test("categories are matched by name, and those that do not match are listed")
    func names() throws {
        let setting = try Setting(count: 2) { $0 + "-of-another-name" }
        let before = try setting.folder.names
        let result = try setting.run(
            setting.options + ["--images", setting.images, "--output", setting.folder("out.json"), "--quiet"])
        try expectRefusal(
            result, saying: "-of-another-name", "does not know", "--classes", in: setting.folder, leaving: before)
    }

    @Test("a data set with errors is refused with a line for each")
    func problems() throws {
        let setting = try Setting(count: 2)
        let text = try setting.folder.text("truth.json").replacingOccurrences(of: "img2.png", with: "../img2.png")
        try setting.folder.write(text.utf8, to: "truth.json")
        try FileManager.default.removeItem(atPath: setting.images + "/img1.png")
        let result = try setting.run(setting.options + ["--images", setting.images])
        #expect(result.status == 1 && result.output == "")
        #expect(result.messages.count == 3, "\(result.errors)")
        #expect(result.errors.contains("img1.png") && result.errors.contains("leads out of the folder"))
        #expect(result.messages.last?.hasPrefix("Error: ") == true)
    }

    @Test(
        "of more than a hundred errors the first are shown, with a count by kind, and all if asked for",
        arguments: [([], 100), (["--verbose"], 130)])
    func manyProblems(options: [String], shown: Int) throws {
        let folder = try Workspace()
        let annotations = (1...130).map {
            #"{"id":\#($0),"image_id":1,"category_id":\#($0 > 120 ? 1 : 7),"bbox":[0,0,\#($0 > 120 ? "1e999" : "5"),5],"area":5}"#
        }
        let truth = try folder.write(
            """
            {"images":[{"id":1,"file_name":"a","width":9,"height":9}],"categories":[{"id":1,"name":"cat"}],
            "annotations":[\(annotations.joined(separator: ","))]}
            """.utf8, to: "truth.json")
        let before = try folder.names
        let result = try Program(
            ["evaluate", "--annotations", truth, "--results", folder("results.json")] + options
        ).finish()
        let messages = result.messages
        try #require(result.status == 1 && messages.count == shown + 4, "\(result.errors)")
        for (index, message) in messages.prefix(shown).enumerated() {
            #expect(message.hasPrefix("\(truth): annotation \(index + 1) "))
        }
        let summary = shown == 130 ? "130 problems" : "and 30 more; --verbose shows all 130"
        #expect(
            messages.suffix(4).dropLast() == [
                "\(truth): \(summary). By kind there are:", "\(truth): 120 annotations of an unknown category",
                "\(truth): 10 numbers that are not finite",
            ])
        #expect(try folder.names == before)
    }

    @Test("an image of another size than annotated is refused")
    func size() throws {
        let setting = try Setting(count: 2)
        let before = try setting.folder.names
        try ffmpeg("-f lavfi -i testsrc=size=64x96:rate=25 -frames:v 1 -update 1", setting.images + "/img2.png")
        let result = try setting.run(
            setting.options + ["--images", setting.images, "--output", setting.folder("out.json"), "--quiet"])
        try expectRefusal(result, saying: "img2.png", "64x96", "96x64", in: setting.folder, leaving: before)
    }

    @Test(
        "calls that make no sense are refused",
        arguments: [
            ([], "--images"), (["--results", "R", "--model", "M"], "--model"),
            (["--results", "R", "--images", "I"], "--images"),
            (["--images", "I", "--threshold", "2"], "--threshold"),
            (["--images", "/tmp", "--output", "-"], "--output"),
            (["--images", "/nowhere"], "no such folder"),
            (["--results", "/nowhere/results.json"], "no such file"),
        ])
    func calls(arguments: [String], words: String) throws {
        let folder = try Workspace()
        let truth = try folder.write(
            """
            {"images":[{"id":1,"file_name":"a","width":9,"height":9}],"categories":[{"id":1,"name":"cat"}],
            "annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[0,0,5,5]}]}
            """.utf8, to: "truth.json")
        let before = try folder.names
        let result = try Program(["evaluate", "--annotations", truth] + arguments).finish()
        try expectRefusal(result, saying: words, in: folder, leaving: before)
    }

    @Test("a data set without segmentations is measured by boxes alone")
    func boxes() throws {
        let folder = try Workspace()
        let truth = try folder.write(
            """
            {"images":[{"id":1,"file_name":"a","width":9,"height":9}],"categories":[{"id":1,"name":"cat"}],
            "annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[0,0,5,5]}]}
            """.utf8, to: "truth.json")
        let results = try folder.write(
            """
            [{"image_id":1,"category_id":1,"score":0.5,"bbox":[0,0,5,5]},
            {"image_id":1,"category_id":7,"score":1,"bbox":[0,0,5,5]}]
            """.utf8, to: "results.json")
        let result = try Program.run("evaluate", "--annotations", truth, "--results", results)
        #expect(result.status == 0)
        #expect(result.output.contains("1.0000") && !result.output.contains("mask"))
        #expect(result.errors.contains("masks are not measured"))
        #expect(result.errors.contains("category 7"))
        let chosen = try Program.run(
            "evaluate", "--annotations", truth, "--results", results, "--classes", "cat,horse")
        #expect(chosen.status == 1 && chosen.errors.contains("the data set knows no 'horse'"))
    }

    @Test("an interrupted run leaves nothing", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let setting = try Setting(count: 2)
        // So many images that the run is not over before the signal comes.
        let text = try setting.folder.text("truth.json")
        let more = (3...20000).map { #"{"id":\#($0),"file_name":"img1.png","width":96,"height":64}"# }
        let images = text.replacingOccurrences(of: #""images":["#, with: #""images":[\#(more.joined(separator: ",")),"#)
        try setting.folder.write(images.utf8, to: "truth.json")
        let before = try setting.folder.names
        let program = try Program(
            ["evaluate", "--annotations", setting.truth] + setting.options
                + ["--images", setting.images, "--output", setting.folder("out.json"), "--quiet"])
        // The file of results is there, under another name, once signals are caught.
        while try setting.folder.names == before && program.process.isRunning { usleep(10_000) }
        program.send(signal)
        let result = program.finish()
        #expect(result.status == 128 + signal)
        #expect(result.output == "")
        #expect(try setting.folder.names == before)
    }
}
