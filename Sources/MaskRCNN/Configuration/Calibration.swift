import Foundation
import Tensors

/// The ranges of what a network's layers are given, found on pictures like those that it is for. A model's file carries it as JSON.
public struct Calibration: Codable, Equatable, Sendable {
    /// The version of the JSON's form that this code reads and writes.
    public static let version = 1

    public let version: Int
    /// Pictures that the ranges were found on.
    public let frames: Int
    /// By layer, all that `Network.narrowLayers` names.
    public let ranges: [String: ActivationRange]

    /// Why a calibration cannot be used.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        /// The text is not JSON of the form that is needed.
        case malformed(String)
        /// Another version of segmentd wrote it.
        case version(Int)
        case frames(Int)
        /// A layer that the network does not have, or that stays in single precision.
        case unknownLayer(String)
        case missingLayer(String)
        /// A range that is not finite, does not hold 0 or has no width.
        case range(layer: String, minimum: Float, maximum: Float)
        /// A layer was given numbers that are infinite, or none, while the network was calibrated.
        case unusableActivations(layer: String)

        public var description: String {
            switch self {
            case .malformed(let what): "the calibration cannot be read: \(what)"
            case .version(let version):
                "the calibration has the version \(version), and this program reads \(Calibration.version)"
            case .frames(let frames): "the calibration says that it was made of \(frames) frames"
            case .unknownLayer(let name):
                "the calibration has an unknown layer \(name.filter { !$0.isNewline }.prefix(100).debugDescription)"
            case .missingLayer(let name): "the calibration lacks the layer \(name)"
            case .range(let layer, let minimum, let maximum):
                "the calibration's range of \(layer) is \(minimum)...\(maximum), which 8 bits cannot be spread over"
            case .unusableActivations(let layer): "\(layer) was given numbers that are infinite or not numbers"
            }
        }
    }

    public init(frames: Int, ranges: [String: ActivationRange]) {
        version = Self.version
        self.frames = frames
        self.ranges = ranges
    }

    /// Reads JSON text and checks that it fits a network.
    ///
    /// - Throws: `Calibration.Failure`.
    public init(json text: String, for network: Network) throws {
        do {
            // The version first: the rest of another may look otherwise.
            let found = try JSONDecoder().decode(Version.self, from: Data(text.utf8)).version
            guard found == Self.version else { throw Failure.version(found) }
            self = try JSONDecoder().decode(Self.self, from: Data(text.utf8))
        } catch let error as DecodingError {
            throw Failure.malformed(error.words)
        }
        try validate(for: network)
    }

    private struct Version: Decodable {
        var version: Int
    }

    /// The calibration as JSON with sorted keys.
    public var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            preconditionFailure("finite numbers can be written as JSON: \(error)")
        }
    }

    /// - Throws: `Calibration.Failure` for the first thing that is wrong, by the layers' names.
    public func validate(for network: Network) throws {
        guard frames > 0 else { throw Failure.frames(frames) }
        let layers = network.narrowLayers
        for name in ranges.keys.sorted() where !layers.contains(name) { throw Failure.unknownLayer(name) }
        for name in layers.sorted() {
            guard let range = ranges[name] else { throw Failure.missingLayer(name) }
            guard range.isUsable else {
                throw Failure.range(layer: name, minimum: range.minimum, maximum: range.maximum)
            }
        }
    }
}
