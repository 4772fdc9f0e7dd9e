import Glibc
import Synchronization

/// Wakes a thread that waits in poll(2).
final class Wakeup: Sendable {
    /// What the thread polls for reading.
    let descriptor: CInt
    private let entrance: CInt
    /// Whether a byte is in the pipe, so that thousands of calls write one.
    private let isSignalled = Atomic(false)

    /// - Throws: `OutputError.refused` where no descriptor is left.
    init(for name: String) throws {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw OutputError.refused(action: "make a pipe", name: name, reason: systemReason(errno))
        }
        ends.forEach(SocketAddress.prepare)
        (descriptor, entrance) = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(entrance)
    }

    /// Wakes the thread, or keeps it from falling asleep next time.
    func signal() {
        guard !isSignalled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var byte: UInt8 = 0
        write(entrance, &byte, 1)
    }

    /// Called by the thread, before it looks at what it was woken for.
    func clear() {
        var bytes: [UInt8] = [0, 0, 0, 0]
        while read(descriptor, &bytes, bytes.count) > 0 {}
        isSignalled.store(false, ordering: .sequentiallyConsistent)
    }
}
