import Locks
import Dispatch
import Synchronization
import Testing

@testable import Pipeline

@Suite("A turnstile")
struct TurnstileTests {
    @Test("gives turns in the order in which they were asked for, one at a time")
    func order() throws {
        let turnstile = try Turnstile(name: "turns")
        let order = Monitor<[Int]>([])
        let inside = Atomic(0)
        let group = DispatchGroup()
        let first = turnstile.party()
        _ = first.withTurn {
            for number in 0..<5 {
                let party = turnstile.party()
                DispatchQueue(label: "party").async(group: group) {
                    _ = party.withTurn {
                        #expect(inside.add(1, ordering: .sequentiallyConsistent).newValue == 1)
                        order.withLock { $0.append(number) }
                        inside.subtract(1, ordering: .sequentiallyConsistent)
                    }
                }
                // Each stands in line before the next one comes.
                while turnstile.metrics.waiting <= number {}
            }
        }
        group.wait()
        #expect(order.withLock { $0 } == [0, 1, 2, 3, 4])
        #expect(turnstile.metrics.turns == 6)
    }

    @Test("serves those who always want a turn equally often")
    func fairness() throws {
        let turnstile = try Turnstile(name: "turns")
        let counts = Monitor([0, 0, 0])
        let group = DispatchGroup()
        let start = DispatchSemaphore(value: 0)
        for number in 0..<3 {
            let party = turnstile.party()
            DispatchQueue(label: "party").async(group: group) {
                start.wait()
                while counts.withLock({ $0.reduce(0, +) }) < 600 {
                    _ = party.withTurn {
                        // Nobody leaves before the others stand in line again, as they do where a turn takes long.
                        while turnstile.metrics.waiting < 2 && counts.withLock({ $0.reduce(0, +) }) < 590 {}
                        counts.withLock { $0[number] += 1 }
                    }
                }
            }
        }
        for _ in 0..<3 { start.signal() }
        group.wait()
        let least = counts.withLock { $0.min() } ?? 0
        let most = counts.withLock { $0.max() } ?? 0
        #expect(most - least <= 12, "\(counts.withLock { $0 })")
    }

    @Test("lets go of a party that is cancelled while it waits, and does not give it a turn")
    func cancellation() throws {
        let turnstile = try Turnstile(name: "turns")
        let holder = turnstile.party()
        let waiter = turnstile.party()
        let group = DispatchGroup()
        let hadTurn = Monitor(false)
        _ = holder.withTurn {
            DispatchQueue(label: "party").async(group: group) {
                if waiter.withTurn({ true }) != nil { hadTurn.withLock { $0 = true } }
            }
            while turnstile.metrics.waiting == 0 {}
            waiter.cancel()
            group.wait()
        }
        #expect(!hadTurn.withLock { $0 })
        #expect(turnstile.metrics.waiting == 0)
        #expect(turnstile.party().withTurn { true } == true)
    }
}
