import Locks
import Dispatch
import Testing

@testable import Pipeline

@Suite("A bounded queue")
struct BoundedQueueTests {
    @Test("gives elements in the order in which they came, also around the ring's end")
    func order() {
        let queue = BoundedQueue<Int>(capacity: 3)
        var taken: [Int] = []
        for round in 0..<5 {
            for i in 0..<3 { #expect(queue.push(round * 3 + i)) }
            for _ in 0..<3 { if let element = queue.pop() { taken.append(element) } }
        }
        #expect(taken == Array(0..<15))
    }

    @Test("a full one that blocks takes the next element only once there is room")
    func blocks() {
        let queue = BoundedQueue<Int>(capacity: 2)
        queue.push(0)
        queue.push(1)
        let producer = Worker("producer") { queue.push(2) }
        #expect(queue.pop() == 0)
        producer.join()
        #expect(queue.pop() == 1)
        #expect(queue.pop() == 2)
        #expect(queue.metrics.highWater == 2)
        #expect(queue.metrics.dropped == 0)
    }

    @Test("where the newest wins, the oldest makes room and is counted")
    func newestWins() {
        let queue = BoundedQueue<Int>(capacity: 2, policy: .newestWins)
        for i in 0..<7 { #expect(queue.push(i)) }
        #expect(queue.metrics.dropped == 5)
        #expect(queue.pop() == 5)
        #expect(queue.pop() == 6)
        #expect(queue.metrics.pushed == 7)
        #expect(queue.metrics.popped == 2)
    }

    @Test("a finished one refuses new elements and still gives what is inside")
    func finish() {
        let queue = BoundedQueue<Int>(capacity: 2)
        queue.push(1)
        queue.finish()
        #expect(!queue.push(2))
        #expect(queue.pop() == 1)
        #expect(queue.pop() == nil)
    }

    @Test("a cancelled one releases what is inside and refuses both ends")
    func cancel() {
        final class Probe: Sendable {}
        let queue = BoundedQueue<Probe>(capacity: 2)
        weak var probe: Probe?
        do {
            let element = Probe()
            probe = element
            queue.push(element)
        }
        #expect(probe != nil)
        queue.cancel()
        #expect(probe == nil)
        #expect(queue.pop() == nil)
        #expect(!queue.push(Probe()))
        #expect(queue.metrics.depth == 0)
    }

    @Test("finishing wakes a consumer that waits, cancelling wakes a producer")
    func wake() {
        let queue = BoundedQueue<Int>(capacity: 1)
        let consumer = Worker("consumer") { #expect(queue.pop() == nil) }
        queue.finish()
        consumer.join()

        let full = BoundedQueue<Int>(capacity: 1)
        full.push(1)
        let producer = Worker("producer") { #expect(!full.push(2)) }
        full.cancel()
        producer.join()
    }

    @Test("an element that was taken is not kept alive")
    func releases() {
        final class Probe: Sendable {}
        let queue = BoundedQueue<Probe>(capacity: 2)
        queue.push(Probe())
        weak let probe = queue.pop()
        #expect(probe == nil)
    }

    @Test("many producers and consumers pass every element exactly once")
    func contention() {
        let queue = BoundedQueue<Int>(capacity: 3)
        let sum = Monitor(0)
        let consumers = (0..<3).map { i in
            Worker("consumer \(i)") { while let element = queue.pop() { sum.withLock { $0 += element } } }
        }
        let producers = (0..<3).map { i in
            Worker("producer \(i)") { for j in 0..<1000 { queue.push(i * 1000 + j) } }
        }
        producers.forEach { $0.join() }
        queue.finish()
        consumers.forEach { $0.join() }
        #expect(sum.withLock { $0 } == (0..<3000).reduce(0, +))
        #expect(queue.metrics.popped == 3000)
    }
}

/// A thread that runs a body once.
struct Worker {
    private let group = DispatchGroup()

    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        DispatchQueue(label: name).async(group: group, execute: DispatchWorkItem(block: body))
    }

    func join() { group.wait() }
}

@Suite("A queue whose consumer chooses")
struct ChoosingQueueTests {
    @Test("gives everything that waits at once, the oldest first, and counts it")
    func takeAll() {
        let queue = BoundedQueue<Int>(capacity: 4, policy: .newestWins)
        for number in 0..<6 { queue.push(number) }
        #expect(queue.waitForElement())
        #expect(queue.takeAll(limit: 1) == [2])
        #expect(queue.takeAll() == [3, 4, 5])
        #expect(queue.takeAll().isEmpty)
        #expect(queue.metrics.popped == 4 && queue.metrics.dropped == 2 && queue.metrics.depth == 0)
    }

    @Test("waits in vain where it is finished and empty, or cancelled")
    func ends() {
        let queue = BoundedQueue<Int>(capacity: 2)
        queue.push(1)
        queue.finish()
        #expect(queue.waitForElement())
        #expect(queue.takeAll() == [1])
        #expect(!queue.waitForElement())
        let cancelled = BoundedQueue<Int>(capacity: 2)
        cancelled.push(1)
        cancelled.cancel()
        #expect(!cancelled.waitForElement())
    }

    @Test("tells all elements but the newest that they are no longer the newest")
    func supersede() {
        let queue = BoundedQueue<Int>(capacity: 3, policy: .newestWins, supersede: { $0 = -$0 })
        for number in 1...4 { queue.push(number) }
        #expect(queue.takeAll() == [-2, -3, 4])
        queue.push(5)
        #expect(queue.takeAll() == [5])
    }
}
