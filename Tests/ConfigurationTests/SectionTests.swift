import Testing

@testable import Configuration

@Suite("Values of a mapping")
struct SectionTests {
    private enum Key: String, ConfigurationKey {
        case count, part, counts, parts, folder, inner
        static let section = "things"
    }

    /// What `read` makes of a text, and the messages about it.
    private func read<Value>(
        _ text: String, _ read: (Section<Key>) -> Value?
    ) throws -> (value: Value?, complaints: [String]) {
        let root = try #require(try YAMLDocument.root(of: Array(text.utf8), file: "f"))
        let reader = ConfigurationReader(file: "f", folder: "/nowhere", environment: ["N": "7"])
        let value = read(Section<Key>(root, reader: reader))
        return (value, reader.issues.map(\.description))
    }

    @Test("lists hold numbers, and variables that are some")
    func lists() throws {
        let whole = try read("counts: [1, '${N}', 3]") { $0.integers(.counts, 1...9, count: 1...3, example: "[1]") }
        #expect(whole.value == [1, 7, 3] && whole.complaints.isEmpty)
        let decimal = try read("parts: [0.5, 1e-1]") { $0.numbers(.parts, 0...1, count: 2...2, example: "[0, 1]") }
        #expect(decimal.value == [0.5, 0.1] && decimal.complaints.isEmpty)
        let none = try read("count: 1") { $0.integers(.counts, 1...9, count: 1...3, example: "[1]") }
        #expect(none.value == nil && none.complaints.isEmpty)
    }

    @Test("every element of a list that is wrong is told, and their number")
    func wrongLists() throws {
        let found = try read("counts: [0, 2, x, '3', [4]]") {
            $0.integers(.counts, 1...9, count: 1...3, example: "[1, 2]")
        }
        #expect(found.value == nil)
        #expect(
            found.complaints == [
                "f:1:10: counts holds '0'; each must be a whole number from 1 to 9",
                "f:1:16: counts holds 'x'; each must be a whole number from 1 to 9",
                "f:1:19: counts is text; leave the quotes out",
                "f:1:24: counts must be one value, and is a list",
                "f:1:9: counts needs 1 to 3 elements, such as [1, 2], and has 5",
            ], "\(found.complaints)")
        let short = try read("parts: [0]") { $0.numbers(.parts, 0...1, count: 2...2, example: "[0, 1]") }
        #expect(short.complaints == ["f:1:8: parts needs 2 elements, such as [0, 1], and has 1"])
    }

    @Test("a folder is to be there, and a folder")
    func folders() throws {
        #expect(try read("folder: /usr") { $0.existingFolder(.folder) }.value == "/usr")
        let missing = try read("folder: no") { $0.existingFolder(.folder) }
        #expect(missing.value == nil && missing.complaints == ["f:1:9: folder: /nowhere/no: there is no such folder"])
        let file = try read("folder: /etc/passwd") { $0.existingFolder(.folder) }
        #expect(file.value == nil && file.complaints == ["f:1:9: folder: /etc/passwd: is a file; name a folder"])
    }

    @Test("a mapping is told from a value and from nothing")
    func mappings() throws {
        #expect(try read("inner: {count: 1}") { $0.isMapping(.inner) }.value == true)
        #expect(try read("inner: 1") { $0.isMapping(.inner) }.value == false)
        #expect(try read("inner:") { $0.isMapping(.inner) }.value == false)
    }
}
