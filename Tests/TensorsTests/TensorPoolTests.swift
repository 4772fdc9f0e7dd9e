import Testing

@testable import Tensors

@Suite("The pool of tensors")
struct TensorPoolTests {
    private func address(_ tensor: Tensor) -> UInt { tensor.withElements { UInt(bitPattern: $0.baseAddress) } }

    @Test("a tensor gets the first gap that it fits into")
    func firstFit() {
        let pool = TensorPool()
        var tensors: [Tensor?] = [4096, 16, 65536, 16].map { pool.tensor([$0]) }
        let addresses = tensors.map { address($0!) }
        tensors[0] = nil
        tensors[2] = nil
        let large = pool.tensor([65536])
        #expect(address(large) == addresses[2])
        let (first, second) = (pool.tensor([2048]), pool.tensor([2048]))
        #expect(address(first) == addresses[0])
        #expect(address(second) == addresses[0] + 2048 * 4)
        // Nothing is given twice.
        #expect(address(pool.tensor([16])) > addresses[3])
        withExtendedLifetime((tensors, large, first, second)) {}
    }

    @Test("gaps that touch become one", arguments: [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2]])
    func gaps(order: [Int]) {
        let pool = TensorPool()
        var tensors: [Tensor?] = (0..<3).map { _ in pool.tensor([1000]) }
        let first = address(tensors[0]!)
        let last = pool.tensor([1000])
        for index in order { tensors[index] = nil }
        let whole = pool.tensor([3000])
        #expect(address(whole) == first)
        withExtendedLifetime(last) {}
    }

    @Test("tensors begin at cache lines and do not overlap")
    func disjoint() {
        let pool = TensorPool()
        var random = SeededNumbers(seed: 7)
        var alive: [Tensor] = []
        for _ in 0..<2000 {
            if alive.count > 20 { alive.remove(at: Int(random.float(in: 0...0.999) * Float(alive.count))) }
            alive.append(pool.tensor([Int(random.float(in: 1...5000))]))
            #expect(address(alive[alive.count - 1]) % 64 == 0)
            let ranges = alive.map { address($0)..<address($0) + UInt($0.count * 4) }
                .sorted { $0.lowerBound < $1.lowerBound }
            #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
        }
    }

    @Test("memory beyond the limit goes back to the system once nobody has needed it for a while, and not before")
    func limit() {
        let pool = TensorPool(limit: 1 << 20)
        func large() { _ = pool.tensor([100 << 20]) }
        large()
        let first = pool.allocations
        for _ in 0..<100 { large() }
        #expect(pool.allocations == first)
        for _ in 0..<100 { _ = pool.tensor([1000]) }
        large()
        #expect(pool.allocations == first + 1)
    }

    @Test("a tensor outlives the pool that it is of")
    func outlives() {
        var pool: TensorPool? = TensorPool()
        let tensor = pool!.tensor([5000])
        tensor.withMutableElements { $0.update(repeating: 3) }
        pool = nil
        #expect(tensor.elements == [Float](repeating: 3, count: 5000))
    }

    @Test("the same tensors again cost no allocation")
    func steady() {
        let pool = TensorPool()
        func frame() {
            let tensors = [4096, 100_000, 4096, 30_000].map { pool.tensor([$0]) }
            pool.withScratch(tensors[0].count) { $0[0] = 1 }
            pool.withScratch(of: UInt8.self, 5000) { $0[4999] = 1 }
        }
        frame()
        let first = pool.allocations
        #expect(first > 0)
        for _ in 0..<20 { frame() }
        #expect(pool.allocations == first)
    }
}
