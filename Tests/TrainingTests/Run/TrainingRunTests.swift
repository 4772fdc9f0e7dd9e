import Checkpoints
import Files
import Foundation
import Testing

@testable import MaskRCNN
@testable import Training

/// Whole runs of a small network on pictures in memory.
@Suite struct TrainingRunTests {
    private let training: TinyTraining

    init() throws { training = try TinyTraining() }

    @Test func `a run that goes on takes exactly the steps of an unbroken one`() throws {
        let unbroken = try training.run(training.plan("unbroken", iterations: 6))
        #expect(try unbroken.run() == .finished)
        let plan = training.plan("broken", iterations: 6)
        let first = try training.run(plan)
        #expect(try first.run(until: 3) == .stopped(iteration: 3))
        #expect(first.bits != unbroken.bits)

        // Other first weights: all of them have to come from the checkpoint.
        var other = plan
        other.seed = 99
        let second = try training.run(other)
        let resumed = try TrainingRun(second.network, plan: plan, pictures: MemoryPictures(count: 5))
        try resumed.resume(from: #require(TrainingRun.newestCheckpoint(in: plan.output)).path)
        #expect(resumed.iteration == 3)
        #expect(try resumed.run() == .finished)
        #expect(resumed.bits == unbroken.bits)
        // What the optimiser and the average know, too.
        for name in ["checkpoint-6.safetensors", "model.safetensors"] {
            #expect(try training.bytes("broken/\(name)") == training.bytes("unbroken/\(name)"))
        }
        #expect(try training.metrics("broken").map { $0["loss"] } == training.metrics("unbroken").map { $0["loss"] })
    }

    @Test(arguments: [1, 2]) func `the same seed gives the same weights`(threads: Int) throws {
        let runs = try [("a", 3), ("b", 3), ("c", 4)].map { (output: String, seed: UInt64) in
            var plan = training.plan(output, iterations: 4)
            (plan.seed, plan.loaders) = (seed, threads)
            let run = try training.run(plan, threads: threads)
            #expect(try run.run() == .finished)
            return run.bits
        }
        #expect(runs[0] == runs[1] && runs[0] != runs[2])
    }

    @Test func `the newest checkpoints are kept, and the model is one that detects`() throws {
        var plan = training.plan(iterations: 7)
        (plan.checkpointEvery, plan.keep) = (2, 2)
        #expect(try training.run(plan).run() == .finished)
        #expect(
            try training.names() == [
                "checkpoint-6.safetensors", "checkpoint-7.safetensors", "curves.svg", "metrics.jsonl",
                "model.safetensors",
            ])
        #expect(TrainingRun.newestCheckpoint(in: plan.output)?.iteration == 7)
        #expect(try Model(path: "\(plan.output)/model.safetensors").configuration == training.configuration)
    }

    @Test func `metrics of steps that are taken again are dropped, and so is a line that was cut`() throws {
        var plan = training.plan(iterations: 6)
        plan.checkpointEvery = 3
        let first = try training.run(plan)
        #expect(try first.run(until: 5) == .stopped(iteration: 5))
        // As after a kill: the last checkpoint is of iteration 3, and the last line is not whole.
        try FileManager.default.removeItem(atPath: "\(plan.output)/checkpoint-5.safetensors")
        let cut = try training.bytes("out/metrics.jsonl").dropLast(9)
        try cut.write(to: URL(fileURLWithPath: "\(plan.output)/metrics.jsonl"))
        let run = try training.run(plan)
        try run.resume(from: "\(plan.output)/checkpoint-3.safetensors")
        #expect(try run.run(until: 4) == .stopped(iteration: 4))
        #expect(try training.metrics().map { $0["iteration"] } == [1, 2, 3, 4])
        // A run from the beginning has no use for any of them.
        #expect(try training.run(plan).run(until: 1) == .stopped(iteration: 1))
        #expect(try training.metrics().map { $0["iteration"] } == [1])
    }

    @Test func `a loss that is not finite ends the run and leaves its files as they are`() throws {
        var plan = training.plan(iterations: 9, rate: 1e30)
        plan.clip = nil
        // The first step has a rate of 0 and leaves the weights, the second spoils them, and the third sees it.
        (plan.schedule.warmup, plan.schedule.warmupFactor) = (2, 0)
        let run = try training.run(plan)
        #expect(try run.run(until: 1) == .stopped(iteration: 1))
        let names = ["checkpoint-1.safetensors", "model.safetensors", "curves.svg"]
        let before = try names.map { try training.bytes("out/\($0)") }
        let failure = #expect(throws: TrainingRun.Failure.self) { try run.run() }
        guard case .notFinite(let quantity, let iteration, let pictures, let checkpoint) = failure else {
            Issue.record("another failure: \(failure.debugDescription)")
            return
        }
        #expect(
            quantity == .loss && iteration == 3 && pictures.count == 4
                && pictures.allSatisfy { $0.hasPrefix("picture ") })
        #expect(checkpoint == "\(plan.output)/checkpoint-1.safetensors")
        #expect(try names.map { try training.bytes("out/\($0)") } == before)
        #expect(try training.names() == (names + ["metrics.jsonl"]).sorted())
    }

    @Test func `a picture that cannot be read ends the run with its reason`() throws {
        var pictures = MemoryPictures(count: 5)
        pictures.unreadable = 3
        let run = try training.run(training.plan(iterations: 6), pictures: pictures)
        #expect(throws: MemoryPictures.Unreadable(index: 3)) { try run.run() }
        // The steps before it are not lost.
        let newest = TrainingRun.newestCheckpoint(in: "\(training.path)/out")
        #expect(run.iteration == 0 || newest?.iteration == run.iteration)
    }

    @Test func `a run of no pictures is refused before its folder is made`() throws {
        #expect(throws: TrainingRun.Failure.nothingToLearn) {
            try training.run(training.plan(iterations: 1), pictures: MemoryPictures(count: 0))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: training.path).isEmpty)
    }

    @Test func `what was killed between its last checkpoint and the model gets its model`() throws {
        let plan = training.plan(iterations: 2)
        #expect(try training.run(plan).run() == .finished)
        let model = try training.bytes("out/model.safetensors")
        try FileManager.default.removeItem(atPath: "\(plan.output)/model.safetensors")
        let run = try training.run(plan)
        try run.resume(from: "\(plan.output)/checkpoint-2.safetensors")
        #expect(try run.run() == .finished)
        #expect(try training.bytes("out/model.safetensors") == model)
    }

    @Test func `what a killed run was writing is removed, and nothing else`() throws {
        let plan = training.plan(iterations: 1)
        try FileManager.default.createDirectory(atPath: plan.output, withIntermediateDirectories: true)
        let left = [".checkpoint-8.safetensors.1abcdef.part", ".model.safetensors.1abcdef.part"]
        for name in left + [".mine.part", "checkpoint-x.safetensors"] {
            try Data("x".utf8).write(to: URL(fileURLWithPath: "\(plan.output)/\(name)"))
        }
        #expect(try training.run(plan).run() == .finished)
        let names = try training.names()
        #expect(names.contains(".mine.part") && names.contains("checkpoint-x.safetensors"))
        #expect(left.allSatisfy { !names.contains($0) })
    }

    @Test func `the single level of C4 learns, and gives a model that detects`() throws {
        training.configuration.architecture = .c4
        training.configuration.boxHead.fullyConnected = []
        training.configuration.maskHead.convolutions = []
        // More anchors a place than a level of a pyramid has.
        training.configuration.proposals.anchorSizes = [8, 16, 32]
        let run = try training.run(training.plan(iterations: 3))
        let before = run.bits
        #expect(try run.run() == .finished)
        for parameter in run.network.parameters.trainable {
            #expect(run.bits[parameter.name] != before[parameter.name], "\(parameter.name)")
        }
        let pictures = MemoryPictures(count: 1)
        let detector = try Detector(Model(path: "\(training.path)/out/model.safetensors"), threads: 1)
        #expect(detector.detect(try pictures.picture(0).image).allSatisfy { $0.score.isFinite })
    }

    @Test func `an evaluation has its figures in the metrics`() throws {
        var plan = training.plan(iterations: 4)
        plan.evaluateEvery = 3
        var seen: [Int] = []
        var observer = TrainingRun.Observer()
        observer.evaluate = { path in
            _ = try Model(path: path)
            return ["mask_ap": 0.25]
        }
        observer.onEvaluation = { iteration, figures in
            #expect(figures == ["mask_ap": 0.25])
            seen.append(iteration)
        }
        #expect(try training.run(plan).run(observer) == .finished)
        #expect(seen == [3, 4])
        #expect(try training.metrics().filter { $0["mask_ap"] == 0.25 }.map { $0["iteration"] } == [3, 4])
        #expect(String(decoding: try training.bytes("out/curves.svg"), as: UTF8.self).contains("mask_ap 0.25"))
    }
}
