import Dispatch
import Synchronization

/// Work that is done on all processors.
enum AllProcessors {
    /// Makes a value of each number, in their order.
    ///
    /// - Parameter inBlock: Values that one processor makes in a row.
    static func map<Value: Sendable>(
        _ numbers: Range<Int>, inBlock: Int, make: @Sendable (Int) -> Value
    ) -> [Value] {
        let blocks = (numbers.count + inBlock - 1) / inBlock
        let made = Mutex([[Value]](repeating: [], count: blocks))
        DispatchQueue.concurrentPerform(iterations: blocks) { block in
            let start = numbers.lowerBound + block * inBlock
            let values = (start..<min(start + inBlock, numbers.upperBound)).map(make)
            made.withLock { $0[block] = values }
        }
        return made.withLock { Array($0.joined()) }
    }
}
