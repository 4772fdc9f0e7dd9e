/// Ends, from any thread, the waiting of a source for bytes.
///
/// It exists apart from the source since opening a source may wait as well.
public final class Interrupter: Sendable {
    private let flag = Locked(false)

    public init() {}

    /// Makes the source's present read and all later ones throw `VideoError.interrupted`.
    public func interrupt() { flag.withLock { $0 = true } }

    /// Whether `interrupt` has been called.
    public var isInterrupted: Bool { flag.withLock { $0 } }
}
