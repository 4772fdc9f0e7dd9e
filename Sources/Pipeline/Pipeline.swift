import Locks
import Dispatch

/// The items between two stages; given out by the stage that makes them, taken by one other.
public struct Channel<Element: Sendable>: Sendable {
    let queue: BoundedQueue<Element>
    /// Which channel of its pipeline it is, so that a second consumer is noticed.
    let number: Int
}

/// Stages that work at the same time on items that pass from one to the next in order.
///
/// Each stage runs on a thread of its own and takes one item at a time; between two stages stands a queue of bounded length. The
/// first error cancels all stages and is what `run()` throws.
///
///     let pipeline = Pipeline(name: "annotate")
///     let frames = pipeline.source("decode", capacity: 4) { try video.next() }
///     let found = pipeline.stage("detect", from: frames) { try detector.detect($0) }
///     pipeline.sink("write", from: found) { try writer.write($0) }
///     try pipeline.run()
public final class Pipeline: Sendable {
    /// How a run that threw nothing ended.
    public enum Outcome: Sendable {
        /// The source ended and every item went through.
        case finished
        /// `cancel()` was called; items on the way were thrown away.
        case cancelled
    }

    private enum Phase { case building, running, ended }

    private struct State {
        var stages: [Stage] = []
        var phase = Phase.building
        /// Numbers of channels that no stage takes from yet.
        var openChannels: Set<Int> = []
        var channelCount = 0
        var isCancelled = false
        var firstError: (any Error)?
        /// Called once at cancellation; emptied then, so that nothing is held longer than needed.
        var cancellations: [@Sendable () -> Void] = []

        var isStopped: Bool { isCancelled || firstError != nil }
    }

    /// The pipeline's name; its queues' labels begin with it.
    public let name: String
    private let state = Monitor(State())

    public init(name: String) {
        self.name = name
    }

    // MARK: Building

    /// Adds the stage that items come from; `pull` returns nil at the end.
    ///
    /// - Parameters:
    ///   - capacity: Items that may wait for the next stage.
    ///   - whenFull: What happens when that many wait.
    ///   - supersede: Told to let go of what an item holds only while it is the newest that waits.
    public func source<Output: Sendable>(
        _ name: String, capacity: Int = 2, whenFull: FullPolicy = .block,
        supersede: (@Sendable (inout Output) -> Void)? = nil, pull: sending @escaping () throws -> Output?
    ) -> Channel<Output> {
        let output = BoundedQueue<Output>(capacity: capacity, policy: whenFull, supersede: supersede)
        let stage = Stage(
            name: name, pipeline: self.name,
            addQueueMetrics: { $0.add(output: output.metrics) },
            work: { stage in
                while let item = try stage.measure(pull) {
                    guard output.push(item) else { return }
                }
                output.finish()
            })
        return add(stage, output: output)
    }

    /// Adds a stage that makes at most one item of each that it takes; nil where there is nothing to pass on.
    public func stage<Input: Sendable, Output: Sendable>(
        _ name: String, from input: Channel<Input>, capacity: Int = 2, whenFull: FullPolicy = .block,
        transform: sending @escaping (Input) throws -> Output?
    ) -> Channel<Output> {
        let output = BoundedQueue<Output>(capacity: capacity, policy: whenFull)
        let queue = input.queue
        let stage = Stage(
            name: name, pipeline: self.name,
            addQueueMetrics: {
                $0.add(input: queue.metrics)
                $0.add(output: output.metrics)
            },
            work: { stage in
                while let item = queue.pop() {
                    guard let made = try stage.measure({ try transform(item) }) else { continue }
                    guard output.push(made) else { return }
                }
                output.finish()
            })
        take(input)
        return add(stage, output: output)
    }

    /// Adds a stage that chooses among the items that wait, and makes any number of items of them.
    ///
    /// - Parameter work: Called whenever an item waits, and takes at least one.
    public func stage<Input: Sendable, Output: Sendable>(
        _ name: String, from input: Channel<Input>, capacity: Int = 2, whenFull: FullPolicy = .block,
        choosing work: sending @escaping (Inbox<Input, Output>) throws -> Void
    ) -> Channel<Output> {
        let output = BoundedQueue<Output>(capacity: capacity, policy: whenFull)
        let queue = input.queue
        let stage = Stage(
            name: name, pipeline: self.name,
            addQueueMetrics: {
                $0.add(input: queue.metrics)
                $0.add(output: output.metrics)
            },
            work: { stage in
                let inbox = Inbox(queue: queue, output: output, stage: stage)
                while queue.waitForElement() {
                    try stage.measure { try work(inbox) }
                    guard !inbox.isClosed else { return }
                }
                output.finish()
            })
        take(input)
        return add(stage, output: output)
    }

    /// Adds the stage that items end in.
    ///
    /// - Parameter finish: Called after the last item, and not where the pipeline fails or is cancelled.
    public func sink<Input: Sendable>(
        _ name: String, from input: Channel<Input>, finish: sending @escaping () throws -> Void = {},
        consume: sending @escaping (Input) throws -> Void
    ) {
        let queue = input.queue
        let stage = Stage(
            name: name, pipeline: self.name,
            addQueueMetrics: { $0.add(input: queue.metrics) },
            work: { [weak self] stage in
                while let item = queue.pop() {
                    try stage.measure { try consume(item) }
                }
                if self?.isStopped == false { try stage.measure(finish) }
            })
        take(input)
        state.withLock { state in
            precondition(state.phase == .building, "stages are added before the pipeline runs")
            state.stages.append(stage)
            state.cancellations.append { queue.cancel() }
        }
    }

    /// Adds what to do at cancellation, such as interrupting a source that waits for the network.
    ///
    /// Called at once where the pipeline is cancelled already, and from whichever thread cancels.
    public func onCancel(_ body: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if !state.isStopped { state.cancellations.append(body) }
            return state.isStopped
        }
        if isLate { body() }
    }

    // MARK: Running

    /// Runs all stages to the end and waits for them.
    ///
    /// - Throws: The first error of any stage, after all stages have stopped.
    @discardableResult
    public func run() throws -> Outcome {
        start().wait()
        return try conclude()
    }

    /// Runs all stages to the end without holding a thread; cancelling the task cancels the pipeline.
    ///
    /// - Throws: The first error of any stage, after all stages have stopped.
    @discardableResult
    public func run() async throws -> Outcome {
        await withTaskCancellationHandler {
            let group = start()
            await withCheckedContinuation { continuation in
                group.notify(queue: .global()) { continuation.resume() }
            }
        } onCancel: {
            cancel()
        }
        return try conclude()
    }

    /// Stops all stages after the item that each is at; items on the way are thrown away.
    ///
    /// For any thread, and a Dispatch signal source; not for a raw signal handler, since it takes locks.
    public func cancel() {
        stop { $0.isCancelled = true }
    }

    /// What every stage has done so far, in the order in which they were added.
    public var metrics: [StageMetrics] {
        state.withLock { $0.stages }.map(\.snapshot)
    }

    private func start() -> DispatchGroup {
        let stages = state.withLock { state in
            precondition(state.phase == .building, "a pipeline runs once")
            precondition(state.openChannels.isEmpty, "every channel has a stage that takes from it")
            state.phase = .running
            return state.stages
        }
        let group = DispatchGroup()
        for stage in stages {
            stage.start(in: group) { error in
                if let error { self.fail(error) }
            }
        }
        return group
    }

    private func conclude() throws -> Outcome {
        let (error, isCancelled) = state.withLock { state in
            state.phase = .ended
            state.cancellations = []
            return (state.firstError, state.isCancelled)
        }
        if let error { throw error }
        return isCancelled ? .cancelled : .finished
    }

    private func fail(_ error: any Error) {
        stop { $0.firstError = error }
    }

    /// Stops the pipeline for the first reason that comes; what fails because of the stop is no error.
    private func stop(_ reason: (inout State) -> Void) {
        let cancellations = state.withLock { state -> [@Sendable () -> Void] in
            guard !state.isStopped, state.phase != .ended else { return [] }
            reason(&state)
            defer { state.cancellations = [] }
            return state.cancellations
        }
        for cancellation in cancellations { cancellation() }
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func take<Element>(_ channel: Channel<Element>) {
        state.withLock { state in
            let isOpen = state.openChannels.remove(channel.number) != nil
            precondition(isOpen, "a channel has one consumer, in the pipeline that made it")
        }
    }

    private func add<Output>(_ stage: Stage, output: BoundedQueue<Output>) -> Channel<Output> {
        state.withLock { state in
            precondition(state.phase == .building, "stages are added before the pipeline runs")
            state.stages.append(stage)
            state.cancellations.append { output.cancel() }
            state.channelCount += 1
            state.openChannels.insert(state.channelCount)
            return Channel(queue: output, number: state.channelCount)
        }
    }
}

extension StageMetrics {
    fileprivate mutating func add<Element>(input: BoundedQueue<Element>.Metrics) {
        itemsIn = input.popped
        waitingForInput = input.waitingForElements
        queueDepth = input.depth
        queueHighWater = input.highWater
    }

    fileprivate mutating func add<Element>(output: BoundedQueue<Element>.Metrics) {
        itemsOut = output.pushed
        dropped = output.dropped
        blockedOnOutput = output.waitingForRoom
    }
}
