import Foundation
import Glibc
import Instances
import Logging
import Synchronization

/// Writes one line a message to standard error: with a priority for the journal, with a time for people, or as JSON.
///
/// In the journal's form (sd-daemon(3)) a line begins with `<N>`, the priority of syslog, and the journal adds the time.
public struct ServiceLogHandler: LogHandler {
    /// How a line looks.
    enum Form: Sendable, Equatable {
        case journal, text, json
    }

    public var metadata = Logger.Metadata()
    public var metadataProvider: Logger.MetadataProvider?

    /// The least level that is written, which a reload may change for all loggers.
    public var logLevel: Logger.Level {
        get { threshold.level }
        set { threshold.level = newValue }
    }

    private let form: Form
    private let threshold: LogThreshold
    private let write: @Sendable (String) -> Void
    private let now: @Sendable () -> WallClock

    init(
        form: Form, threshold: LogThreshold, now: @escaping @Sendable () -> WallClock = { .now },
        write: @escaping @Sendable (String) -> Void = Self.toStandardError
    ) {
        self.form = form
        self.threshold = threshold
        self.now = now
        self.write = write
    }

    /// A logger for a configuration.
    public static func logger(_ log: ServiceConfiguration.Log) -> Logger {
        let form: Form =
            switch log.format {
            case .auto: isJournal ? .journal : .text
            case .text: .text
            case .json: .json
            }
        let threshold = LogThreshold(log.level.level)
        return Logger(label: "segmentd") { _ in ServiceLogHandler(form: form, threshold: threshold) }
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let given = event.metadata { all.merge(given) { _, new in new } }
        let fields = all.sorted { ($0.key == "stream" ? 0 : 1, $0.key) < ($1.key == "stream" ? 0 : 1, $1.key) }
        write(line(event.level, "\(event.message)", fields))
    }

    private func line(
        _ level: Logger.Level, _ message: String, _ fields: [(key: String, value: Logger.MetadataValue)]
    ) -> String {
        if form == .json {
            var json = JSONText()
            json.object { json in
                json.string("time", now().rfc3339)
                json.string("level", level.rawValue)
                json.string("message", message)
                for (key, value) in fields where !["time", "level", "message"].contains(key) {
                    json.string(key, "\(value)")
                }
            }
            return json.text + "\n"
        }
        var text = form == .journal ? "<\(level.priority)>" : "\(now().rfc3339) \(level.rawValue): "
        text += Self.inOneLine(message)
        for (key, value) in fields { text += " \(key)=\(Self.quoted("\(value)"))" }
        return text + "\n"
    }

    /// A value that a reader of `key=value` pairs takes for one.
    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty
            && value.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "\"" && $0 != "=" && $0.value != 0x7f }
        guard !isPlain else { return value }
        return "\"" + inOneLine(value).replacingOccurrences(of: "\"", with: "\\\"") + "\""
    }

    /// Text whose control characters, line ends first of all, cannot end the line or steer a terminal.
    private static func inOneLine(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f: result += "\\x" + String(scalar.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// One call a line, so that lines of several threads do not mix; a reader that has gone is nobody's fault.
    @Sendable
    private static func toStandardError(_ line: String) {
        var line = line
        line.withUTF8 { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = UnsafeBufferPointer(rebasing: rest)
                let count = Glibc.write(STDERR_FILENO, piece.baseAddress, piece.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// Whether standard error goes to the journal (systemd.exec(5), `$JOURNAL_STREAM`).
    private static var isJournal: Bool {
        guard let stream = ProcessInfo.processInfo.environment["JOURNAL_STREAM"] else { return false }
        var status = stat()
        return fstat(STDERR_FILENO, &status) == 0 && stream == "\(status.st_dev):\(status.st_ino)"
    }
}

/// The least level that is logged, shared by all loggers of the daemon.
final class LogThreshold: Sendable {
    private let value: Mutex<Logger.Level>

    init(_ level: Logger.Level) { value = Mutex(level) }

    var level: Logger.Level {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}

extension ServiceConfiguration.Log.Level {
    /// In swift-log's words.
    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}

extension Logger.Level {
    /// The priority of syslog (RFC 5424, section 6.2.1).
    fileprivate var priority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
