import Foundation

/// Keeps outputs from going over inputs and over each other.
enum OutputNames {
    /// Checks names before anything is opened; `-` is standard output, and may be named once too.
    ///
    /// - Throws: `CommandFailure` where two lead to the same file.
    static func requireSeparate(_ outputs: [String], from inputs: [String]) throws {
        for (index, path) in outputs.enumerated() {
            if path != "-", inputs.contains(where: { $0 != "-" && isSameFile(path, $0) }) {
                throw CommandFailure("\(path): is the input itself; give the output another name")
            }
            if let twin = outputs[..<index].first(where: { $0 == "-" && path == "-" || isSameFile($0, path) }) {
                throw CommandFailure("\(path): two outputs go to the same place as \(twin); give each its own")
            }
        }
    }

    /// Whether two names lead to one file: by its inode where it exists, by its path where it will.
    private static func isSameFile(_ a: String, _ b: String) -> Bool {
        var (first, second) = (stat(), stat())
        guard stat(a, &first) == 0, stat(b, &second) == 0 else {
            let paths = [a, b].map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().standardizedFileURL.path }
            return a != "-" && b != "-" && paths[0] == paths[1]
        }
        // A device such as /dev/null takes what anybody writes.
        guard first.st_mode & S_IFMT == S_IFREG else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }
}
