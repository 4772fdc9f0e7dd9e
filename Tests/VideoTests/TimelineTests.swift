import Locks
import RandomNumbers
import Testing

@testable import Video

@Suite("Times of a source over its connections")
struct TimelineTests {
    private let base = Rational(1, 90_000)

    private func place(
        _ timeline: inout Timeline, _ value: Int64, base: Rational? = nil, duration: Int64 = 3600, at seconds: Double,
        _ step: Timeline.Step = .next
    ) -> Int64 {
        timeline.place(
            Timestamp(value: value, timeBase: base ?? self.base), duration: duration, at: .seconds(seconds), step: step
        ).timestamp.value
    }

    @Test("the first connection's times pass untouched, negative and irregular ones included")
    func untouched() {
        var timeline = Timeline(isLive: true)
        for value: Int64 in [-7200, -3600, 0, 3600, 3601, 800_000, 1_600_000] {
            #expect(place(&timeline, value, at: 1) == value)
        }
    }

    @Test("after a reconnection times go on by what the clock says, and then by the source's own steps")
    func reconnected() {
        var timeline = Timeline(isLive: true)
        #expect(place(&timeline, 900_000, at: 100) == 900_000)
        #expect(place(&timeline, 5000, at: 103.5, .reconnected) == 900_000 + 315_000)
        #expect(place(&timeline, 8600, at: 200) == 900_000 + 315_000 + 3600)
    }

    @Test("a loop goes on by one frame")
    func looped() {
        var timeline = Timeline(isLive: false)
        #expect(place(&timeline, 0, at: 0) == 0)
        #expect(place(&timeline, 3600, at: 0) == 3600)
        #expect(place(&timeline, 0, at: 50, .looped) == 7200)
        #expect(place(&timeline, 3600, at: 50) == 10_800)
    }

    @Test("a loop without durations goes on by the distance of the last two frames")
    func loopedWithoutDurations() {
        var timeline = Timeline(isLive: false)
        #expect(place(&timeline, 0, duration: 0, at: 0) == 0)
        #expect(place(&timeline, 3000, duration: 0, at: 0) == 3000)
        #expect(place(&timeline, 0, duration: 0, at: 0, .looped) == 6000)
        #expect(place(&timeline, 3000, duration: 0, at: 0) == 9000)
    }

    @Test("a leap back, or more than ten seconds ahead, is bridged by the clock")
    func leaps() {
        var timeline = Timeline(isLive: true)
        #expect(place(&timeline, 9_000_000, at: 0) == 9_000_000)
        #expect(place(&timeline, 0, at: 0.5) == 9_045_000)
        #expect(place(&timeline, 3600, at: 0.6) == 9_048_600)
        #expect(place(&timeline, 9_000_000, at: 1.6) == 9_138_600)
        #expect(place(&timeline, 9_003_600, at: 1.7) == 9_142_200)
    }

    @Test("a file may leap ahead as far as it says")
    func fileLeaps() {
        var timeline = Timeline(isLive: false)
        #expect(place(&timeline, 0, at: 0) == 0)
        #expect(place(&timeline, 9_000_000, at: 0) == 9_000_000)
    }

    @Test("frames that only lost their order do not shift those after them")
    func disorder() {
        var timeline = Timeline(isLive: true)
        #expect(place(&timeline, 10_000, at: 0) == 10_000)
        #expect(place(&timeline, 10_000, at: 0) == 10_001)
        #expect(place(&timeline, 8000, at: 0) == 10_002)
        #expect(place(&timeline, 13_600, at: 0) == 13_600)
    }

    @Test("another time base is converted to the first one's")
    func timeBase() {
        var timeline = Timeline(isLive: true)
        #expect(place(&timeline, 90_000, at: 0) == 90_000)
        let next = timeline.place(
            Timestamp(value: 1040, timeBase: Rational(1, 1000)), duration: 40, at: .zero, step: .next)
        #expect(next == .init(timestamp: Timestamp(value: 93_600, timeBase: base), duration: 3600))
    }

    @Test("times strictly increase whatever a source sends", arguments: 0..<20)
    func hostile(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var timeline = Timeline(isLive: seed % 2 == 0)
        let extremes: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max, 1 << 61, -(1 << 61), 1 << 62]
        let bases = [
            Rational(1, .max), Rational(.max, 1), Rational(1, 90_000), Rational(0, 0), Rational(-1, 5),
            Rational(.min, .min),
        ]
        var last: Int64?
        var moment = 0.0
        for _ in 0..<500 {
            let value =
                Bool.random(using: &generator)
                ? extremes.randomElement(using: &generator)!
                : Int64.random(in: -1_000_000...1_000_000, using: &generator)
            moment += Double.random(in: 0...5, using: &generator)
            let step: Timeline.Step = [.next, .next, .reconnected, .looped].randomElement(using: &generator)!
            let place = timeline.place(
                Timestamp(value: value, timeBase: bases.randomElement(using: &generator)!),
                duration: extremes.randomElement(using: &generator)!, at: .seconds(moment), step: step)
            #expect(place.timestamp.timeBase.isPositive)
            #expect(last.map { $0 < place.timestamp.value } ?? true)
            last = place.timestamp.value
        }
    }
}

@Suite("Waits between attempts")
struct BackoffTests {
    @Test("waits double up to the bound and stay there")
    func doubles() {
        var generator = SplitMix64(seed: 1)
        let backoff = Backoff(initial: .milliseconds(500), maximum: .seconds(30), multiplier: 2, jitter: 0)
        let waits = (1...8).map { backoff.delay(afterFailures: $0, using: &generator) }
        #expect(waits == [0.5, 1, 2, 4, 8, 16, 30, 30].map { .seconds($0) })
        #expect(backoff.delay(afterFailures: .max, using: &generator) == .seconds(30))
    }

    @Test("jitter shortens waits by up to its part, evenly, and the same for the same seed")
    func jitter() {
        let backoff = Backoff(initial: .seconds(10), maximum: .seconds(10), jitter: 0.2)
        func waits() -> [Double] {
            var generator = SplitMix64(seed: 3)
            return (0..<1000).map { _ in backoff.delay(afterFailures: 5, using: &generator).inSeconds }
        }
        let found = waits()
        #expect(found == waits())
        #expect(found.allSatisfy { $0 > 8 && $0 <= 10 })
        // The mean of a thousand even draws from 8...10 has a standard deviation of 0.018.
        #expect(abs(found.reduce(0, +) / 1000 - 9) < 0.1)
    }
}

@Suite("The pace of a source")
struct PacerTests {
    private let start = ContinuousClock.now

    @Test("frames are due by their own times, however fast they come")
    func due() {
        var pacer = Pacer()
        #expect(pacer.moment(for: 100, now: start) == start)
        #expect(pacer.moment(for: 100.5, now: start) == start + .seconds(0.5))
        #expect(pacer.moment(for: 102, now: start + .seconds(0.5)) == start + .seconds(2))
    }

    @Test("who is a little late catches up, who is very late goes on from there")
    func late() {
        var pacer = Pacer()
        _ = pacer.moment(for: 0, now: start)
        #expect(pacer.moment(for: 1, now: start + .seconds(1.5)) == start + .seconds(1.5))
        #expect(pacer.moment(for: 2, now: start + .seconds(1.5)) == start + .seconds(2))
        #expect(pacer.moment(for: 3, now: start + .seconds(60)) == start + .seconds(60))
        #expect(pacer.moment(for: 4, now: start + .seconds(60)) == start + .seconds(61))
    }

    @Test("no time in a file makes anybody wait for more than ten seconds", arguments: [1e9, 1e300, .infinity])
    func bounded(_ seconds: Double) {
        var pacer = Pacer()
        _ = pacer.moment(for: 0, now: start)
        #expect(pacer.moment(for: seconds, now: start) == start + .seconds(10))
    }
}
