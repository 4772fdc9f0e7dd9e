import Testing

@testable import Service

@Suite("The monitor of progress")
struct ProgressMonitorTests {
    private typealias Sample = ProgressMonitor.Sample
    private let start = ContinuousClock.now

    @Test("finds a part stuck that is busy with the same piece of work for longer than the limit")
    func stuck() {
        var monitor = ProgressMonitor(limit: .seconds(10))
        let sample = Sample(part: "door/detect", isBusy: true, progress: 5)
        #expect(monitor.check([sample], at: start).isEmpty)
        #expect(monitor.check([sample], at: start + .seconds(10)).isEmpty)
        #expect(monitor.check([sample], at: start + .seconds(11)) == ["door/detect"])
    }

    @Test("counts anew with every piece of work, and after a rest")
    func progress() {
        var monitor = ProgressMonitor(limit: .seconds(10))
        _ = monitor.check([Sample(part: "a", isBusy: true, progress: 1)], at: start)
        #expect(monitor.check([Sample(part: "a", isBusy: true, progress: 2)], at: start + .seconds(11)).isEmpty)
        #expect(monitor.check([Sample(part: "a", isBusy: false, progress: 2)], at: start + .seconds(22)).isEmpty)
        #expect(monitor.check([Sample(part: "a", isBusy: true, progress: 2)], at: start + .seconds(40)).isEmpty)
        #expect(monitor.check([Sample(part: "a", isBusy: true, progress: 2)], at: start + .seconds(51)) == ["a"])
    }

    @Test("forgets parts that are no more")
    func forgets() {
        var monitor = ProgressMonitor(limit: .seconds(10))
        _ = monitor.check([Sample(part: "a", isBusy: true, progress: 1)], at: start)
        #expect(monitor.check([], at: start + .seconds(11)).isEmpty)
        #expect(monitor.check([Sample(part: "a", isBusy: true, progress: 1)], at: start + .seconds(12)).isEmpty)
    }
}
