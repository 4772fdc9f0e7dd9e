import Foundation

/// Messages for people, on standard error; results go to standard output.
enum Terminal {
    /// Writes a line.
    static func note(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }

    /// Whether standard error is a terminal, on which a line may be written over.
    static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }
}
