import Checkpoints
import Files
import Foundation
import Testing

@testable import MaskRCNN
@testable import Training

/// Which checkpoint a run goes on from.
@Suite struct ResumptionTests {
    private let training: TinyTraining

    init() throws { training = try TinyTraining() }

    /// A plan with a checkpoint after each of so many steps, which have been taken.
    private func trained(
        _ steps: Int, in output: String = "out", of iterations: Int = 6, keep: Int = 9
    ) throws -> TrainingConfiguration {
        var plan = training.plan(output, iterations: iterations)
        (plan.checkpointEvery, plan.keep) = (1, keep)
        let outcome = try training.run(plan).run(until: steps)
        #expect(outcome == (steps == iterations ? .finished : .stopped(iteration: steps)))
        return plan
    }

    private func cut(_ name: String, to length: Int) throws {
        try training.bytes(name).prefix(length).write(to: URL(fileURLWithPath: "\(training.path)/\(name)"))
    }

    @Test func `the newest checkpoint that is whole is gone on from, to the end of an unbroken run`() throws {
        _ = try trained(6, in: "unbroken")
        let plan = try trained(4, in: "broken")
        try cut("broken/checkpoint-4.safetensors", to: 1000)
        try cut("broken/checkpoint-3.safetensors", to: 0)
        let run = try training.run(plan)
        let resumption = try run.resume()
        #expect(run.iteration == 2 && resumption.path == "\(plan.output)/checkpoint-2.safetensors")
        #expect(resumption.damages.count == 2)
        for (damage, name) in zip(resumption.damages, ["checkpoint-4.safetensors", "checkpoint-3.safetensors"]) {
            #expect(damage.hasPrefix("\(plan.output)/\(name): "), "\(damage)")
            #expect(damage.hasSuffix("; it is now \(plan.output)/\(name).damaged"), "\(damage)")
        }
        #expect(try run.run() == .finished)
        for name in ["checkpoint-3.safetensors", "checkpoint-6.safetensors", "model.safetensors"] {
            #expect(try training.bytes("broken/\(name)") == training.bytes("unbroken/\(name)"), "\(name)")
        }
        let logs = try ["broken", "unbroken"].map { try training.metrics($0).map { [$0["iteration"], $0["loss"]] } }
        #expect(logs[0] == logs[1] && logs[0].count == 6)
    }

    @Test func `without a whole checkpoint each is named, and all stay where they are`() throws {
        let plan = try trained(3)
        let names = (1...3).map { "checkpoint-\($0).safetensors" }
        for name in names { try cut("out/\(name)", to: 100) }
        let before = try training.names()
        let run = try training.run(plan)
        let failure = #expect(throws: TrainingRun.Failure.self) { try run.resume() }
        guard case .noWholeCheckpoint(let reasons) = failure else {
            Issue.record("another failure: \(failure.debugDescription)")
            return
        }
        #expect(reasons.count == 3 && zip(reasons, names.reversed()).allSatisfy { $0.contains($1) })
        #expect(try training.names() == before)
    }

    @Test func `a checkpoint of other options is not taken for damaged`() throws {
        var plan = training.plan(iterations: 2)
        (plan.checkpointEvery, plan.ema) = (1, nil)
        #expect(try training.run(plan).run() == .finished)
        let run = try training.run(training.plan(iterations: 3))
        let failure = #expect(throws: TrainingState.Failure.self) { try run.resume() }
        #expect(failure?.description.hasPrefix("\(plan.output)/checkpoint-2.safetensors: ") == true)
    }

    @Test func `what the system does not let be read is not taken for damaged`() throws {
        let plan = try trained(2)
        // A link to itself cannot be opened by anybody, root included.
        let newest = "\(plan.output)/checkpoint-9.safetensors"
        try FileManager.default.createSymbolicLink(atPath: newest, withDestinationPath: newest)
        let before = try training.names()
        let run = try training.run(plan)
        let failure = #expect(throws: FileError.self) { try run.resume() }
        #expect(failure?.description.hasPrefix("\(newest): cannot read: ") == true)
        #expect(try training.names() == before)
    }

    @Test(arguments: [false, true])
    func `damages are told where the checkpoint before cannot be gone on from`(isOfOtherOptions: Bool) throws {
        var plan = try trained(3)
        try cut("out/checkpoint-3.safetensors", to: 1000)
        let older = "\(plan.output)/checkpoint-2.safetensors"
        if isOfOtherOptions {
            training.configuration.maskHead.hidden += 8
            plan.start = .model(training.configuration)
        } else {
            try FileManager.default.removeItem(atPath: older)
            try FileManager.default.createSymbolicLink(atPath: older, withDestinationPath: older)
        }
        let before = try training.names()
        let run = try training.run(plan)
        let failure = #expect(throws: TrainingRun.Failure.self) { try run.resume() }
        guard case .olderCheckpoint(let reason, let damages) = failure else {
            Issue.record("another failure: \(failure.debugDescription)")
            return
        }
        #expect(reason.hasPrefix("\(older): ") && damages.count == 1, "\(reason)")
        #expect(failure?.description.contains("checkpoint-3.safetensors: damaged checkpoint: ") == true)
        #expect(try training.names() == before)
    }

    @Test func `the last good checkpoint is one of the run, and not a newer damaged one`() throws {
        var plan = try trained(3)
        for folder in ["checkpoint-9.safetensors", "checkpoint-9.safetensors.damaged/full"] {
            try FileManager.default.createDirectory(
                atPath: "\(plan.output)/\(folder)", withIntermediateDirectories: true)
        }
        // One step makes every weight infinite or no number, and its checkpoint is where that is seen.
        (plan.schedule.rate, plan.clip, plan.logEvery) = (.infinity, nil, 100)
        let run = try training.run(plan)
        _ = try run.resume()
        let failure = #expect(throws: TrainingRun.Failure.self) { try run.run() }
        guard case .notFinite(let quantity, let iteration, let pictures, let checkpoint) = failure else {
            Issue.record("another failure: \(failure.debugDescription)")
            return
        }
        #expect(quantity == .weight && iteration == 4)
        #expect(pictures.count == 4 && pictures.allSatisfy { $0.hasPrefix("picture ") })
        #expect(checkpoint == "\(plan.output)/checkpoint-3.safetensors")
        #expect(failure?.description.hasPrefix("iteration 4: a weight is not finite, with picture ") == true)
    }

    @Test func `a damaged checkpoint that cannot be set aside pushes out none that is whole`() throws {
        let plan = try trained(3, keep: 1)
        // A folder that is not empty takes no other's place.
        let newer = "\(plan.output)/checkpoint-9.safetensors"
        for folder in [newer, "\(newer).damaged/full"] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        let run = try training.run(plan)
        let resumption = try run.resume()
        #expect(run.iteration == 3 && resumption.damages.count == 1)
        #expect(resumption.damages.allSatisfy { $0.contains("checkpoint-9.safetensors") && !$0.contains("it is now") })
        #expect(try run.run(until: 4) == .stopped(iteration: 4))
        #expect(try training.names().contains("checkpoint-4.safetensors"))
    }

    /// Figures that follow from the model, the names of what was judged, and a signal in the evaluation of one iteration.
    private final class Judge {
        struct Signal: Error {}

        var judged: [Int] = []
        var interrupted: Int?

        func observer(of run: TrainingRun, stoppingAt last: Int? = nil) -> TrainingRun.Observer {
            var observer = TrainingRun.Observer()
            observer.shouldStop = { run.iteration == last }
            observer.evaluate = { path in
                if run.iteration == self.interrupted { throw Signal() }
                self.judged.append(run.iteration)
                let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
                return ["mask_ap": bytes.reduce(0) { ($0 + Double($1)).truncatingRemainder(dividingBy: 8191) } / 8192]
            }
            return observer
        }
    }

    /// All that two runs' logs have in common, in its order.
    private func entries(_ output: String) throws -> [[String: Double]] {
        try training.metrics(output).map { $0.filter { $0.key != "images_per_second" } }
    }

    @Test(arguments: [3, 6, 7], [true, false])
    func `an evaluation that was cut off is made before a run goes on`(iteration: Int, isKilled: Bool) throws {
        let judge = Judge()
        func plan(_ output: String) -> TrainingConfiguration {
            var plan = training.plan(output, iterations: 7)
            plan.evaluateEvery = 3
            return plan
        }
        let unbroken = try training.run(plan("unbroken"))
        #expect(try unbroken.run(judge.observer(of: unbroken)) == .finished)
        #expect(judge.judged == [3, 6, 7])

        let first = try training.run(plan("broken"))
        if isKilled {
            judge.interrupted = iteration
            #expect(throws: Judge.Signal.self) { try first.run(judge.observer(of: first)) }
            judge.interrupted = nil
            // Nor was the model written, perhaps.
            try FileManager.default.removeItem(atPath: "\(training.path)/broken/model.safetensors")
        } else {
            _ = try first.run(judge.observer(of: first, stoppingAt: iteration))
        }
        judge.judged = []
        let second = try training.run(plan("broken"))
        _ = try second.resume()
        #expect(second.iteration == iteration)
        #expect(try second.run(judge.observer(of: second)) == .finished)
        #expect(judge.judged == [3, 6, 7].filter { $0 >= iteration })
        #expect(try entries("broken") == entries("unbroken"))
        #expect(try training.bytes("broken/model.safetensors") == training.bytes("unbroken/model.safetensors"))
        // What has been made is not made again.
        judge.judged = []
        let third = try training.run(plan("broken"))
        _ = try third.resume()
        #expect(try third.run(judge.observer(of: third)) == .finished)
        #expect(judge.judged == [])
        #expect(try entries("broken") == entries("unbroken"))
    }

    @Test func `what a run goes on with otherwise is told, with what it was`() throws {
        let plan = try trained(1)
        func changes(
            _ pictures: MemoryPictures = MemoryPictures(count: 5), by change: (inout TrainingConfiguration) -> Void
        ) throws -> [TrainingRun.Resumption.Change] {
            var other = plan
            change(&other)
            let run = try training.run(other, pictures: pictures)
            return try run.resume().changes
        }
        func isOne(
            _ changes: [TrainingRun.Resumption.Change], _ key: String, _ old: String, _ new: String, isOfRow: Bool
        ) -> Bool {
            changes == [TrainingRun.Resumption.Change(key: key, old: old, new: new, isOfRow: isOfRow)]
        }
        #expect(try changes { $0.checkpointEvery = 2 } == [])
        #expect(isOne(try changes { $0.seed = 5 }, "seed", "1", "5", isOfRow: true))
        #expect(isOne(try changes { $0.batch = 3 }, "batch", "2", "3", isOfRow: true))
        #expect(isOne(try changes { $0.accumulate = 1 }, "accumulate", "2", "1", isOfRow: true))
        #expect(isOne(try changes { $0.schedule.iterations = 9 }, "iterations", "6", "9", isOfRow: false))
        #expect(isOne(try changes { $0.schedule.rate = 0.5 }, "learning_rate", "0.01", "0.5", isOfRow: false))
        for (key, change) in [
            ("schedule.kind", { $0.schedule.decay = .cosine }), ("schedule.warmup", { $0.schedule.warmup = 1 }),
            ("schedule.warmup_factor", { $0.schedule.warmupFactor = 0.5 }),
            ("schedule.steps", { $0.schedule.decay = .steps([2], factor: 0.1) }),
            ("momentum", { $0.momentum = 0.5 }), ("weight_decay", { $0.weightDecay = 0 }), ("clip", { $0.clip = nil }),
            ("ema", { $0.ema = 0.5 }), ("sampling.regions", { $0.sampling.regions.size = 8 }),
            ("augment.flip", { $0.augmentation.flip = 0 }), ("augment.scales", { $0.augmentation.scales = [48] }),
            ("augment.hue", { $0.augmentation.hue = 0.3 }),
        ] as [(String, (inout TrainingConfiguration) -> Void)] {
            let told = try changes(by: change)
            #expect(told.map(\.key) == [key] && told.allSatisfy { !$0.isOfRow && $0.old != $0.new })
        }
        let fewer = try changes(MemoryPictures(count: 4)) { _ in }
        #expect(fewer.map(\.key) == ["train"] && fewer[0].isOfRow)
        #expect(fewer[0].old.hasPrefix("5 pictures (") && fewer[0].new.hasPrefix("4 pictures ("))
        var others = MemoryPictures(count: 5)
        others.pictures.swapAt(0, 3)
        #expect(try changes(others) { _ in }.map(\.key) == ["train"])
    }

    @Test func `a long list that has changed is told to its end`() throws {
        func plan(last: Int) -> TrainingConfiguration {
            var plan = training.plan(iterations: 2)
            plan.augmentation.scales = Array(repeating: 48, count: 63) + [last]
            return plan
        }
        #expect(try training.run(plan(last: 40)).run() == .finished)
        let told = try training.run(plan(last: 44)).resume().changes
        #expect(told.map(\.key) == ["augment.scales"])
        #expect(told.allSatisfy { $0.old.hasSuffix(" 48, 40]") && $0.new.hasSuffix(" 48, 44]") }, "\(told)")
    }

    @Test func `a checkpoint without a record, or with one of something else, is gone on from`() throws {
        let plan = try trained(2, of: 2)
        let path = "\(plan.output)/checkpoint-2.safetensors"
        let checkpoint = try Checkpoint.open(path)
        let entries = checkpoint.tensors.map {
            SafetensorsFile.Entry(name: $0.key, shape: $0.value.shape, floats: $0.value.floats())
        }
        #expect(checkpoint.metadata["run"] != nil)
        var other = plan
        (other.seed, other.schedule.iterations) = (5, 3)
        for (record, told) in [
            (nil, []), ("", []), ("[1]", []), (#"{"seed": 1}"#, []), (#"{"other": "1"}"#, []),
            (#"{"seed": "\u001b[2J9"}"#, ["seed was \\u{1b}[2J9, and is 5"]),
        ] {
            var metadata = checkpoint.metadata
            metadata["run"] = record
            try SafetensorsFile.write(entries, metadata: metadata, to: path)
            let run = try training.run(other)
            #expect(try run.resume().changes.map(\.description) == told, "\(record ?? "none")")
            #expect(run.iteration == 2)
        }
    }
}
