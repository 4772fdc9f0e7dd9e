import Testing

@testable import Instances

@Suite struct WallClockTests {
    @Test("A time is written as RFC 3339 writes it, with milliseconds")
    func rfc3339() {
        #expect(WallClock(seconds: 0).rfc3339 == "1970-01-01T00:00:00.000Z")
        #expect(WallClock(seconds: 1_795_521_600.1239).rfc3339 == "2026-11-24T12:00:00.123Z")
        #expect(WallClock(seconds: 1_795_521_600.9999).rfc3339 == "2026-11-24T12:00:00.999Z")
    }

    @Test("A file's name has no character that a file system refuses")
    func fileName() {
        #expect(WallClock(seconds: 1_795_521_600).fileName == "2026-11-24T12-00-00Z")
    }
}
