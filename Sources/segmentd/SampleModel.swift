import Foundation

/// Finds the model that is used where none is named.
enum SampleModel {
    private static let name = "shapes.safetensors"

    /// The path given, or the sample model's: installed under share/segmentd, or in the package's Samples folder.
    ///
    /// - Throws: `CommandFailure` where there is none.
    static func path(or given: String?) throws -> String {
        if let given { return given }
        let manager = FileManager.default
        var places: [URL] = []
        if let executable = Bundle.main.executableURL?.resolvingSymlinksInPath() {
            var folder = executable.deletingLastPathComponent()
            places.append(folder.appendingPathComponent("../share/segmentd/\(name)").standardized)
            // A build lies some folders deep in the package.
            for _ in 0..<6 where folder.path != "/" {
                folder.deleteLastPathComponent()
                places.append(folder.appendingPathComponent("Samples/\(name)"))
            }
        }
        places.append(URL(fileURLWithPath: "Samples/\(name)"))
        guard let found = places.first(where: { manager.fileExists(atPath: $0.path) }) else {
            throw CommandFailure(
                "no model is named and the sample model \(name) is not installed; name one with --model")
        }
        return found.path
    }
}
