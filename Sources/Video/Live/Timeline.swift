import CFFmpeg
import Locks

/// Keeps presentation times strictly increasing, whatever happens to a source's own.
///
/// The first connection's times pass untouched. After a gap of any kind they go on from the last one by the time that has
/// passed on the clock, and are the source's own from there on but for that offset.
struct Timeline {
    /// How a frame follows the one before it.
    enum Step {
        /// From the same connection.
        case next
        /// The first after a connection was lost.
        case reconnected
        /// The first after a file began anew.
        case looped
    }

    /// A frame's time in the time base of the very first.
    struct Place: Equatable {
        var timestamp: Timestamp
        var duration: Int64
    }

    /// Whether a leap ahead is a source's fault; in a file it may be meant.
    let isLive: Bool

    private var timeBase: Rational?
    /// What is added to the source's own times, in ticks of `timeBase`.
    private var offset: Int64 = 0
    /// The last frame: its time, the ticks up to the next one as far as known, and when it came.
    private var last: (value: Int64, interval: Int64, moment: Duration)?

    /// Seconds ahead beyond which a live source's clock was set.
    private static let leap = 10.0
    /// Seconds back up to which frames have merely lost their order, and the offset holds.
    private static let disorder = 0.5
    /// Seconds from one frame to the next where nothing tells.
    private static let defaultInterval = 0.04
    /// Times beyond this leave no room for later ones.
    private static let limit = Int64(1) << 61

    init(isLive: Bool) { self.isLive = isLive }

    /// Places the next frame.
    ///
    /// - Parameters:
    ///   - timestamp: The source's own.
    ///   - duration: In ticks of the source's time base; 0 where unknown.
    ///   - moment: A monotonic clock's time.
    ///   - step: How the frame follows the last.
    mutating func place(_ timestamp: Timestamp, duration: Int64, at moment: Duration, step: Step) -> Place {
        let sourceBase = timestamp.timeBase.isPositive ? timestamp.timeBase : Rational(1, 1_000_000)
        let base = timeBase ?? sourceBase
        timeBase = base
        let length = duration > 0 ? Self.rescale(duration, sourceBase, base) ?? 0 : 0
        let source = Self.rescale(timestamp.value, sourceBase, base)
        guard let last else { return take(source ?? 0, duration: length, interval: 0, at: moment, base) }
        let own = source.map { $0 + offset }.flatMap { abs($0) <= Self.limit ? $0 : nil }
        if step == .next, let own, continues(own, after: last.value, base) {
            let value = max(own, last.value + 1)
            return take(value, duration: length, interval: value - last.value, at: moment, base)
        }
        let seconds =
            switch step {
            case .looped where last.interval > 0: min(Double(last.interval) * base.value, Self.leap)
            case .looped: Self.defaultInterval
            case .next, .reconnected: max(0, (moment - last.moment).inSeconds)
            }
        let gap = Int64((seconds / base.value).rounded())
        let value = last.value + max(1, gap)
        offset = value - (source ?? 0)
        return take(value, duration: length, interval: last.interval, at: moment, base)
    }

    private mutating func take(
        _ value: Int64, duration: Int64, interval: Int64, at moment: Duration, _ base: Rational
    ) -> Place {
        last = (value, duration > 0 ? duration : interval, moment)
        return Place(timestamp: Timestamp(value: value, timeBase: base), duration: duration)
    }

    private func continues(_ value: Int64, after last: Int64, _ base: Rational) -> Bool {
        let seconds = Double(value - last) * base.value
        return seconds > -Self.disorder && !(isLive && seconds > Self.leap)
    }

    /// To the nearest tick, without overflow on the way; nil where the result leaves no room for later times.
    private static func rescale(_ value: Int64, _ from: Rational, _ to: Rational) -> Int64? {
        guard from != to else { return value.magnitude <= UInt64(limit) ? value : nil }
        let result = av_rescale_q_rnd(value, from.native, to.native, AV_ROUND_NEAR_INF)
        return result.magnitude <= UInt64(limit) ? result : nil
    }
}
