import Testing

@testable import Service

@Suite("The schedule of inference")
struct InferenceScheduleTests {
    /// The times among those given at which a frame is inferred.
    private func inferred(_ rate: Double?, at times: [Double]) -> [Double] {
        var schedule = InferenceSchedule(rate: rate)
        return times.filter { time in
            guard schedule.isDue(at: time) else { return false }
            schedule.infer(at: time)
            return true
        }
    }

    @Test("lets every frame through where there is no limit")
    func unlimited() {
        let times = (0..<100).map { Double($0) / 25 }
        #expect(inferred(nil, at: times) == times)
    }

    @Test(
        "keeps the rate on average, also one that does not divide the source's", arguments: [1.0, 3, 7, 10, 12.5, 24])
    func average(rate: Double) {
        let times = (0..<2500).map { Double($0) / 25 }
        #expect(abs(Double(inferred(rate, at: times).count) - rate * 100) <= 1)
    }

    @Test("lets every frame through where the source is as fast as the limit, in whatever time base")
    func same() {
        let times = (0..<300).map { (Double($0) / 29.97 * 1000).rounded() / 1000 }
        #expect(inferred(30, at: times).count >= 299)
    }

    @Test("does not catch up after a gap")
    func gap() {
        let times = [0, 0.1, 0.2, 10, 10.1, 10.2, 10.3, 10.4, 10.5, 11]
        #expect(inferred(2, at: times) == [0, 10, 10.5, 11])
    }

    @Test("starts anew where time goes back")
    func back() {
        #expect(inferred(1, at: [5, 5.5, 6, 0, 0.5, 1]) == [5, 6, 0, 1])
    }
}
