import Files

/// Collects text into large writes to a file that appears when it is whole, or to standard output.
///
/// The result of a failed write is never committed: whoever fails must call `cancel()` or let go.
final class TextSink {
    private let file: AtomicFile
    private let isInteractive: Bool
    private var buffer: [UInt8] = []

    private static let capacity = 1 << 16

    /// - Parameter path: The final name; `-` is standard output.
    /// - Throws: `FileError` where the file cannot be made.
    init(path: String) throws {
        file = path == "-" ? .standardOutput() : try AtomicFile(path: path)
        // Whoever reads a pipe wants each line when it is there.
        isInteractive = !file.isRenamed
        buffer.reserveCapacity(Self.capacity + 4096)
    }

    func write(_ text: String) throws {
        buffer.append(contentsOf: text.utf8)
        if isInteractive || buffer.count >= Self.capacity { try flush() }
    }

    func finish() throws {
        try flush()
        try file.commit()
    }

    func cancel() {
        buffer = []
        file.cancel()
    }

    /// Hands over what is collected, so that a disk that has no room for it says so.
    func flush() throws {
        guard !buffer.isEmpty else { return }
        defer { buffer.removeAll(keepingCapacity: true) }
        try file.write(buffer)
    }
}
