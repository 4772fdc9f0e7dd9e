import Foundation
import RandomNumbers
import Testing

@testable import COCO

@Suite struct JSONReaderTests {
    private func read<Value>(_ text: String, _ body: (inout JSONReader) throws -> Value) throws -> Value {
        try Array(text.utf8).withUnsafeBytes { bytes in
            var json = JSONReader(bytes)
            let value = try body(&json)
            try json.end()
            return value
        }
    }

    @Test(arguments: [
        "0", "-0", "1", "239.97", "-17.5e-3", "1e22", "1e23", "123456789012345678", "9007199254740993", "0.1", "1E+2",
        "4.9e-324", "2.2250738585072011e-308", "1.7976931348623157e308", "0.000000000000000000000000000001",
        "12345678901234567890123", "3.14159265358979323846264338327950288",
    ])
    func `numbers are those nearest to the text`(text: String) throws {
        #expect(try read(text) { try $0.number("it") } == Double(text))
        try read(" [\(text) ]\n") { try $0.skip() }
    }

    @Test func `random numbers are those nearest to the text`() throws {
        var random = SplitMix64(seed: 4)
        for _ in 0..<20000 {
            let digits = (0..<Int.random(in: 1...22, using: &random)).map { _ in
                String(Int.random(in: 0...9, using: &random))
            }
            let text =
                "\(Int.random(in: 1...9, using: &random)).\(digits.joined())e\(Int.random(in: -40...40, using: &random))"
            #expect(try read(text) { try $0.number("it") } == Double(text), "\(text)")
        }
    }

    @Test func `numbers that are too large or none are Python's`() throws {
        #expect(try read("1e999") { try $0.number("it") } == .infinity)
        #expect(try read("-Infinity") { try $0.number("it") } == -.infinity)
        #expect(try read("NaN") { try $0.number("it") }.isNaN)
        #expect(try read("1e-999999999999999999999") { try $0.number("it") } == 0)
    }

    @Test(arguments: ["", "-", "01", "1.", ".5", "1e", "+1", "1e+", "0x10", "--1", "Nan", "Inf", "- 1", "1 2", "-NaN"])
    func `what is no number throws`(text: String) {
        #expect(throws: JSONReader.Failure.self) { try read(text) { try $0.number("it") } }
        #expect(throws: JSONReader.Failure.self) { try read(text) { try $0.skip() } }
    }

    @Test func `whole numbers have 64 bits and may be written as others`() throws {
        for (text, value) in [("2.0", 2), ("-3e2", -300), ("\(Int.max)", Int.max), ("\(Int.min)", Int.min)] {
            #expect(try read(text) { try $0.integer("it") } == value)
        }
        for text in ["1.5", "9223372036854775808", "1e19", "NaN", "Infinity", "\"1\"", "true"] {
            #expect(throws: JSONReader.Failure.self) { try read(text) { try $0.integer("it") } }
        }
    }

    @Test func `texts come with their escapes resolved`() throws {
        let text = #""a\"\\\/\b\f\n\r\té\u00e9\ud83d\ude00\ud83d!\u0000""#
        #expect(
            try read(text) { try $0.string("it") }
                == "a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{e9}\u{1f600}\u{fffd}!\u{0}")
        for text in [#"""#, #""\"#, #""\x""#, #""\u12""#, #""\u+123""#, "\"\n\"", "'a'", #""\ud83d\u1""#] {
            #expect(throws: JSONReader.Failure.self) { try read(text) { try $0.string("it") } }
        }
    }

    @Test func `a failure has its line and column`() throws {
        let text = "{\"a\": 1,\n \"b\": [1, 2,, 3]}"
        try Array(text.utf8).withUnsafeBytes { bytes in
            var json = JSONReader(bytes)
            do {
                try json.skip()
                Issue.record("two commas are not JSON")
            } catch let failure as JSONReader.Failure {
                let place = json.place(of: failure.offset)
                #expect(place.line == 2 && place.column == 13)
            }
        }
    }

    @Test(arguments: [
        "{", "[", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{1:2}", "]", "[}",
        "{]",
        "tru", "nul", "falsy", "[1]]", "{\"a\" 1}", "[1 2]", "\u{1}",
    ])
    func `what is not JSON throws when it is passed over`(text: String) {
        #expect(throws: JSONReader.Failure.self) { try read(text) { try $0.skip() } }
    }

    @Test func `nesting of any depth is passed over`() throws {
        let depth = 2_000_000
        let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        try read(text) { try $0.skip() }
        #expect(throws: JSONReader.Failure.self) {
            try read(String(repeating: "{\"a\":[", count: depth)) { try $0.skip() }
        }
    }
}
