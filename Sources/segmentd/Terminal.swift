import Foundation

/// Messages for people, on standard error; results go to standard output.
enum Terminal {
    /// Writes a line; over one of progress that stands there.
    static func note(_ line: String) { write((isInteractive ? "\r\u{1b}[K" : "") + line + "\n") }

    /// Writes text as it is; a standard error that has gone is no failure.
    static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    /// Whether standard error is a terminal, on which a line may be written over.
    static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

    /// Characters that fit on a line of standard error; 80 where the terminal does not say.
    static var columns: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }
}
