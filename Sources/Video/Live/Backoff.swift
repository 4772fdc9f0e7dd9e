import Locks

/// How long to wait before trying again: longer after every failure, up to a bound.
public struct Backoff: Sendable, Equatable {
    /// The longest wait after the first failure.
    public var initial: Duration
    /// The longest wait at all.
    public var maximum: Duration
    /// What a wait is longer than the one before it by.
    public var multiplier: Double
    /// The part of a wait, 0...1, that is left to chance, so that a hundred streams do not come back all at once. It only
    /// shortens waits, so that `maximum` holds.
    public var jitter: Double

    public init(
        initial: Duration = .milliseconds(500), maximum: Duration = .seconds(30), multiplier: Double = 2,
        jitter: Double = 0.2
    ) {
        precondition(initial >= .zero && maximum >= initial, "waits go from `initial` up to `maximum`")
        precondition(multiplier >= 1 && multiplier.isFinite, "waits do not get shorter")
        precondition((0...1).contains(jitter), "jitter is a part of a wait")
        self.initial = initial
        self.maximum = maximum
        self.multiplier = multiplier
        self.jitter = jitter
    }

    /// The wait after so many failures in a row, from 1.
    public func delay(afterFailures failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        var wait = initial.inSeconds
        // The bound keeps the product finite after any number of failures.
        for _ in 1..<max(2, min(failures, 1000)) where failures > 1 && wait < maximum.inSeconds { wait *= multiplier }
        wait = min(wait, maximum.inSeconds)
        return .seconds(wait * (1 - jitter * Double.random(in: 0..<1, using: &generator)))
    }
}
