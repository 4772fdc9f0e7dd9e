import CKernels
import Foundation
import Glibc
import Locks
import Synchronization

/// The threads that share the work of one operator at a time; the caller is one of them.
///
/// Several callers take turns. Work is given out piece by piece, so that a thread that the system interrupts delays little.
public final class Workers: Sendable {
    /// Threads that work, the caller among them.
    public let count: Int

    private struct State {
        /// Held by the caller until no worker is inside.
        var region: Unmanaged<Region>?
        /// Workers inside the region.
        var active = 0
        /// What tells each worker's processor time.
        var clocks: [clockid_t] = []
        var isStopping = false
    }

    private final class Region {
        let pieces: Int
        let body: (Int) -> Void

        init(pieces: Int, body: @escaping (Int) -> Void) {
            self.pieces = pieces
            self.body = body
        }
    }

    /// As long as a cache line.
    private typealias Line = (Int, Int, Int, Int, Int, Int, Int, Int)

    // Sendable: `state` is touched with the mutex held; a region's body is called only between the counted beginning and end of
    // the caller's turn.
    private final class Shared: @unchecked Sendable {
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        let begun = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        let ended = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        var state = State()
        /// The next piece that nobody has taken. On cache lines of its own: those who wait for the next region look at `generation`
        /// all the time.
        let before: Line = (0, 0, 0, 0, 0, 0, 0, 0)
        let next = Atomic<Int>(0)
        let after: Line = (0, 0, 0, 0, 0, 0, 0, 0)
        /// Counts regions, so that a worker can wait for the next one without a lock.
        let generation = Atomic<Int>(0)

        init() {
            pthread_mutex_init(mutex, nil)
            pthread_cond_init(begun, nil)
            pthread_cond_init(ended, nil)
        }

        deinit {
            pthread_cond_destroy(ended)
            pthread_cond_destroy(begun)
            pthread_mutex_destroy(mutex)
            ended.deallocate()
            begun.deallocate()
            mutex.deallocate()
        }

        /// Takes pieces until none is left.
        // Never inlined: whatever it retains is released before a worker says that it has left the region.
        @inline(never)
        func drain(_ reference: Unmanaged<Region>) {
            let region = reference.takeUnretainedValue()
            while true {
                let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard piece < region.pieces else { return }
                region.body(piece)
            }
        }

        func work() {
            var seen = 0
            var clock = clockid_t()
            if pthread_getcpuclockid(pthread_self(), &clock) == 0 {
                pthread_mutex_lock(mutex)
                state.clocks.append(clock)
                pthread_mutex_unlock(mutex)
            }
            while true {
                // Operators follow each other closely; falling asleep between them would cost more than a short wait.
                var turns = 0
                while generation.load(ordering: .acquiring) == seen, turns < Workers.turnsBeforeSleep {
                    ck_relax()
                    turns += 1
                }
                pthread_mutex_lock(mutex)
                while generation.load(ordering: .relaxed) == seen && !state.isStopping {
                    pthread_cond_wait(begun, mutex)
                }
                if state.isStopping {
                    pthread_mutex_unlock(mutex)
                    return
                }
                seen = generation.load(ordering: .relaxed)
                // The caller may have done everything by itself already.
                guard let region = state.region else {
                    pthread_mutex_unlock(mutex)
                    continue
                }
                state.active += 1
                pthread_mutex_unlock(mutex)
                drain(region)
                pthread_mutex_lock(mutex)
                state.active -= 1
                if state.active == 0 { pthread_cond_signal(ended) }
                pthread_mutex_unlock(mutex)
            }
        }
    }

    private static let turnsBeforeSleep = 10_000

    private let shared = Shared()
    private let turn = NSLock()

    /// Starts the threads.
    ///
    /// - Parameter count: Threads that work, the caller among them; at least 1.
    public init(count: Int) {
        precondition(count > 0, "somebody has to work")
        self.count = count
        for number in 1..<count {
            let thread = Thread { [shared] in
                // Foundation's own name does not reach the system.
                ThreadName.set("engine-\(number)")
                shared.work()
            }
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// The processors that this process may run on.
    public static var available: Int { max(1, ProcessInfo.processInfo.activeProcessorCount) }

    /// Processor time that the threads have taken so far, waiting in loops included; without the callers'.
    public var processorTime: Duration {
        pthread_mutex_lock(shared.mutex)
        defer { pthread_mutex_unlock(shared.mutex) }
        return shared.state.clocks.reduce(.zero) { sum, clock in
            var time = timespec()
            return clock_gettime(clock, &time) == 0
                ? sum + .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec) : sum
        }
    }

    deinit {
        pthread_mutex_lock(shared.mutex)
        shared.state.isStopping = true
        pthread_cond_broadcast(shared.begun)
        pthread_mutex_unlock(shared.mutex)
    }

    /// Calls `body` once with each number below `pieces`, on any of the threads, and returns when all calls have.
    ///
    /// Not from inside a body: the turn is already taken, and would be waited for without end.
    public func run(_ pieces: Int, _ body: (Int) -> Void) {
        guard count > 1, pieces > 1 else {
            for piece in 0..<max(pieces, 0) { body(piece) }
            return
        }
        turn.lock()
        defer { turn.unlock() }
        withoutActuallyEscaping(body) { body in
            let owner = Region(pieces: pieces, body: body)
            defer { withExtendedLifetime(owner) {} }
            let region = Unmanaged.passUnretained(owner)
            shared.next.store(0, ordering: .relaxed)
            pthread_mutex_lock(shared.mutex)
            shared.state.region = region
            shared.generation.wrappingAdd(1, ordering: .releasing)
            pthread_cond_broadcast(shared.begun)
            pthread_mutex_unlock(shared.mutex)
            shared.drain(region)
            pthread_mutex_lock(shared.mutex)
            shared.state.region = nil
            while shared.state.active > 0 { pthread_cond_wait(shared.ended, shared.mutex) }
            pthread_mutex_unlock(shared.mutex)
        }
    }

    /// Cuts `0..<total` into ranges of at most `step` and calls `body` with each, on any of the threads.
    public func run(_ total: Int, step: Int, _ body: (Range<Int>) -> Void) {
        run(total.parts(of: step)) { piece in
            body(piece * step..<min(total, (piece + 1) * step))
        }
    }
}
