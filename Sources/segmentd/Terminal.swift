import Foundation

/// Messages for people, on standard error; results go to standard output.
enum Terminal {
    /// Writes a line.
    static func note(_ line: String) { write(line + "\n") }

    /// Writes text as it is; a standard error that has gone is no failure.
    static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    /// Whether standard error is a terminal, on which a line may be written over.
    static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }
}
