import Glibc

/// The wall clock's time in UTC, as records and file names carry it.
public struct WallClock: Sendable, Equatable, Comparable {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    public var seconds: Double

    public init(seconds: Double) { self.seconds = seconds }

    /// The time now.
    public static var now: WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallClock(seconds: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
    }

    public static func < (left: WallClock, right: WallClock) -> Bool { left.seconds < right.seconds }

    /// As `2026-11-24T12:00:00.123Z` (RFC 3339, section 5.6).
    public var rfc3339: String {
        let whole = seconds.rounded(.down)
        // Rounding up could reach the next second.
        let milliseconds = min(999, Int((seconds - whole) * 1000))
        return fields("%04d-%02d-%02dT%02d:%02d:%02d", of: whole) + "." + String(1000 + milliseconds).dropFirst() + "Z"
    }

    /// As `2026-11-24T12-00-00Z`, which every file system takes.
    public var fileName: String { fields("%04d-%02d-%02dT%02d-%02d-%02dZ", of: seconds.rounded(.down)) }

    private func fields(_ format: String, of whole: Double) -> String {
        var time = time_t(whole)
        var parts = tm()
        gmtime_r(&time, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let arguments: [any CVarArg] = [
            parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
        ]
        let length = withVaList(arguments) { vsnprintf(&buffer, buffer.count, format, $0) }
        return String(decoding: buffer.prefix(max(0, Int(length))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
