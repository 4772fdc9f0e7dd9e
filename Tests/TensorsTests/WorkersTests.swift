import Foundation
import Synchronization
import Testing

@testable import Tensors

@Suite struct WorkersTests {
    @Test(arguments: [(1, 5), (2, 0), (2, 1), (3, 2), (4, 1000)])
    func `every piece is worked on once`(threads: Int, pieces: Int) {
        let seen = Mutex([Int](repeating: 0, count: pieces))
        Workers(count: threads).run(pieces) { piece in seen.withLock { $0[piece] += 1 } }
        #expect(seen.withLock { $0 } == [Int](repeating: 1, count: pieces))
    }

    @Test func `several callers take turns, region after region`() {
        let workers = Workers(count: 3)
        let sum = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<500 { workers.run(7) { sum.wrappingAdd($0, ordering: .relaxed) } }
        }
        #expect(sum.load(ordering: .relaxed) == 4 * 500 * 21)
    }

    @Test func `ranges cover everything without overlap`() {
        let seen = Mutex([Range<Int>]())
        Workers(count: 2).run(103, step: 10) { range in seen.withLock { $0.append(range) } }
        let ranges = seen.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
        #expect(ranges.flatMap { Array($0) } == Array(0..<103))
    }

    @Test func `the processor time of the threads grows with their work, and leaves out the caller's`() {
        let alone = Workers(count: 1)
        alone.run(10) { _ in usleep(1) }
        #expect(alone.processorTime == .zero)
        let workers = Workers(count: 2)
        let seen = Atomic<Int>(0)
        // Each of two pieces waits for the other to begin, so that the second thread has one of them.
        workers.run(2) { _ in
            seen.wrappingAdd(1, ordering: .relaxed)
            while seen.load(ordering: .relaxed) < 2 {}
        }
        #expect(workers.processorTime > .zero)
    }
}
