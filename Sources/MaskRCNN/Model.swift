import Checkpoints
import Files

/// A configuration with the weights that fit it.
public struct Model: Sendable {
    /// The key of the metadata that holds the configuration in a `.safetensors` file.
    public static let metadataKey = "configuration"

    public let configuration: ModelConfiguration
    public let network: Network
    public let weights: Checkpoint

    /// Why a file is no model.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case noConfiguration(path: String)
        case badConfiguration(path: String, ModelConfiguration.Failure)

        public var description: String {
            switch self {
            case .noConfiguration(let path):
                "\(path): holds no model configuration; make a model of it with 'segmentd model import \(path) --output "
                    + "model.safetensors'"
            case .badConfiguration(let path, let failure): "\(path): \(failure)"
            }
        }
    }

    /// Pairs a configuration with weights.
    ///
    /// - Throws: `Model.Failure.badConfiguration`, and `CheckpointError.mismatch` with everything that is missing, unexpected or
    ///   of the wrong shape.
    public init(_ configuration: ModelConfiguration, weights: Checkpoint) throws {
        do {
            try configuration.validate()
        } catch let failure as ModelConfiguration.Failure {
            throw Failure.badConfiguration(path: weights.path, failure)
        }
        self.configuration = configuration
        network = Network(configuration)
        try network.manifest.validate(weights)
        self.weights = weights
    }

    /// Opens a model file; the weights stay on disk until they are needed.
    ///
    /// - Throws: `Model.Failure`, `CheckpointError` or `FileError`.
    public init(path: String) throws {
        let checkpoint = try Checkpoint.open(path)
        guard let text = checkpoint.metadata[Self.metadataKey] else { throw Failure.noConfiguration(path: path) }
        let configuration: ModelConfiguration
        do {
            configuration = try ModelConfiguration(json: text)
        } catch let failure as ModelConfiguration.Failure {
            throw Failure.badConfiguration(path: path, failure)
        }
        try self.init(configuration, weights: checkpoint)
    }

    /// Writes one file that holds weights and configuration.
    ///
    /// - Throws: `CheckpointError.nonFinite` for weights that no network can use, `FileError`.
    public func write(to path: String) throws {
        try weights.requireFinite()
        try SafetensorsFile.write(
            Array(weights.tensors.values), metadata: [Self.metadataKey: configuration.json, "format": "pt"], to: path)
    }

    /// Numbers in the weights.
    public var parameterCount: Int { weights.tensors.values.reduce(0) { $0 + $1.elementCount } }
}
