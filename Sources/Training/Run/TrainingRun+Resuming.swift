import Checkpoints
import Files
import Foundation

extension TrainingRun {
    /// Where a run went on, and what was in its way.
    public struct Resumption: Sendable, Equatable {
        /// An option that the steps behind the checkpoint follow from, and those before it did otherwise.
        public struct Change: Sendable, Equatable, CustomStringConvertible {
            /// In the configuration.
            public var key: String
            public var old: String
            public var new: String
            /// Whether other pictures come from here on than would have come, or in another order.
            public var isOfRow: Bool

            public var description: String { "\(key) was \(old), and is \(new)" }
        }

        /// The checkpoint.
        public var path: String
        /// What is wrong with each newer one, the newest first, and where it lies now.
        public var damages: [String]
        public var changes: [Change]
    }

    /// The newest checkpoint of a folder and its iteration, whole or not; nil where there is none.
    public static func newestCheckpoint(in folder: String) -> (path: String, iteration: Int)? {
        checkpoints(in: folder).last
    }

    /// By ascending iteration.
    static func checkpoints(in folder: String) -> [(path: String, iteration: Int)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.compactMap { name -> (path: String, iteration: Int)? in
            guard name.hasPrefix("checkpoint-"), name.hasSuffix(".safetensors"),
                let iteration = Int(name.dropFirst("checkpoint-".count).dropLast(".safetensors".count))
            else { return nil }
            return ("\(folder)/\(name)", iteration)
        }.sorted { $0.iteration < $1.iteration }
    }

    /// Goes back to a checkpoint.
    ///
    /// - Returns: What has changed since it was written.
    /// - Throws: `TrainingState.Failure`, `CheckpointError` and `FileError`.
    @discardableResult
    public func resume(from path: String) throws -> [Resumption.Change] {
        let (iteration, changes) = try state.read(from: path)
        (self.iteration, checkpoint) = (iteration, path)
        return changes
    }

    /// Goes back to the newest checkpoint of the output folder that is whole. Newer ones, which are not, get `.damaged` behind their names,
    /// so that they are in nobody's way and can be looked at.
    ///
    /// - Throws: `Failure.noWholeCheckpoint`. For a checkpoint that is whole and of another configuration, since an older one would be no
    ///   better, `TrainingState.Failure.otherModel` and `.incomplete`; for one that the system does not let be read, `FileError`; either
    ///   as `Failure.olderCheckpoint` where newer ones are damaged.
    public func resume() throws -> Resumption {
        var damaged: [(path: String, reason: String)] = []
        for checkpoint in Self.checkpoints(in: plan.output).reversed() {
            do {
                let changes = try resume(from: checkpoint.path)
                return Resumption(
                    path: checkpoint.path, damages: damaged.map { Self.setAside($0.path, $0.reason) }, changes: changes)
            } catch let error where Self.isDamage(error) {
                damaged.append((checkpoint.path, "\(error)"))
            } catch let error where !damaged.isEmpty {
                throw Failure.olderCheckpoint(reason: "\(error)", damages: damaged.map(\.reason))
            }
        }
        throw Failure.noWholeCheckpoint(reasons: damaged.map(\.reason))
    }

    /// Whether an error tells of what the file is rather than of the configuration. A refusal of the system, such as of permission or
    /// for lack of memory, says nothing of it: the checkpoint may be whole.
    private static func isDamage(_ error: any Error) -> Bool {
        switch error {
        case is CheckpointError, TrainingState.Failure.noState, FileError.isDirectory, FileError.notRegular: true
        default: false
        }
    }

    /// - Returns: What is to be said of the file.
    private static func setAside(_ path: String, _ reason: String) -> String {
        let other = "\(path).damaged"
        return rename(path, other) == 0 ? "\(reason); it is now \(other)" : reason
    }

    /// What a run that was killed while it wrote a checkpoint has left, which nobody else removes.
    func removeUnfinishedFiles() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: plan.output)) ?? []
        for name in names where name.hasSuffix(".part") {
            // Only what this type writes: somebody else's file stays.
            guard name.hasPrefix(".checkpoint-") || name.hasPrefix(".model.safetensors.") else { continue }
            try? FileManager.default.removeItem(atPath: "\(plan.output)/\(name)")
        }
    }
}
