import Checkpoints
import MaskRCNN
import Tensors

/// All that a run needs to go on from where it was: weights, what the optimiser knows, and how far it is.
///
/// One `.safetensors` file: the parameters under their names, the optimiser's `velocity/NAME` and, where there is one, the average's
/// `average/NAME`. Its metadata has the iterations done, the model's configuration and a `RunRecord`.
public struct TrainingState {
    let network: LossNetwork
    let descent: GradientDescent
    let average: MovingAverage?
    let record: RunRecord

    /// Why a file is no state of this run.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case noState(path: String)
        case otherModel(path: String)
        case incomplete(path: String, missing: String)

        public var description: String {
            switch self {
            case .noState(let path): "\(path): is no checkpoint of a training run"
            case .otherModel(let path):
                "\(path): the checkpoint is of another model than the configuration describes; name another output"
            case .incomplete(let path, let missing):
                "\(path): the checkpoint lacks \(missing); its run had other options. Train without --resume into another output"
            }
        }
    }

    private static let iterationKey = "iteration"
    private static let averageKey = "average_steps"
    private static let recordKey = "run"

    /// Writes a file that appears under its name only when it is whole.
    ///
    /// - Throws: `FileError`, disk full among them.
    func write(to path: String, iteration: Int) throws {
        var entries = network.parameters.parameters.map { Self.entry($0, $0.value) }
        entries += descent.velocities.map { Self.entry($0.parameter, $0.velocity, prefix: "velocity/") }
        var metadata = [
            Self.iterationKey: String(iteration), Model.metadataKey: network.configuration.json, "format": "pt",
            Self.recordKey: record.json,
        ]
        if let average {
            entries += average.averages.map { Self.entry($0.parameter, $0.value, prefix: "average/") }
            metadata[Self.averageKey] = String(average.steps)
        }
        try SafetensorsFile.write(entries, metadata: metadata, to: path)
    }

    /// What of a parameter goes into a file.
    ///
    /// - Parameter tensor: In the parameter's own order.
    private static func entry(_ parameter: Parameter, _ tensor: Tensor, prefix: String = "") -> SafetensorsFile.Entry {
        SafetensorsFile.Entry(name: prefix + parameter.name, shape: parameter.shape) { parameter.ordered(tensor) }
    }

    /// Takes everything over from a file.
    ///
    /// - Returns: The iterations that had been done, and what has changed since; nothing where the file does not tell.
    /// - Throws: `Failure`, `CheckpointError` and `FileError`; then nothing has changed that counts, since a run that cannot go on does
    ///   not begin.
    func read(from path: String) throws -> (iteration: Int, changes: [TrainingRun.Resumption.Change]) {
        let checkpoint = try Checkpoint.open(path)
        guard let iteration = checkpoint.metadata[Self.iterationKey].flatMap({ Int($0) }), iteration >= 0 else {
            throw Failure.noState(path: path)
        }
        guard checkpoint.metadata[Model.metadataKey] == network.configuration.json else {
            throw Failure.otherModel(path: path)
        }
        try network.parameters.load(checkpoint)
        func floats(_ name: String, of parameter: Parameter) throws -> [Float] {
            guard let tensor = checkpoint.tensors[name], tensor.shape == parameter.shape else {
                throw Failure.incomplete(path: path, missing: name)
            }
            return tensor.floats()
        }
        for parameter in network.parameters.trainable {
            descent.setVelocity(try floats("velocity/\(parameter.name)", of: parameter), of: parameter.name)
        }
        if let average {
            for parameter in network.parameters.parameters {
                average.set(try floats("average/\(parameter.name)", of: parameter), of: parameter.name)
            }
            average.steps = checkpoint.metadata[Self.averageKey].flatMap { Int($0) } ?? iteration
        }
        network.parametersChanged()
        return (iteration, checkpoint.metadata[Self.recordKey].map(record.changes(since:)) ?? [])
    }

    /// Writes a model that every command takes, of the averages where there are any.
    ///
    /// - Throws: `FileError`, `CheckpointError` for weights that are not finite.
    func writeModel(to path: String) throws {
        let values = average?.averages ?? network.parameters.parameters.map { ($0, $0.value) }
        for (parameter, value) in values {
            guard !value.withElements({ $0.allSatisfy(\.isFinite) }) else { continue }
            let elements = parameter.ordered(value)
            if let index = elements.firstIndex(where: { !$0.isFinite }) {
                throw CheckpointError.nonFinite(
                    path: path, tensor: parameter.name, index: [index], value: "\(elements[index])")
            }
        }
        try SafetensorsFile.write(
            values.map { Self.entry($0.parameter, $0.value) },
            metadata: [Model.metadataKey: network.configuration.json, "format": "pt"], to: path)
    }
}
