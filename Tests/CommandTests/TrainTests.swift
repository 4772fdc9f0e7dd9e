import Foundation
import Testing

@testable import Checkpoints

@Suite("segmentd train")
struct TrainTests {
    private let training: TrainingWorkspace

    init() throws { training = try TrainingWorkspace() }

    private func floats(_ path: String, _ tensor: String) throws -> [Float] {
        try #require(try Checkpoint.open(training.folder(path)).tensors[tensor]).floats()
    }

    @Test("trains a model that the other commands take")
    func trains() throws {
        try training.configure()
        let result = try training.train()
        #expect(result.status == 0 && result.output == "", "\(result.errors)")
        let isShown = result.messages.contains { $0.hasPrefix("3/3, 0:00 left, ") && $0.contains(", loss ") }
        #expect(isShown, "\(result.errors)")
        #expect(result.messages.last?.contains("out/model.safetensors is trained") == true)
        let folder = training.folder
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder("out")).sorted()
                == ["checkpoint-3.safetensors", "curves.svg", "metrics.jsonl", "model.safetensors"])
        let information = try Program.run("model", "info", folder("out/model.safetensors"), "--json")
        #expect(information.status == 0 && information.output.contains("crescent"), "\(information.errors)")
        let detected = try Program.run(
            "detect", folder("data/images"), "--model", folder("out/model.safetensors"), "--threshold", "0",
            "--output", folder("found.json"), "--quiet")
        #expect(detected.status == 0, "\(detected.errors)")
    }

    @Test("--quiet says nothing")
    func quiet() throws {
        try training.configure(iterations: 1)
        let result = try training.train("--quiet")
        #expect(result.status == 0 && result.output == "" && result.errors == "", "\(result.errors)")
    }

    @Test("--check says what would be done, and does none of it")
    func check() throws {
        try training.configure()
        let before = try training.folder.names
        let result = try training.train("--check")
        #expect(result.status == 0 && result.output.contains("nothing found that is wrong"), "\(result.errors)")
        #expect(try training.folder.names == before)
    }

    @Test("an output with a run is refused, and gone on with if asked")
    func resumes() throws {
        try training.configure(iterations: 2)
        #expect(try training.train().status == 0)
        try training.configure(iterations: 4)
        let refused = try training.train()
        #expect(refused.status == 1 && refused.messages.count == 1)
        #expect(refused.errors.contains("a run of 2 iterations") && refused.errors.contains("--resume"))
        #expect(try training.iteration() == 2)
        let resumed = try training.train("--resume")
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(resumed.errors.contains("going on after iteration 2"))
        #expect(try training.iteration() == 4)
        #expect(try training.folder.text("out/metrics.jsonl").split(separator: "\n").count == 4)
    }

    @Test("a damaged checkpoint is told of, and an older one gone on from")
    func damagedCheckpoint() throws {
        try training.configure(iterations: 3, adding: "checkpoint_every: 1")
        #expect(try training.train().status == 0)
        let names = (1...3).map { "out/checkpoint-\($0).safetensors" }
        let whole = try training.folder.bytes(names[2])
        try training.folder.write(whole.prefix(whole.count / 2), to: names[2])
        let resumed = try training.train("--resume")
        #expect(resumed.status == 0, "\(resumed.errors)")
        let messages = resumed.messages
        #expect(messages[0].hasPrefix("warning: \(training.folder(names[2])): damaged checkpoint: "), "\(messages[0])")
        #expect(messages[1] == "going on after iteration 2, from \(training.folder(names[1]))")
        #expect(try training.folder.bytes(names[2]) == whole)
        #expect(try training.folder.text("out/metrics.jsonl").split(separator: "\n").count == 3)

        for name in names { try training.folder.write(whole.prefix(99), to: name) }
        let refused = try training.train("--resume")
        #expect(refused.status == 1 && refused.errors.contains("none of the checkpoints"), "\(refused.errors)")
        for name in names { #expect(refused.errors.contains(training.folder(name)), "\(refused.errors)") }
    }

    @Test("a run that goes on with other pictures is warned of, and a longer one noted")
    func changedRun() throws {
        try training.configure(iterations: 2)
        #expect(try training.train().status == 0)
        try training.configure(iterations: 4)
        let longer = try training.train("--resume")
        #expect(longer.status == 0 && !longer.errors.contains("warning"), "\(longer.errors)")
        #expect(longer.errors.contains("changed since the checkpoint: iterations was 2, and is 4"), "\(longer.errors)")

        try training.annotate { file in
            let first = file["images"][0]["id"] as? Int
            file["images"].removeFirst()
            file["annotations"].removeAll { $0["image_id"] as? Int == first }
        }
        try training.configure(annotations: "bad.json", iterations: 5, adding: "batch: 1\nseed: 77")
        let other = try training.train("--resume")
        let warnings = other.messages.filter { $0.hasPrefix("warning: ") }
        try #require(other.status == 0 && warnings.count == 1, "\(other.errors)")
        for words in ["seed was 1, and is 77", "batch was 2, and is 1", "train was 4 pictures", "and is 3 pictures"] {
            #expect(warnings[0].contains(words), "\(warnings[0])")
        }
        // What has been told is not told again.
        try training.configure(annotations: "bad.json", iterations: 6, adding: "batch: 1\nseed: 77")
        #expect(try training.train("--resume").messages.allSatisfy { !$0.hasPrefix("warning: ") })
    }

    @Test("a run that goes on with other labels of the same pictures is warned of")
    func changedLabels() throws {
        try training.annotate { _ in }
        try training.configure(annotations: "bad.json", iterations: 2)
        #expect(try training.train().status == 0)
        try training.annotate { file in file[annotation: "bbox"] = [10, 10, 20, 20] }
        try training.configure(annotations: "bad.json", iterations: 3)
        let other = try training.train("--resume")
        let warnings = other.messages.filter { $0.hasPrefix("warning: ") }
        try #require(other.status == 0 && warnings.count == 1, "\(other.errors)")
        #expect(warnings[0].contains("what they show") && warnings[0].contains("train was 4 pictures (digest "))
    }

    @Test("an evaluation that fails says how to go on without it")
    func failingEvaluation() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: training.folder("data/images"))
        try training.folder.makeFolder("held")
        for name in names {
            try training.folder.write(training.folder.bytes("data/images/\(name)"), to: "held/\(name)")
        }
        let more = "validation: {annotations: data/annotations.json, images: held}\nevaluate_every: 300"
        try training.configure(iterations: 300, adding: more)
        let program = try Program(["train", "--config", training.folder("t.yaml")])
        // The data is checked, and steps are taken, before a picture goes.
        let log = training.folder("out/metrics.jsonl")
        while program.process.isRunning, !FileManager.default.fileExists(atPath: log) { usleep(1000) }
        let picture = training.folder("held/\(names[0])")
        try FileManager.default.removeItem(atPath: picture)
        let failed = program.finish()
        #expect(failed.status == 1 && failed.errors.contains(names[0]), "\(failed.errors)")
        #expect(failed.messages.last?.contains("with evaluate_every: off it goes on") == true, "\(failed.errors)")
        #expect(try training.iteration() == 300)
        try training.folder.write(training.folder.bytes("data/images/\(names[0])"), to: "held/\(names[0])")
        let resumed = try training.train("--resume")
        #expect(resumed.status == 0 && resumed.errors.contains("mask_ap"), "\(resumed.errors)")
    }

    @Test("categories of the validation that are not learned are refused before anything is trained")
    func unknownValidation() throws {
        try training.annotate { file in file["categories"][0]["name"] = "other" }
        try training.configure(adding: "validation: {annotations: bad.json, images: data/images}")
        let before = try training.folder.names
        try expectRefusal(training.train(), saying: "bad.json", "other", in: training.folder, leaving: before)
        let checked = try training.train("--check")
        #expect(checked.status == 1 && checked.errors.contains("not learned: other"), "\(checked.errors)")
    }

    @Test("there has to be something to go on with")
    func nothingToResume() throws {
        try training.configure()
        let before = try training.folder.names
        try expectRefusal(
            training.train("--resume"), saying: "holds no checkpoint", in: training.folder, leaving: before)
    }

    @Test("a signal ends the run after the step, with a checkpoint", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        try training.configure(iterations: 1_000_000, adding: "checkpoint_every: 1000000")
        let program = try Program(["train", "--config", training.folder("t.yaml")])
        let log = training.folder("out/metrics.jsonl")
        while program.process.isRunning, (try? Data(contentsOf: URL(fileURLWithPath: log)))?.isEmpty ?? true {
            usleep(10_000)
        }
        program.send(signal)
        let result = program.finish()
        #expect(result.status == 128 + signal, "\(result.errors)")
        let iteration = try #require(try training.iteration())
        #expect(result.messages.last == "stopped after iteration \(iteration); go on with --resume")
        #expect(try training.folder.text("out/metrics.jsonl").split(separator: "\n").count == iteration)
        #expect(try Checkpoint.open(training.folder("out/model.safetensors")).tensors.isEmpty == false)
    }

    @Test("from keeps the heads of the same categories, and begins those of others anew")
    func fineTuning() throws {
        try training.configure(iterations: 2)
        #expect(try training.train().status == 0)
        try training.annotate { file in
            for (index, category) in file["categories"].enumerated() {
                file["categories"][index]["name"] = "new-\(category["name"] ?? "")"
            }
        }
        // So low that what is kept stays what it was but for rounding.
        let still = "learning_rate: 0.000000001"
        let from = "from: out/model.safetensors"
        try training.configure(from, output: "same", iterations: 1, adding: still)
        let same = try training.train()
        #expect(same.status == 0 && !same.errors.contains("are new"), "\(same.errors)")
        try training.configure(from, annotations: "bad.json", output: "other", iterations: 1, adding: still)
        let other = try training.train()
        #expect(other.status == 0, "\(other.errors)")
        #expect(other.errors.contains("the categories are new to the checkpoint"))

        func isKept(_ output: String, _ name: String) throws -> Bool {
            let (old, new) = (
                try floats("out/model.safetensors", name), try floats("\(output)/model.safetensors", name)
            )
            return old.count == new.count && zip(old, new).allSatisfy { abs($0 - $1) <= 1e-5 }
        }
        for layer in ["box_predictor.cls_score", "box_predictor.bbox_pred", "mask_predictor.mask_fcn_logits"] {
            #expect(try isKept("same", "roi_heads.\(layer).weight"))
            #expect(try !isKept("other", "roi_heads.\(layer).weight"))
        }
        for output in ["same", "other"] {
            #expect(try isKept(output, "roi_heads.box_head.fc6.weight"))
            #expect(try isKept(output, "backbone.body.layer3.0.conv1.weight"))
        }
        let information = try Program.run("model", "info", training.folder("other/model.safetensors"), "--json")
        #expect(information.output.contains("new-crescent"))
    }

    @Test("scales above what the checkpoint's model takes are refused before anything is trained")
    func tooLongScales() throws {
        try training.configure(iterations: 1)
        #expect(try training.train().status == 0)
        let from = "from: out/model.safetensors"
        try training.configure(from, output: "long", adding: "augment: {scales: [64, 97]}")
        let before = try training.folder.names
        for options in [[], ["--check"]] {
            let refused = try Program(["train", "--config", training.folder("t.yaml")] + options).finish()
            let message =
                "Error: \(training.folder("t.yaml")): scales of augment holds 97, and the model of "
                + "\(training.folder("out/model.safetensors")) takes at most 96 pixels; "
            #expect(refused.status == 1 && refused.errors.contains(message), "\(refused.errors)")
        }
        #expect(try training.folder.names == before)
        try training.configure(from, output: "long", iterations: 1, adding: "augment: {scales: [64, 96]}")
        #expect(try training.train().status == 0)
    }

    @Test("a model whose categories are not the data set's is refused")
    func otherCategories() throws {
        let text = try training.folder.text("tiny.json").trimmingCharacters(in: .whitespacesAndNewlines)
        try training.folder.write(
            (text.dropLast() + #", "classes": 2, "categories": [{"id": 1, "name": "cat"}]}"#).utf8, to: "cat.json")
        try training.configure("model: cat.json")
        let before = try training.folder.names
        try expectRefusal(training.train(), saying: "'circle'", "cat", in: training.folder, leaving: before)
    }

    @Test("--lenient learns from what is left")
    func lenient() throws {
        try training.annotate { file in
            file[annotation: "bbox"] = [-40, 5, 30, 30]
            file["annotations"][0]["bbox"] = [5, 5, 0, 30]
        }
        try training.configure(annotations: "bad.json", iterations: 2)
        let before = try training.folder.names
        let strict = try training.train()
        #expect(strict.status == 1 && strict.errors.contains("2 problems"), "\(strict.errors)")
        #expect(try training.folder.names == before)
        let result = try training.train("--lenient")
        #expect(result.status == 0 && result.errors.contains("2 objects cannot be learned from"), "\(result.errors)")
        #expect(try training.iteration() == 2)
    }
}
