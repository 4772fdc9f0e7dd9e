import Files
import Testing

@testable import Checkpoints

@Suite("Files of .safetensors")
struct SafetensorsTests {
    static func file(_ header: String, data: Int = 0) -> [UInt8] {
        little(UInt64(header.utf8.count)) + Array(header.utf8) + [UInt8](repeating: 0, count: data)
    }

    static func failure(_ header: String, data: Int = 0) -> String {
        message { _ = try Checkpoint.open(bytes: file(header, data: data)) }
    }

    @Test("what the format's own library wrote is read")
    func foreign() throws {
        let checkpoint = try Checkpoint.open(Fixture.path("types.safetensors"))
        #expect(checkpoint.metadata == ["format": "pt", "note": "quotes \" and ümlauts"])
        #expect(checkpoint.tensors.count == 13)
        #expect(checkpoint.tensors["f64"]?.floats() == Fixture.numbers(3, start: 5))
        #expect(checkpoint.tensors["bf16"]?.floats() == Fixture.numbers(5, start: 2))
        #expect(checkpoint.tensors["i64"]?.floats() == [-2, -1, 0, 1, 2])
        #expect(checkpoint.tensors["empty"]?.shape == [0, 4])
        #expect(checkpoint.tensors["scalar"]?.floats() == [1.5])
    }

    @Test("what is written is read again, and the same content gives the same bytes")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        let source = try Checkpoint.open(Fixture.path("types-zip.pth"))
        var entries = source.tensors.values.map { SafetensorsFile.Entry($0) }
        entries.append(.init(name: "new \"one\"\n", shape: [2, 2], floats: [1, -2, 3, .infinity]))
        let metadata = ["config": "{\"a\": [1]}\u{1}", "unit": "ü"]
        try SafetensorsFile.write(entries, metadata: metadata, to: folder.file("a"))
        try SafetensorsFile.write(entries.reversed(), metadata: metadata, to: folder.file("b"))
        #expect(try folder.names == ["a", "b"])
        let copy = try Checkpoint.open(folder.file("a"))
        #expect(copy.metadata == metadata)
        #expect(copy.tensors.count == source.tensors.count + 1)
        for (name, tensor) in source.tensors {
            #expect(copy.tensors[name]?.shape == tensor.shape)
            #expect(copy.tensors[name]?.scalarType == tensor.scalarType)
            #expect(copy.tensors[name]?.floats() == tensor.floats())
        }
        #expect(copy.tensors["new \"one\"\n"]?.floats() == [1, -2, 3, .infinity])
        let bytes = try ["a", "b"].map { try MappedFile(path: folder.file($0)).withUnsafeBytes { Array($0) } }
        #expect(bytes[0] == bytes[1])
        // The header's length makes the data begin at a multiple of 8.
        #expect(bytes[0].withUnsafeBytes { $0.load(as: UInt64.self) } % 8 == 0)
    }

    @Test("a file without tensors is one")
    func empty() throws {
        let folder = try TemporaryFolder()
        try SafetensorsFile.write([StoredTensor](), to: folder.file("a"))
        #expect(try Checkpoint.open(folder.file("a")).tensors.isEmpty)
    }

    @Test("a header length that lies is refused")
    func lengths() {
        #expect(
            message { _ = try Checkpoint.open(bytes: little(UInt64(99)) + [0x7b, 0x7d]) }.contains("only 2 follow"))
        for length in [UInt64.max, 1 << 63, 100_000_001] {
            #expect(message { _ = try Checkpoint.open(bytes: little(length) + [0x7b, 0x7d]) }.contains("most allowed"))
        }
        #expect(message { _ = try Checkpoint.open(bytes: little(UInt64(1)) + [0x7b, 0x7d]) }.contains("header, byte"))
        #expect(
            message { _ = try Checkpoint.open(bytes: little(UInt64(0)) + [0x7b, 0x7d]) }.contains("header, byte 0"))
    }

    @Test(
        "headers that are not exactly the format's JSON are refused",
        arguments: [
            "{", "{}x", "{} {}", "{\"a\"}", "{\"a\":}", "{\"a\":1}", "{\"a\":{}}", "{\"a\":{\"dtype\":\"F32\"}}", "{,}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}",
            "{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1e0],\"data_offsets\":[0,4]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[01],\"data_offsets\":[0,4]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}",
            "{\"__metadata__\":{\"a\":1}}", "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", "{\"__metadata__\":[]}",
            "{\"\\x\":{}}", "{\"\\ud800\":{}}", "{\"\\udc00\":{}}", "{\"\\u12\":{}}", "{\"a\u{1}\":{}}",
        ])
    func syntax(header: String) {
        #expect(Self.failure(header, data: 4).contains("header, byte"))
    }

    @Test("text that is not UTF-8 is refused")
    func encoding() {
        let text = message { _ = try Checkpoint.open(bytes: little(UInt64(6)) + [0x7b, 0x22, 0xff, 0x22, 0x3a, 0x7d]) }
        #expect(text.contains("not UTF-8"))
    }

    @Test("a million opening brackets are no problem for the stack")
    func nesting() {
        let deep = "{\"a\":" + String(repeating: "[", count: 1_000_000)
        #expect(Self.failure(deep).contains("header, byte"))
        #expect(Self.failure(String(repeating: "{\"a\":", count: 500_000)).contains("header, byte"))
    }

    static func entry(_ name: String, _ shape: String, _ begin: Int, _ end: Int) -> String {
        "\"\(name)\":{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}"
    }

    @Test("tensors that overlap, leave gaps, reach outside or do not fit their shape are refused")
    func layout() {
        func failure(_ entries: [String], data: Int) -> String {
            Self.failure("{\(entries.joined(separator: ","))}", data: data)
        }
        let a = Self.entry("a", "2", 0, 8)
        #expect(failure([a], data: 8) == "no error")
        #expect(failure([a], data: 7).contains("is said to lie"))
        #expect(failure([a], data: 9).contains("at the end belong to no tensor"))
        #expect(failure([a, Self.entry("b", "1", 4, 8)], data: 8).contains("overlaps"))
        #expect(failure([a, Self.entry("b", "1", 12, 16)], data: 16).contains("belong to no tensor"))
        #expect(failure([a, a], data: 8).contains("stands twice"))
        #expect(failure([Self.entry("a", "3", 0, 8)], data: 8).contains("takes") == false)
        #expect(failure([Self.entry("a", "3", 0, 8)], data: 8).contains("reaches to element 3"))
        #expect(failure([Self.entry("a", "1", 0, 8)], data: 8).contains("takes 4 bytes, not 8"))
        #expect(failure([Self.entry("a", "2", 8, 0)], data: 8).contains("is said to lie"))
        let huge = "4294967296,4294967296"
        #expect(failure([Self.entry("a", huge, 0, 8)], data: 8).contains("beyond any memory"))
        #expect(failure([Self.entry("a", "0,\(huge)", 0, 0)], data: 0).contains("beyond any memory"))
        let many = Array(repeating: "1", count: 65).joined(separator: ",")
        #expect(failure([Self.entry("a", many, 0, 4)], data: 4).contains("more than 64"))
    }

    @Test("writing where nothing can be written says so and leaves nothing")
    func unwritable() throws {
        let folder = try TemporaryFolder()
        #expect(throws: FileError.isDirectory(path: folder.path)) {
            try SafetensorsFile.write([StoredTensor](), to: folder.path)
        }
        #expect(throws: FileError.diskFull(path: "/dev/full")) {
            try SafetensorsFile.write([.init(name: "a", shape: [1], floats: [1])], to: "/dev/full")
        }
        #expect(try folder.names.isEmpty)
    }
}
