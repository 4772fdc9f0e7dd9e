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
}
