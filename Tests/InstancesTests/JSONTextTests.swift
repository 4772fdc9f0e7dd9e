import Foundation
import Instances
import Testing

@Suite struct JSONTextTests {
    private func number(_ value: Double, decimals: Int) -> String {
        var json = JSONText()
        json.number(nil, value, decimals: decimals)
        return json.text
    }

    @Test(arguments: [
        (0, 3, "0"), (-0.0, 3, "0"), (1, 6, "1"), (1.5, 3, "1.5"), (-1.25, 3, "-1.25"), (0.0625, 3, "0.063"),
        (2.0004, 3, "2"), (-0.0004, 3, "0"), (0.05, 2, "0.05"), (-0.5, 0, "-1"), (99.9996, 3, "100"),
        (1234567.891, 3, "1234567.891"), (0.000001, 6, "0.000001"),
    ])
    func `numbers are rounded and bare of trailing zeros`(value: Double, decimals: Int, text: String) {
        #expect(number(value, decimals: decimals) == text)
    }

    @Test func `what is not a finite number is null`() {
        for value in [Double.nan, .infinity, -.infinity] { #expect(number(value, decimals: 3) == "null") }
    }

    @Test func `very great numbers and very many decimals are still numbers`() throws {
        for value in [1e12, -1e15, 1e300, .greatestFiniteMagnitude, 8.99e11] {
            for decimals in [0, 3, 6, 12, 40] {
                #expect(try #require(Double(number(value, decimals: decimals))) == value)
            }
        }
    }

    @Test func `strings come back as they were`() throws {
        let all = String(String.UnicodeScalarView((0..<0x250).compactMap(Unicode.Scalar.init))) + "\u{2028}漢字🦊 e\u{301}"
        var json = JSONText()
        json.object { json in
            json.string("plain", "door")
            json.string("all \"\\\n", all)
            json.string("empty", "")
        }
        let read = try JSONSerialization.jsonObject(with: Data(json.text.utf8)) as? [String: String]
        #expect(read?["plain"] == "door")
        #expect(read?["all \"\\\n"] == all)
        #expect(read?["empty"] == "")
        #expect(!json.text.contains("\n"))
    }

    @Test func `objects and arrays nest with commas where they belong`() {
        var json = JSONText()
        json.object { json in
            json.array("empty") { _ in }
            json.object("none") { _ in }
            json.array("mixed") { json in
                json.integer(nil, -3)
                json.object { json in json.bool("yes", true) }
                json.array { json in json.bool(nil, false) }
                json.string(nil, "a")
            }
            json.integer("last", 7)
        }
        #expect(json.text == #"{"empty":[],"none":{},"mixed":[-3,{"yes":true},[false],"a"],"last":7}"#)
    }
}
