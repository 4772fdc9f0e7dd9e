import Testing

@testable import Tensors

@Suite("The pool of tensors")
struct TensorPoolTests {
    private func address(_ tensor: Tensor) -> UInt { tensor.withElements { UInt(bitPattern: $0.baseAddress) } }

    @Test("a tensor gets the memory of one that is gone, the smallest that it fits into")
    func smallest() {
        let pool = TensorPool()
        var tensors = [4096, 65536, 16384].map { pool.tensor([$0]) }
        let addresses = tensors.map(address)
        tensors = []
        let wanted = pool.tensor([10_000])
        #expect(address(wanted) == addresses[2])
        #expect(address(pool.tensor([4000])) == addresses[0])
        // What was taken is not given twice, and a larger block has to do.
        let second = pool.tensor([10_000])
        #expect(address(second) == addresses[1])
    }

    @Test("memory that served a small tensor comes back whole")
    func whole() {
        let pool = TensorPool()
        let large = address(pool.tensor([65536]))
        #expect(address(pool.tensor([100])) == large)
        #expect(address(pool.tensor([65536])) == large)
    }

    @Test("memory beyond the limit is not kept")
    func limit() {
        let pool = TensorPool(limit: 1 << 16)
        var kept: Tensor? = pool.tensor([8192])
        _ = pool.tensor([1 << 20])
        let address = kept.map(address)
        kept = nil
        // The large block was freed at once; the small one is all that there is.
        let next = pool.tensor([4096])
        #expect(self.address(next) == address)
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
