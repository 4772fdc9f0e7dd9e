import Locks

/// What a full queue does with one more element.
public enum FullPolicy: Sendable {
    /// The producer waits: nothing is lost, and the slowest stage sets the pace.
    case block
    /// The oldest element makes room and is counted as dropped: latency stays bounded.
    case newestWins
}

/// A first-in, first-out queue of bounded length between threads.
///
/// It ends in one of two ways: `finish()` lets the consumer take what is left, `cancel()` throws it away.
public final class BoundedQueue<Element: Sendable>: Sendable {
    /// What happened to a queue so far.
    public struct Metrics: Sendable, Equatable {
        /// Elements that were put in.
        public var pushed = 0
        /// Elements that were taken out.
        public var popped = 0
        /// Elements that made room for newer ones.
        public var dropped = 0
        /// Elements inside now.
        public var depth = 0
        /// The most elements that were ever inside.
        public var highWater = 0
        /// How long producers have waited for room.
        public var waitingForRoom = Duration.zero
        /// How long consumers have waited for elements.
        public var waitingForElements = Duration.zero
    }

    /// The most elements inside.
    public let capacity: Int
    /// What happens when one more comes.
    public let policy: FullPolicy

    private enum Phase { case open, finished, cancelled }

    private struct State {
        /// A ring: the oldest element is at `head`.
        var ring: [Element?]
        var head = 0
        var phase = Phase.open
        var metrics = Metrics()

        /// The place of the newest element.
        var newest: Int? { metrics.depth > 0 ? (head + metrics.depth - 1) % ring.count : nil }

        mutating func append(_ element: Element) {
            ring[(head + metrics.depth) % ring.count] = element
            metrics.depth += 1
            metrics.highWater = max(metrics.highWater, metrics.depth)
        }

        mutating func removeFirst() -> Element? {
            guard metrics.depth > 0 else { return nil }
            defer {
                ring[head] = nil
                head = (head + 1) % ring.count
                metrics.depth -= 1
            }
            return ring[head]
        }
    }

    private let monitor: Monitor<State>
    private let supersede: (@Sendable (inout Element) -> Void)?

    /// - Parameter supersede: Told to let go of what the newest element holds only for as long as it is the newest; called when one more
    ///   comes, under the queue's lock.
    public init(
        capacity: Int, policy: FullPolicy = .block, supersede: (@Sendable (inout Element) -> Void)? = nil
    ) {
        precondition(capacity > 0, "a queue holds at least one element")
        self.capacity = capacity
        self.policy = policy
        self.supersede = supersede
        monitor = Monitor(State(ring: Array(repeating: nil, count: capacity)))
    }

    /// Puts an element in; waits for room where the policy is `.block`.
    ///
    /// - Returns: False where the queue has been finished or cancelled; the element is then not taken.
    @discardableResult
    public func push(_ element: Element) -> Bool {
        let canProceed: (State) -> Bool = { [capacity, policy] state in
            policy == .newestWins || state.metrics.depth < capacity || state.phase != .open
        }
        let supersede = supersede
        // What makes room is released after the lock: its deinit may be long, or use this queue.
        let (isTaken, _): (Bool, Element?) = monitor.update(when: canProceed) { state, waited in
            state.metrics.waitingForRoom += waited
            guard state.phase == .open else { return (false, nil) }
            var oldest: Element?
            if state.metrics.depth == capacity {
                oldest = state.removeFirst()
                state.metrics.dropped += 1
            }
            if let supersede, let newest = state.newest, var last = state.ring[newest] {
                supersede(&last)
                state.ring[newest] = last
            }
            state.append(element)
            state.metrics.pushed += 1
            return (true, oldest)
        }
        return isTaken
    }

    /// Takes the oldest element; waits for one while the queue is open.
    ///
    /// - Returns: Nil where the queue is finished and empty, or cancelled.
    public func pop() -> Element? {
        monitor.update(when: { $0.metrics.depth > 0 || $0.phase != .open }) { state, waited in
            state.metrics.waitingForElements += waited
            guard let element = state.removeFirst() else { return nil }
            state.metrics.popped += 1
            return element
        }
    }

    /// Waits for an element while the queue is open, and leaves it inside.
    ///
    /// - Returns: False where the queue is finished and empty, or cancelled.
    public func waitForElement() -> Bool {
        monitor.update(when: { $0.metrics.depth > 0 || $0.phase != .open }) { state, waited in
            state.metrics.waitingForElements += waited
            return state.metrics.depth > 0
        }
    }

    /// Takes what is inside, the oldest element first; never waits.
    ///
    /// - Parameter limit: The most elements to take.
    public func takeAll(limit: Int = .max) -> [Element] {
        monitor.update { state in
            var taken: [Element] = []
            while taken.count < limit, let element = state.removeFirst() { taken.append(element) }
            state.metrics.popped += taken.count
            return taken
        }
    }

    /// Closes the entrance; what is inside can still be taken.
    public func finish() {
        monitor.update { if $0.phase == .open { $0.phase = .finished } }
    }

    /// Closes both ends and releases what is inside.
    public func cancel() {
        let rest: [Element?] = monitor.update { state in
            state.phase = .cancelled
            state.metrics.depth = 0
            defer { state.ring = Array(repeating: nil, count: capacity) }
            return state.ring
        }
        // Released here, outside of the lock.
        withExtendedLifetime(rest) {}
    }

    /// What happened so far.
    public var metrics: Metrics { monitor.withLock { $0.metrics } }
}
