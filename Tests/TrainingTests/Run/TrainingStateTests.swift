import Checkpoints
import Files
import Foundation
import Testing

@testable import MaskRCNN
@testable import Training

/// Checkpoints that do not fit, and folders that take none.
@Suite struct TrainingStateTests {
    private let training: TinyTraining

    init() throws { training = try TinyTraining() }

    /// The path of a checkpoint of one step.
    private func checkpoint(_ change: (inout TrainingConfiguration) -> Void = { _ in }) throws -> String {
        var plan = training.plan(iterations: 1)
        change(&plan)
        #expect(try training.run(plan).run() == .finished)
        return "\(plan.output)/checkpoint-1.safetensors"
    }

    @Test func `a model is no checkpoint`() throws {
        _ = try checkpoint()
        let model = "\(training.path)/out/model.safetensors"
        let run = try training.run(training.plan(iterations: 2))
        #expect(throws: TrainingState.Failure.noState(path: model)) { try run.resume(from: model) }
    }

    @Test func `a checkpoint of another model is refused`() throws {
        let path = try checkpoint()
        var other = training.configuration
        other.boxHead.scoreThreshold = 0.25
        let plan = training.plan(iterations: 2)
        let network = LossNetwork(other, freezing: plan.freezing, compute: .init(threads: 1))
        let run = try TrainingRun(network, plan: plan, pictures: MemoryPictures(count: 2))
        #expect(throws: TrainingState.Failure.otherModel(path: path)) { try run.resume(from: path) }
    }

    @Test func `a checkpoint without what the options need is refused`() throws {
        let path = try checkpoint { $0.ema = nil }
        let run = try training.run(training.plan(iterations: 2))
        #expect {
            try run.resume(from: path)
        } throws: { error in
            guard case TrainingState.Failure.incomplete(path, let missing) = error else { return false }
            return missing.hasPrefix("average/")
        }
    }

    @Test func `a checkpoint that was cut is refused`() throws {
        let path = try checkpoint()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let run = try training.run(training.plan(iterations: 2))
        for count in [0, 7, 100, bytes.count / 2, bytes.count - 1] {
            try bytes.prefix(count).write(to: URL(fileURLWithPath: path))
            #expect(throws: CheckpointError.self) { try run.resume(from: path) }
        }
    }

    @Test func `a folder that cannot be made is named`() throws {
        try Data().write(to: URL(fileURLWithPath: "\(training.path)/file"))
        let error = #expect(throws: FileError.self) { try training.run(training.plan("file", iterations: 1)) }
        #expect(error?.description.hasPrefix("\(training.path)/file: cannot make the folder") == true)
    }

    @Test func `names that are taken by folders are named`() throws {
        let plan = training.plan(iterations: 1)
        try FileManager.default.createDirectory(
            atPath: "\(plan.output)/checkpoint-1.safetensors", withIntermediateDirectories: true)
        #expect(throws: FileError.isDirectory(path: "\(plan.output)/checkpoint-1.safetensors")) {
            try training.run(plan).run()
        }
    }

    @Test(.enabled(if: SmallDisk.isPossible, "only root can mount a small one"))
    func `a disk that fills up leaves the last checkpoint whole`() throws {
        var plan = training.plan(iterations: 9)
        (plan.checkpointEvery, plan.keep) = (1, 9)
        // Room for two checkpoints and the model.
        let size = try FileManager.default.attributesOfItem(atPath: checkpoint { $0.output += "2" })[.size] as? Int
        let disk = try SmallDisk(plan.output, bytes: try #require(size) * 3)
        defer { disk.unmount() }
        let run = try training.run(plan)
        let error = #expect(throws: FileError.self) { try run.run() }
        #expect(error?.description.contains("the disk is full") == true)
        let newest = try #require(TrainingRun.newestCheckpoint(in: plan.output))
        #expect(newest.iteration >= 1 && newest.iteration < 9)
        #expect(try !training.names().contains { $0.hasSuffix(".part") })
        let next = try training.run(plan)
        try next.resume(from: newest.path)
        #expect(next.iteration == newest.iteration)
    }
}

/// A small file system in memory.
private struct SmallDisk {
    let path: String

    init(_ path: String, bytes: Int) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Self.run("mount", "-t", "tmpfs", "-o", "size=\(bytes)", "none", path)
    }

    func unmount() { try? Self.run("umount", path) }

    static let isPossible: Bool = {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        guard let disk = try? SmallDisk(folder, bytes: 1 << 16) else { return false }
        disk.unmount()
        return true
    }()

    private static func run(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
