import Glibc
import Instances

/// The names of a stream's recorded files: `door-2026-11-24T12-00-00Z.mp4`, with `-2` and so on behind the time where there was such
/// a file, and `.part` behind it all while it is written.
struct SegmentName: Equatable {
    static let suffix = ".mp4"
    static let partSuffix = ".part"

    /// The stream's, with what a file's name must not have replaced.
    let stream: String
    /// When the file's first picture was taken, whole seconds.
    let start: WallClock
    /// From 1.
    let number: Int

    init(stream: String, start: WallClock, number: Int = 1) {
        self.stream = Self.safe(stream)
        self.start = start
        self.number = number
    }

    /// Reads a name, without `.part`; nil where it is not this stream's.
    init?(_ name: String, stream: String) {
        let stream = Self.safe(stream)
        guard name.hasPrefix(stream + "-"), name.hasSuffix(Self.suffix) else { return nil }
        let middle = name.dropFirst(stream.count + 1).dropLast(Self.suffix.count)
        guard let start = Self.time(String(middle.prefix(Self.timeLength))) else { return nil }
        let rest = middle.dropFirst(Self.timeLength)
        var number = 1
        if !rest.isEmpty {
            guard rest.first == "-", let parsed = Int(rest.dropFirst()), parsed > 1, "-\(parsed)" == rest else {
                return nil
            }
            number = parsed
        }
        self.init(stream: stream, start: start, number: number)
    }

    var text: String { "\(stream)-\(start.fileName)\(number > 1 ? "-\(number)" : "")\(Self.suffix)" }

    private static let timeLength = "2026-11-24T12-00-00Z".count

    /// The time whose `fileName` a text is, and no other text.
    private static func time(_ text: String) -> WallClock? {
        let fields = text.split(whereSeparator: { !("0"..."9").contains($0) }).map { Int32($0) }
        guard fields.count == 6, case let parts = fields.compactMap({ $0 }), parts.count == 6 else { return nil }
        var time = tm()
        (time.tm_year, time.tm_mon, time.tm_mday) = (parts[0] - 1900, parts[1] - 1, parts[2])
        (time.tm_hour, time.tm_min, time.tm_sec) = (parts[3], parts[4], parts[5])
        let clock = WallClock(seconds: Double(timegm(&time)))
        return clock.fileName == text ? clock : nil
    }

    /// A stream's name is the user's, and may have anything in it.
    private static func safe(_ stream: String) -> String {
        let name = String(stream.prefix(150).map { $0 == "/" || $0 == "\0" ? "_" : $0 })
        return name.hasPrefix(".") ? "_" + name.dropFirst() : name
    }
}
