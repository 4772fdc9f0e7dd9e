import Configuration
import RandomNumbers
import Testing

@testable import Service

@Suite("Configurations that mean harm")
struct HostileConfigurationTests {
    @Test("aliases that multiply are refused before anything walks through them")
    func laughs() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(complaintsOfFile(text).first?.contains("has aliases that make more than 4194304 bytes of it") == true)
        // As keys they would be hashed by the parser itself.
        #expect(complaintsOfFile(text + "? *a12\n: 1\n").first?.contains("has aliases that make more than") == true)
    }

    @Test("an anchor's name that comes twice hides nothing")
    func shadowed() {
        var text = "a: &a [x, x, x, x]\n"
        for key in 0..<40 { text += "k\(key): &a [*a, *a, *a, *a]\n" }
        #expect(complaintsOfFile(text).first?.contains("defines the anchor &a twice") == true)
    }

    @Test("what looks like an anchor in a URL is none")
    func addresses() throws {
        let configuration = try configured(
            """
            defaults: &d {threshold: 0.6}
            streams:
            - {<<: *d, name: a, source: "rtsp://h/cam?channel=1&subtype=0&subtype=1"}
            - {<<: *d, name: b, source: "rtsp://i/cam?channel=1&subtype=0"}
            """)
        #expect(configuration.streams.map(\.threshold) == [0.6, 0.6])
    }

    @Test(
        "deep nesting is refused",
        arguments: [
            String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 100_000),
            String(repeating: "- ", count: 100_000), String(repeating: "? ", count: 100_000),
        ])
    func nesting(text: String) {
        #expect(complaintsOfFile(text).first?.contains("is not YAML") == true, "\(complaintsOfFile(text))")
    }

    @Test("a mapping that merges itself again and again ends")
    func merges() {
        var text = "merged:\n- &m0 {threads: 1}\n"
        for level in 1...20 { text += "- &m\(level) {<<: *m\(level - 1)}\n" }
        let found = complaintsOfFile(text + "<<: *m20\nstreams: [{name: a, source: test:shapes}]\n")
        #expect(found.contains { $0.contains("are merged into each other more than 16 times") }, "\(found)")
    }

    @Test("bytes of any kind are refused or read, and end nothing")
    func noise() {
        var generator = SplitMix64(seed: 20_261_124)
        let pieces = [
            "streams:", "- ", "name: a", "\n", "  ", "source: test:shapes", "[", "]", "{", "}", "*a", "&a ", "<<: ",
            "? ",
            ": ", "| ",
            "\"", "'", "#", "!!str ", "%YAML 1.1\n", "---\n", "\u{0}", "\u{FEFF}", "é", "${", "}", "outputs:", "json: ",
            "\t", ",",
        ]
        for _ in 0..<3000 {
            let text = (0..<Int(generator.next() % 40)).map { _ in pieces[Int(generator.next() % UInt64(pieces.count))]
            }
            _ = complaintsOfFile(text.joined())
        }
        for _ in 0..<1000 {
            let bytes = (0..<Int(generator.next() % 200)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            #expect(throws: ConfigurationError.self) { try ServiceConfiguration.read(bytes, file: "x") }
        }
    }

    @Test("a message stays one short line whatever the file holds")
    func messages() {
        let long = String(repeating: "x", count: 5000)
        for message in complaints("\"\(long)\\n\\e[31m\": 1\nthreshold: \"\(long)\"\npolicy: \"a\\nb\\ec\"") {
            #expect(message.count < 400 && !message.contains { $0.isNewline || $0 == "\u{1B}" }, "\(message)")
        }
    }
}
