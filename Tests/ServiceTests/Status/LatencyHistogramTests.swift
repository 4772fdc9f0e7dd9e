import Testing

@testable import Service

@Suite("A histogram of latencies")
struct LatencyHistogramTests {
    @Test("counts a duration in the class that ends at it or above")
    func classes() {
        var histogram = LatencyHistogram()
        histogram.observe(0.001)
        histogram.observe(0.0011)
        histogram.observe(61)
        #expect(histogram.counts[0] == 1)
        #expect(histogram.counts[1] == 1)
        #expect(histogram.counts.last == 1)
        #expect(histogram.count == 3)
        #expect(histogram.maximum == 61)
        #expect(abs(histogram.sum - 61.0021) < 1e-12)
    }

    @Test("takes what is no duration as none")
    func oddities() {
        var histogram = LatencyHistogram()
        for seconds in [-1, Double.nan, .infinity, -.infinity] { histogram.observe(seconds) }
        #expect(histogram.counts[0] == 4)
        #expect(histogram.sum == 0)
        #expect(histogram.quantile(0.5) == 0)
    }

    @Test("estimates a quantile within the class that it lies in, and never above the greatest")
    func quantiles() throws {
        var histogram = LatencyHistogram()
        #expect(histogram.quantile(0.5) == nil)
        for number in 1...1000 { histogram.observe(Double(number) / 1000) }
        // Even durations: the estimate is exact but for the rounding at the classes' edges, one part in a thousand.
        for part in [0.05, 0.5, 0.95, 0.99] {
            #expect(abs(try #require(histogram.quantile(part)) - part) <= 0.0015, "\(part)")
        }
        #expect(histogram.quantile(1) == 1)
        var single = LatencyHistogram()
        single.observe(0.032)
        #expect(try #require(single.quantile(0.95)) <= 0.032)
    }
}
