import Locks
import Dispatch
import Glibc
import Synchronization
import Testing

@testable import Pipeline

@Suite("A pipeline")
struct PipelineRunTests {
    struct Broken: Error, Equatable { var reason: String }

    /// A source of 0..<count.
    static func counter(_ count: Int) -> @Sendable () -> Int? {
        let made = Atomic(0)
        return {
            let next = made.add(1, ordering: .relaxed).oldValue
            return next < count ? next : nil
        }
    }

    @Test("passes every item through every stage in order", arguments: [1, 2, 7])
    func order(capacity: Int) throws {
        let pipeline = Pipeline(name: "test")
        let numbers = pipeline.source("count", capacity: capacity, pull: Self.counter(500))
        let doubled = pipeline.stage("double", from: numbers, capacity: capacity) { $0 * 2 }
        let text = pipeline.stage("text", from: doubled, capacity: capacity) { "\($0)" }
        let received = Monitor<[String]>([])
        pipeline.sink("collect", from: text) { item in received.withLock { $0.append(item) } }
        #expect(try pipeline.run() == .finished)
        #expect(received.withLock { $0 } == (0..<500).map { "\($0 * 2)" })
    }

    @Test("passes over what a stage returns nil for")
    func filter() throws {
        let pipeline = Pipeline(name: "test")
        let numbers = pipeline.source("count", pull: Self.counter(10))
        let even = pipeline.stage("even", from: numbers) { $0 % 2 == 0 ? $0 : nil }
        let received = Monitor<[Int]>([])
        pipeline.sink("collect", from: even) { item in received.withLock { $0.append(item) } }
        try pipeline.run()
        #expect(received.withLock { $0 } == [0, 2, 4, 6, 8])
        #expect(pipeline.metrics.map(\.itemsIn) == [0, 10, 5])
        #expect(pipeline.metrics.map(\.itemsOut) == [10, 5, 0])
    }

    @Test("lets a stage choose among what waits, and make several items of it")
    func choosing() throws {
        let pipeline = Pipeline(name: "test")
        let numbers = pipeline.source("count", capacity: 8, pull: Self.counter(100))
        let chosen = pipeline.stage("choose", from: numbers, capacity: 1) { (inbox: Inbox<Int, Int>) in
            for number in inbox.take(limit: 3) {
                inbox.emit(number)
                if number % 10 == 0 { inbox.emit(-number) }
            }
        }
        let received = Monitor<[Int]>([])
        pipeline.sink("collect", from: chosen) { item in received.withLock { $0.append(item) } }
        #expect(try pipeline.run() == .finished)
        let expected: [Int] = (0..<100).flatMap { number -> [Int] in number % 10 == 0 ? [number, -number] : [number] }
        #expect(received.withLock { $0 } == expected)
        #expect(pipeline.metrics.map(\.itemsIn) == [0, 100, 110])
        #expect(pipeline.metrics.allSatisfy { $0.busySince == nil })
    }

    @Test("stops all stages at the first error and throws it", arguments: ["count", "double", "collect", "finish"])
    func error(place: String) {
        let pipeline = Pipeline(name: "test")
        let pull = Self.counter(100)
        let isFinished = Monitor(false)
        let numbers = pipeline.source("count", capacity: 1) {
            let next = pull()
            if place == "count", next == 10 { throw Broken(reason: "count") }
            return next
        }
        let doubled = pipeline.stage("double", from: numbers, capacity: 1) { number in
            if place == "double", number == 10 { throw Broken(reason: "double") }
            return number * 2
        }
        pipeline.sink(
            "collect", from: doubled,
            finish: {
                if place == "finish" { throw Broken(reason: "finish") }
                isFinished.withLock { $0 = true }
            },
            consume: { number in
                if place == "collect", number == 20 { throw Broken(reason: "collect") }
            })
        #expect(throws: Broken(reason: place)) { try pipeline.run() }
        #expect(!isFinished.withLock { $0 })
    }

    @Test("an endless source ends with cancel, and what was on the way is not processed")
    func cancel() throws {
        let pipeline = Pipeline(name: "test")
        let pull = Self.counter(.max)
        let numbers = pipeline.source("count", capacity: 3, pull: pull)
        let received = Monitor<[Int]>([])
        let isFinished = Monitor(false)
        pipeline.sink("collect", from: numbers, finish: { isFinished.withLock { $0 = true } }) { number in
            received.withLock { $0.append(number) }
            if number == 4 { pipeline.cancel() }
        }
        #expect(try pipeline.run() == .cancelled)
        #expect(received.withLock { $0 } == [0, 1, 2, 3, 4])
        #expect(!isFinished.withLock { $0 })
    }

    @Test("cancelling interrupts a source that waits, and the error of the interruption is none")
    func interruption() throws {
        let pipeline = Pipeline(name: "test")
        let interrupted = DispatchSemaphore(value: 0)
        let numbers = pipeline.source("wait") { () -> Int? in
            interrupted.wait()
            throw Broken(reason: "interrupted")
        }
        pipeline.sink("collect", from: numbers) { _ in }
        pipeline.onCancel { interrupted.signal() }
        let canceller = Worker("canceller") { pipeline.cancel() }
        #expect(try pipeline.run() == .cancelled)
        canceller.join()
    }

    @Test("a pipeline that was cancelled before it runs processes nothing")
    func cancelledEarly() throws {
        let pipeline = Pipeline(name: "test")
        let numbers = pipeline.source("count", pull: Self.counter(.max))
        pipeline.sink("collect", from: numbers) { _ in Issue.record("nothing is to be consumed") }
        pipeline.cancel()
        #expect(try pipeline.run() == .cancelled)
    }

    @Test("a live source drops what the next stage has no time for, and counts it")
    func drops() throws {
        let pipeline = Pipeline(name: "test")
        let isBusy = DispatchSemaphore(value: 0)
        let allMade = DispatchSemaphore(value: 0)
        let pull = Self.counter(100)
        let numbers = pipeline.source("camera", capacity: 2, whenFull: .newestWins) { () -> Int? in
            let next = pull()
            // The first item is taken before the second is made; the rest come while the consumer is at work.
            if next == 1 { isBusy.wait() }
            if next == nil { allMade.signal() }
            return next
        }
        let received = Monitor<[Int]>([])
        pipeline.sink("collect", from: numbers) { number in
            if number == 0 {
                isBusy.signal()
                allMade.wait()
            }
            received.withLock { $0.append(number) }
        }
        try pipeline.run()
        #expect(received.withLock { $0 } == [0, 98, 99])
        let metrics = pipeline.metrics
        #expect(metrics[0].itemsOut == 100)
        #expect(metrics[0].dropped == 97)
        #expect(metrics[1].itemsIn == 3)
        #expect(metrics[1].queueHighWater == 2)
    }

    @Test("back-pressure keeps the source at most the queues' length ahead")
    func backPressure() throws {
        let pipeline = Pipeline(name: "test")
        let made = Monitor(0)
        let pull = Self.counter(200)
        let numbers = pipeline.source("count", capacity: 2) { () -> Int? in
            let next = pull()
            if next != nil { made.withLock { $0 += 1 } }
            return next
        }
        let consumed = Monitor(0)
        let furthest = Monitor(0)
        pipeline.sink("collect", from: numbers) { _ in
            let ahead = made.withLock { $0 } - consumed.withLock { $0 }
            furthest.withLock { $0 = max($0, ahead) }
            consumed.withLock { $0 += 1 }
        }
        try pipeline.run()
        // Two in the queue, one in the source's hand, one in the sink's.
        #expect(furthest.withLock { $0 } <= 4)
    }

    @Test("each stage runs on a thread that bears its name")
    func threadNames() throws {
        func threadName() -> String {
            let file = open("/proc/thread-self/comm", O_RDONLY)
            defer { close(file) }
            var name = [UInt8](repeating: 0, count: 16)
            let length = max(1, read(file, &name, name.count))
            return String(decoding: name.prefix(length - 1), as: UTF8.self)
        }
        let pipeline = Pipeline(name: "test")
        let names = Monitor<[String]>([])
        let pull = Self.counter(1)
        let numbers = pipeline.source("decode") { () -> Int? in
            names.withLock { $0.append(threadName()) }
            return pull()
        }
        pipeline.sink("a name of more than fifteen bytes", from: numbers) { _ in
            names.withLock { $0.append(threadName()) }
        }
        try pipeline.run()
        #expect(Set(names.withLock { $0 }) == ["decode", "a name of more "])
    }

    @Test("runs without a thread of the caller's, and the task's cancellation stops it")
    func asynchronous() async throws {
        let pipeline = Pipeline(name: "test")
        let numbers = pipeline.source("count", pull: Self.counter(.max))
        let task = Monitor<Task<Pipeline.Outcome, any Error>?>(nil)
        let hasTask = DispatchSemaphore(value: 0)
        pipeline.sink("collect", from: numbers) { number in
            if number == 0 {
                hasTask.wait()
                task.withLock { $0?.cancel() }
            }
        }
        let running = Task { try await pipeline.run() }
        task.withLock { $0 = running }
        hasTask.signal()
        #expect(try await running.value == .cancelled)
    }

    @Test("measures work, and the waiting of the stages around the slow one")
    func metrics() throws {
        let pipeline = Pipeline(name: "test")
        let numbers = pipeline.source("count", capacity: 1, pull: Self.counter(50))
        pipeline.sink("collect", from: numbers) { _ in }
        try pipeline.run()
        let metrics = pipeline.metrics
        #expect(metrics.map(\.name) == ["count", "collect"])
        #expect(metrics.allSatisfy { $0.busy > .zero && $0.processor > .zero })
        #expect(metrics[1].queueDepth == 0)
        #expect(metrics[1].itemsIn == 50)
    }

    @Test("lets go of what its stages captured, the pipeline among it, once it has run")
    func release() throws {
        weak var pipeline: Pipeline?
        weak var probe: Monitor<Int>?
        do {
            let running = Pipeline(name: "test")
            let captured = Monitor(0)
            (pipeline, probe) = (running, captured)
            let numbers = running.source("count", pull: Self.counter(3))
            running.onCancel { captured.withLock { $0 = -1 } }
            running.sink("collect", from: numbers) { number in
                captured.withLock { $0 += number }
                if number > 5 { running.cancel() }
            }
            try running.run()
            #expect(captured.withLock { $0 } == 3)
        }
        #expect(probe == nil)
        #expect(pipeline == nil)
    }
}
