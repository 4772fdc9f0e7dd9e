import Foundation
import Instances
import Logging
import Synchronization
import Testing

@testable import Service

@Suite("The log")
struct LoggingTests {
    private final class Lines: Sendable {
        let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
    }

    private func logger(_ form: ServiceLogHandler.Form, level: Logger.Level = .debug) -> (Logger, Lines) {
        let lines = Lines()
        let handler = ServiceLogHandler(
            form: form, threshold: LogThreshold(level), now: { WallClock(seconds: 0) },
            write: { line in lines.lines.withLock { $0.append(line) } })
        return (Logger(label: "test") { _ in handler }, lines)
    }

    @Test("gives the journal a priority, and values that need it quotes")
    func journal() {
        var (logger, lines) = logger(.journal)
        logger[metadataKey: "stream"] = "door"
        logger.error("source lost", metadata: ["reason": "no route \"x\"", "retry": "1s"])
        logger.info("well")
        #expect(
            lines.all == [
                "<3>source lost stream=door reason=\"no route \\\"x\\\"\" retry=1s\n", "<6>well stream=door\n",
            ])
    }

    @Test("keeps a message in one line, whatever is in it")
    func oneLine() {
        let (logger, lines) = logger(.text)
        logger.warning("a\nb\u{1b}[31m", metadata: ["k": "c\r\nd"])
        #expect(lines.all == ["1970-01-01T00:00:00.000Z warning: a\\nb\\x1b[31m k=\"c\\r\\nd\"\n"])
    }

    @Test("writes JSON that has the message and all metadata")
    func json() throws {
        let (logger, lines) = logger(.json)
        logger.notice("it is \"so\"", metadata: ["stream": "s"])
        let line = try #require(lines.all.first)
        let read = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
        #expect(
            read == [
                "time": "1970-01-01T00:00:00.000Z", "level": "notice", "message": "it is \"so\"", "stream": "s",
            ])
    }

    @Test("leaves out what is below its level")
    func level() {
        let (logger, lines) = logger(.text, level: .warning)
        logger.info("no")
        logger.warning("yes")
        #expect(lines.all.count == 1)
    }

    @Test("writes a repeating fault at once and then seldom, with how often it came")
    func limiter() {
        let (logger, lines) = logger(.journal)
        let limiter = LogLimiter(interval: .seconds(60))
        let start = ContinuousClock.now
        for second in 0..<130 {
            limiter.log(logger, .error, key: "a", "gone", at: start + .seconds(second))
        }
        #expect(
            lines.all == [
                "<3>gone\n", "<3>gone (and 59 more like it)\n", "<3>gone (and 59 more like it)\n",
            ])
        limiter.log(logger, .error, key: "b", "other", at: start + .seconds(130))
        limiter.clear(key: "a")
        limiter.log(logger, .error, key: "a", "gone", at: start + .seconds(131))
        #expect(lines.all.suffix(2) == ["<3>other\n", "<3>gone\n"])
    }

    @Test("forgets the oldest fault where there are too many kinds")
    func capacity() {
        let (logger, lines) = logger(.journal)
        let limiter = LogLimiter(interval: .seconds(60), capacity: 2)
        let start = ContinuousClock.now
        for (index, key) in ["a", "b", "c", "a"].enumerated() {
            limiter.log(logger, .error, key: key, "\(key)", at: start + .seconds(index))
        }
        #expect(lines.all.count == 4)
    }
}
