import Checkpoints
import Files

/// A configuration with the weights that fit it.
public struct Model: Sendable {
    /// The key of the metadata that holds the configuration in a `.safetensors` file.
    public static let metadataKey = "configuration"
    /// Likewise the calibration, where there is one.
    public static let calibrationKey = "calibration"

    public let configuration: ModelConfiguration
    public let network: Network
    public let weights: Checkpoint

    /// Why a file is no model.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case noConfiguration(path: String)
        case badConfiguration(path: String, ModelConfiguration.Failure)
        case noCalibration(path: String)
        case badCalibration(path: String, Calibration.Failure)

        public var description: String {
            switch self {
            case .noConfiguration(let path):
                "\(path): holds no model configuration; make a model of it with 'segmentd model import \(path) --output "
                    + "model.safetensors'"
            case .badConfiguration(let path, let failure): "\(path): \(failure)"
            case .noCalibration(let path):
                "\(path): the model is not calibrated for int8; make one that is with 'segmentd model quantize \(path) "
                    + "--calibrate VIDEO --output quantized.safetensors'"
            case .badCalibration(let path, let failure):
                "\(path): \(failure); calibrate anew with 'segmentd model quantize \(path) --calibrate VIDEO --output "
                    + "quantized.safetensors'"
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

    /// The calibration that the file holds; nil where it holds none.
    ///
    /// - Throws: `Model.Failure.badCalibration`.
    public func calibration() throws -> Calibration? {
        guard let text = weights.metadata[Self.calibrationKey] else { return nil }
        do {
            return try Calibration(json: text, for: network)
        } catch let failure as Calibration.Failure {
            throw Failure.badCalibration(path: weights.path, failure)
        }
    }

    /// Writes one file that holds weights and configuration, and a calibration where one is given.
    ///
    /// - Throws: `CheckpointError.nonFinite` for weights that no network can use, `FileError`.
    public func write(to path: String, calibration: Calibration? = nil) throws {
        try weights.requireFinite()
        var metadata = [Self.metadataKey: configuration.json, "format": "pt"]
        metadata[Self.calibrationKey] = calibration?.json
        try SafetensorsFile.write(
            Array(weights.tensors.values), metadata: metadata, to: path)
    }

    /// Numbers in the weights.
    public var parameterCount: Int { weights.tensors.values.reduce(0) { $0 + $1.elementCount } }
}
