import Testing

@testable import Instances

@Suite struct MediaClockTests {
    private func seconds(_ times: [Double]) -> [Double] {
        var clock = MediaClock()
        return times.map {
            clock.advance(to: $0)
            return clock.seconds
        }
    }

    @Test func `seconds count from the first frame, without rounding`() {
        #expect(seconds([100, 100.5, 102]) == [0, 0.5, 2])
        #expect(seconds((0...1000).map { Double($0) / 10 }).last == 100)
    }

    @Test func `a time that goes back or stands still counts as a frame`() {
        #expect(seconds([10, 10.25, 3, 3.5, 3.5]) == [0, 0.25, 0.5, 1, 1.5])
    }

    @Test func `a gap counts, and is no frame rate`() {
        #expect(seconds([0, 3600, 0]) == [0, 3600, 3601])
    }

    @Test func `times that are none count as frames, and the clock never goes back`() {
        let times = [.nan, 5, 5.25, .infinity, 5.5, -.infinity, .nan, 1e300, 1, .greatestFiniteMagnitude, -1e308]
        let counted = seconds(times)
        #expect(counted[3] == counted[2] + 0.25)
        #expect(zip(counted, counted.dropFirst()).allSatisfy { $0 < $1 && $1 <= $0 + 1 })
    }
}
