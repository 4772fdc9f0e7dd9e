import Instances

/// Writes one line of JSON a frame; the lines are those of `FrameResult.jsonLine()`.
///
/// The file appears under its name with `finish()`; without it, nothing does. Not for two threads at once.
public final class JSONLinesWriter {
    private let sink: TextSink

    /// - Parameter path: Where the lines go; `-` is standard output.
    /// - Throws: `FileError` where the file cannot be made.
    public init(path: String) throws {
        sink = try TextSink(path: path)
    }

    /// Adds a frame's line.
    ///
    /// - Throws: `FileError`, a full disk and a reader that has gone among them.
    public func write(_ result: FrameResult) throws {
        try sink.write(result.jsonLine() + "\n")
    }

    /// Writes what is left, without giving the file its name yet.
    ///
    /// - Throws: `FileError`.
    public func flush() throws { try sink.flush() }

    /// Writes what is left and gives the file its name.
    ///
    /// - Throws: `FileError`.
    public func finish() throws { try sink.finish() }

    /// Removes what was written.
    public func cancel() { sink.cancel() }
}
