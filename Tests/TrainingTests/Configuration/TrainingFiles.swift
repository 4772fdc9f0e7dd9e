import Configuration
import Foundation

@testable import Training

/// A folder with data and models, none of which anybody opens, that vanishes with its test.
final class TrainingFiles {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)").path

    /// What every configuration needs beside `model` or `from`.
    static let needed = "train: {annotations: a.json, images: images}\noutput: out\n"

    init() throws {
        for name in ["a.json", "v.json", "m.pth"] { try write("", to: name) }
        try FileManager.default.createDirectory(atPath: "\(path)/images", withIntermediateDirectories: true)
        try write(#"{"transform": {"min_size": 240, "max_size": 432}, "classes": 9}"#, to: "model.json")
        try write(#"{"transfrom": {}}"#, to: "wrong.json")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws {
        let file = URL(fileURLWithPath: "\(path)/\(name)")
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    /// Reads a text as if it lay in the folder.
    func configured(
        _ text: String, environment: [String: String] = [:]
    ) throws(ConfigurationError) -> TrainingConfiguration {
        try TrainingConfiguration.read(Array(text.utf8), file: "\(path)/t.yaml", environment: environment)
    }

    /// The messages about a text, as LINE:COLUMN: MESSAGE, with `DIR` for the folder.
    func complaints(_ text: String) -> [String] {
        do {
            _ = try configured(text)
            return []
        } catch {
            return error.issues.map { issue in
                issue.description.replacingOccurrences(of: "\(path)/t.yaml:", with: "")
                    .replacingOccurrences(of: path, with: "DIR").trimmingCharacters(in: .whitespaces)
            }
        }
    }
}
