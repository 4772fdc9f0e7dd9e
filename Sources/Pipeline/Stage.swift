import Locks
import Dispatch
import Glibc

/// One worker of a pipeline: a serial queue, a name, and what it has done.
// Sendable: `work` is touched by the initialiser and then once, on the stage's own queue; all else is immutable or locked.
final class Stage: @unchecked Sendable {
    let name: String
    /// Counts and times of the stage itself; those of its queues are added by `snapshot`.
    let own: Monitor<StageMetrics>

    private let queue: DispatchQueue
    /// Let go of when it ends: it holds what its author captured, often the pipeline itself.
    private var work: ((Stage) throws -> Void)?
    private let addQueueMetrics: @Sendable (inout StageMetrics) -> Void

    /// - Parameter work: Runs until the stage's input ends or the pipeline is cancelled.
    init(
        name: String, pipeline: String, addQueueMetrics: @escaping @Sendable (inout StageMetrics) -> Void,
        work: sending @escaping (Stage) throws -> Void
    ) {
        self.name = name
        self.addQueueMetrics = addQueueMetrics
        self.work = work
        own = Monitor(StageMetrics(name: name))
        // A serial queue brings a thread of its own, so that a stage that waits never keeps another one from running.
        queue = DispatchQueue(label: "segmentd.\(pipeline).\(name)", qos: .default)
    }

    /// Runs the work on the stage's queue, then `completion` with the error that ended it, if any.
    func start(in group: DispatchGroup, completion: @escaping @Sendable ((any Error)?) -> Void) {
        queue.async(group: group) { [self] in
            ThreadName.with(name) {
                let work = self.work
                self.work = nil
                do {
                    try work?(self)
                    completion(nil)
                } catch {
                    completion(error)
                }
            }
        }
    }

    /// Runs the stage's own work on one item and counts it.
    func measure<Result>(_ body: () throws -> Result) rethrows -> Result {
        beginWork()
        defer { endWork() }
        return try countingProcessorTime(body)
    }

    /// Runs work on any thread, and adds that thread's processor time to the stage's.
    func countingProcessorTime<Result>(_ body: () throws -> Result) rethrows -> Result {
        let start = Self.processorTime
        defer {
            let processor = Self.processorTime - start
            own.withLock { $0.processor += processor }
        }
        return try body()
    }

    /// Runs something inside of the stage's work that is waiting for others, and is not counted as work.
    func idle<Result>(_ body: () throws -> Result) rethrows -> Result {
        beginWait()
        defer { endWait() }
        return try body()
    }

    /// The stage waits from now on, inside of its work, for others.
    func beginWait(forTurn isForTurn: Bool = false) {
        endWork()
        own.withLock { $0.isWaitingForTurn = isForTurn }
    }

    /// The stage works again.
    func endWait() {
        own.withLock { $0.isWaitingForTurn = false }
        beginWork()
    }

    private func beginWork() { own.withLock { $0.busySince = ContinuousClock.now } }

    private func endWork() {
        own.withLock { metrics in
            guard let since = metrics.busySince else { return }
            metrics.busy += ContinuousClock.now - since
            metrics.busySince = nil
        }
    }

    /// Processor time that this thread has taken.
    private static var processorTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    var snapshot: StageMetrics {
        var metrics = own.withLock { $0 }
        addQueueMetrics(&metrics)
        return metrics
    }
}
