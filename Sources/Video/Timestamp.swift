import CFFmpeg

/// A fraction, such as a time base (seconds a tick) or a frame rate (frames a second).
public struct Rational: Sendable, Equatable, CustomStringConvertible {
    public var numerator: Int32
    public var denominator: Int32

    public init(_ numerator: Int32, _ denominator: Int32) {
        self.numerator = numerator
        self.denominator = denominator
    }

    /// The quotient; 0 where the denominator is.
    public var value: Double { denominator == 0 ? 0 : Double(numerator) / Double(denominator) }

    public var description: String { "\(numerator)/\(denominator)" }

    init(_ rational: AVRational) { self.init(rational.num, rational.den) }

    var native: AVRational { AVRational(num: numerator, den: denominator) }
    /// Whether both parts say something.
    var isPositive: Bool { numerator > 0 && denominator > 0 }
    var inverse: Rational { Rational(denominator, numerator) }
}

/// A media time: ticks of a stream's own clock, as its container wrote them.
public struct Timestamp: Sendable, Equatable {
    /// Ticks.
    public var value: Int64
    /// Seconds a tick.
    public var timeBase: Rational
    /// The same time in seconds.
    public var seconds: Double { Double(value) * timeBase.value }

    public init(value: Int64, timeBase: Rational) {
        self.value = value
        self.timeBase = timeBase
    }
}
