import Instances

/// Writes tracks as MOTChallenge text, in the lines of `MOTChallenge`.
///
/// Objects without an identity are left out. The file appears under its name with `finish()`; without it, nothing does. Not for two threads at once.
public final class MOTWriter {
    private let sink: TextSink

    /// - Parameter path: Where the lines go; `-` is standard output.
    /// - Throws: `FileError` where the file cannot be made.
    public init(path: String) throws {
        sink = try TextSink(path: path)
    }

    /// Adds the lines of a frame's objects, in the order of their identities.
    ///
    /// - Throws: `FileError`, a full disk and a reader that has gone among them.
    public func write(_ result: FrameResult) throws {
        var text = ""
        let tracked = result.objects.compactMap { object in object.trackID.map { (id: $0, object: object) } }
        for (_, object) in tracked.sorted(by: { $0.id < $1.id }) {
            if let line = MOTChallenge.line(frame: result.frame, object) { text += line + "\n" }
        }
        try sink.write(text)
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
