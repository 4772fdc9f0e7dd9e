import Testing

@testable import Checkpoints

@Suite("Zip archives")
struct ZipArchiveTests {
    static func entries(_ bytes: [UInt8]) throws -> [String: [UInt8]] {
        try bytes.withUnsafeBytes { bytes in
            try ZipArchive(bytes).entries.mapValues { Array(bytes[$0]) }
        }
    }

    static func failure(_ bytes: [UInt8]) -> String {
        do {
            _ = try entries(bytes)
            return "no error"
        } catch {
            return (error as? ZipArchive.Failure)?.what ?? "\(error)"
        }
    }

    static let two = [ZipEntry(name: "a", bytes: [1, 2, 3]), ZipEntry(name: "b/c", bytes: [])]

    @Test("give the bytes of their entries, with a comment or without", arguments: ["", "a comment", "PK\u{5}\u{6}"])
    func stored(comment: String) throws {
        #expect(try Self.entries(zip(Self.two, comment: comment)) == ["a": [1, 2, 3], "b/c": []])
    }

    @Test("compressed, encrypted and repeated entries are refused")
    func features() {
        #expect(Self.failure(zip([ZipEntry(name: "a", bytes: [1], method: 8)])).contains("compressed (method 8)"))
        #expect(Self.failure(zip([ZipEntry(name: "a", bytes: [1], flags: 1)])).contains("encrypted"))
        #expect(Self.failure(zip([Self.two[0], Self.two[0]])).contains("stands twice"))
    }

    @Test("entries that claim what is not theirs are refused")
    func claims() {
        #expect(Self.failure(zip([ZipEntry(name: "a", bytes: [1], claimedSize: 9999)])).contains("outside"))
        #expect(Self.failure(zip([ZipEntry(name: "a", bytes: [1], claimedOffset: 9999)])).contains("outside"))
        #expect(Self.failure(zip([ZipEntry(name: "a", bytes: [1], claimedOffset: 1)])).contains("disagree"))
        #expect(Self.failure(zip([ZipEntry(name: "a", bytes: [1], localName: "b")])).contains("disagree"))
        #expect(Self.failure(zip([ZipEntry(name: "a", bytes: [1], claimedSize: .max)])).contains("zip64"))
        let overlapping = [ZipEntry(name: "a", bytes: [1, 2], claimedSize: 20), ZipEntry(name: "b", bytes: [3, 4])]
        #expect(Self.failure(zip(overlapping)).contains("share bytes"))
        #expect(Self.failure(zip(Self.two, claimedCount: 3)).contains("damaged"))
    }

    @Test("a file that was cut off anywhere is refused")
    func truncated() {
        let whole = zip(Self.two)
        for length in 0..<whole.count {
            #expect(Self.failure(Array(whole.prefix(length))) != "no error", "cut to \(length) bytes")
        }
    }

    @Test("zip64 sizes and end records are read")
    func zip64() throws {
        // One entry whose sizes and offset stand in the extra field, as writers do beyond 4 GB.
        let content: [UInt8] = [7, 8, 9]
        let all = little(UInt32.max)
        var file = little(UInt32(0x0403_4b50)) + little(UInt16(45)) + [UInt8](repeating: 0, count: 12)
        file += all + all + little(UInt16(1)) + little(UInt16(20)) + [0x61]
        file += little(UInt16(1)) + little(UInt16(16)) + little(UInt64(3)) + little(UInt64(3)) + content
        let start = file.count
        var directory = little(UInt32(0x0201_4b50)) + little(UInt32(45)) + [UInt8](repeating: 0, count: 12)
        directory += all + all + little(UInt16(1)) + little(UInt16(28)) + [UInt8](repeating: 0, count: 10) + all
        directory += [0x61] + little(UInt16(1)) + little(UInt16(24))
        directory += little(UInt64(3)) + little(UInt64(3)) + little(UInt64(0))
        let end = start + directory.count
        file += directory + little(UInt32(0x0606_4b50)) + little(UInt64(44)) + little(UInt32(45)) + little(UInt64(0))
        file += little(UInt64(1)) + little(UInt64(1)) + little(UInt64(directory.count)) + little(UInt64(start))
        file += little(UInt32(0x0706_4b50)) + little(UInt32(0)) + little(UInt64(end)) + little(UInt32(1))
        file += little(UInt32(0x0605_4b50)) + little(UInt32(0)) + little(UInt16.max) + little(UInt16.max)
        file += all + all + little(UInt16(0))
        #expect(try Self.entries(file) == ["a": content])
    }

    @Test("a zip archive that torch.save did not write is named as such")
    func foreign() {
        let text = message { _ = try Checkpoint.open(bytes: zip(Self.two)) }
        #expect(text.contains("without one data.pkl"))
    }
}
