import Testing

@testable import Configuration

@Suite("Quantities and suggestions")
struct QuantityTests {
    @Test(
        "durations have units",
        arguments: [
            ("500ms", .milliseconds(500)), ("10s", .seconds(10)), ("1.5s", .milliseconds(1500)), ("5m", .seconds(300)),
            ("2min", .seconds(120)), ("1h", .seconds(3600)), ("7d", .seconds(604_800)), ("1h30m", .seconds(5400)),
            ("10 s", .seconds(10)), ("0s", .zero), ("10", nil), ("s", nil), ("-1s", nil), ("1y", nil), ("1e3s", nil),
            ("", nil), ("1.2.3s", nil), ("99999999999999999999d", nil),
        ] as [(String, Duration?)])
    func durations(text: String, expected: Duration?) { #expect(Quantity.duration(text) == expected) }

    @Test(
        "sizes have units of powers of 1000 and of 1024",
        arguments: [
            ("100MB", 100_000_000), ("1MiB", 1 << 20), ("10GB", 10_000_000_000), ("1.5kB", 1500), ("512B", 512),
            ("2TiB", 2 << 40), ("1 GB", 1_000_000_000), ("100", nil), ("MB", nil), ("-1MB", nil), ("1PB", nil),
            ("9999999999999999TB", nil),
        ] as [(String, Int?)])
    func sizes(text: String, expected: Int?) { #expect(Quantity.size(text) == expected) }

    @Test("quantities are shown as they could be written")
    func texts() {
        for text in ["500ms", "10s", "5m", "1h", "7d", "90s", "0s"] {
            #expect(Quantity.duration(text).map(Quantity.text) == text)
        }
        for text in ["100MB", "1MiB", "10GB", "512B", "1500B"] {
            #expect(Quantity.size(text).map { Quantity.text(bytes: $0) } == text)
        }
    }

    @Test("the nearest word is suggested, and none where all are far")
    func suggestions() {
        let known = ["threshold", "tracker", "lines", "zones"]
        #expect(Suggestion.nearest(to: "treshold", among: known) == "threshold")
        #expect(Suggestion.nearest(to: "trakcer", among: known) == "tracker")
        #expect(Suggestion.nearest(to: "Zones", among: known) == "zones")
        #expect(Suggestion.nearest(to: "colour", among: known) == nil)
        #expect(Suggestion.distance(Array("kitten"), Array("sitting")) == 3)
        #expect(Suggestion.distance(Array("ab"), Array("ba")) == 1)
        #expect(Suggestion.distance([], Array("abc")) == 3)
    }
}
