import Foundation
import Testing

/// Model files that are none, or that lie: every command that opens one says why in one line.
@Suite("Bad models of segmentd")
struct BadModelTests {
    private let folder: Workspace

    init() throws { folder = try Workspace() }

    /// Opens the file as a model and imports it, both of which have to be refused.
    private func expectRefused(
        _ bytes: some Sequence<UInt8>, _ name: String = "bad.safetensors", saying words: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let bad = try folder.write(bytes, to: name)
        let image = try folder.images("images", count: 1)
        let before = try folder.names
        let calls = [
            ["annotate", image, "--model", bad, "--output", folder("out.mp4")], ["detect", image, "--model", bad],
            ["model", "import", bad, "--output", folder("out.safetensors")],
        ]
        for call in calls {
            let result = try Program(call).finish()
            try expectRefusal(result, saying: name, words, in: folder, leaving: before, sourceLocation: sourceLocation)
        }
    }

    /// A `.safetensors` file: length of the header, header, data.
    private func safetensors(_ header: String, claiming length: Int? = nil, data: Int = 64) -> [UInt8] {
        let length = UInt64(length ?? header.utf8.count)
        return withUnsafeBytes(of: length.littleEndian, Array.init) + Array(header.utf8)
            + [UInt8](repeating: 0, count: data)
    }

    private func tensor(_ name: String, _ begin: Int, _ end: Int) -> String {
        #""\#(name)":{"dtype":"F32","shape":[\#((end - begin) / 4)],"data_offsets":[\#(begin),\#(end)]}"#
    }

    @Test("a missing file")
    func missing() throws {
        let image = try folder.images("images", count: 1)
        let before = try folder.names
        let result = try Program.run("detect", image, "--model", folder("no.safetensors"))
        try expectRefusal(result, saying: "no.safetensors: there is no such file", in: folder, leaving: before)
    }

    @Test(
        "an empty file, a text and noise",
        arguments: [("", "empty"), ("This is no checkpoint.", "no JSON header"), ("\u{1}\u{2}\u{3}", "no JSON header")])
    func noModel(text: String, words: String) throws { try expectRefused(text.utf8, saying: words) }

    @Test("a file cut off in its header or in its data", arguments: [4, 100, 30_000, 60_000])
    func truncated(count: Int) throws {
        try expectRefused(folder.bytes("model.safetensors").prefix(count), saying: "damaged")
    }

    @Test("a header that claims to be longer than the file", arguments: [10_000, 1 << 40, Int.max])
    func headerLength(length: Int) throws {
        try expectRefused(safetensors("{\(tensor("a", 0, 64))}", claiming: length), saying: "header")
    }

    @Test("tensors that overlap")
    func overlap() throws {
        try expectRefused(safetensors("{\(tensor("a", 0, 40)),\(tensor("b", 24, 64))}"), saying: "overlaps")
    }

    @Test("a tensor that lies beyond the end")
    func beyondEnd() throws {
        try expectRefused(safetensors("{\(tensor("a", 0, 4096))}"), saying: "4096")
    }

    @Test("a pickle that names something other than tensors is not run")
    func pickle() throws {
        // What torch.save wrote before PyTorch 1.6: magic number, version 1001, the machine, then the object, which here
        // calls os.system("true") when it is loaded the careless way.
        let magic: [UInt8] = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]
        let version: [UInt8] = [0x80, 2, 0x4d, 0xe9, 0x03, 0x2e]
        let key = Array("little_endian".utf8)
        let machine: [UInt8] = [0x80, 2, 0x7d, 0x58, UInt8(key.count), 0, 0, 0] + key + [0x88, 0x73, 0x2e]
        let call: [UInt8] =
            [0x80, 2, 0x63] + Array("os\nsystem\n".utf8) + [0x58, 4, 0, 0, 0] + Array("true".utf8)
            + [0x85, 0x52, 0x2e]
        try expectRefused(magic + version + machine + call, "bad.pth", saying: "os.system")
    }

    @Test("weights that are not numbers")
    func nan() throws {
        var bytes = try folder.bytes("model.safetensors")
        // The last tensor by name; every one of them is used.
        bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0xc0, 0x7f])
        try expectRefused(bytes, saying: "nan")
    }

    @Test("a file of tensors without a configuration")
    func noConfiguration() throws {
        let bad = try folder.write(safetensors("{\(tensor("a", 0, 64))}"), to: "bad.safetensors")
        let before = try folder.names
        let result = try Program.run("model", "info", bad)
        try expectRefusal(result, saying: "bad.safetensors", "model import", in: folder, leaving: before)
    }

    @Test(
        "a configuration that is nonsense",
        arguments: [
            "nonsense", "[]", "{}", #"{"classes":"many"}"#, #"{"colour":"blue"}"#, #"{"classes":-1}"#,
            #"{"backbone":{"layers":[1,2]}}"#, #"{"transform":{"min_size":0}}"#,
        ])
    func configuration(text: String) throws {
        let quoted = text.replacingOccurrences(of: "\"", with: "\\\"")
        let header = #"{"__metadata__":{"configuration":"\#(quoted)"},\#(tensor("a", 0, 64))}"#
        let bad = try folder.write(safetensors(header), to: "bad.safetensors")
        let before = try folder.names
        let result = try Program.run("model", "info", bad)
        try expectRefusal(result, saying: "bad.safetensors", in: folder, leaving: before)
    }

    @Test("a configuration file that is nonsense or missing", arguments: ["nonsense", #"{"classes":0}"#, nil])
    func configurationFile(text: String?) throws {
        if let text { try folder.write(text.utf8, to: "configuration.json") }
        let before = try folder.names
        let result = try Program.run(
            "model", "import", folder.model, "--configuration", folder("configuration.json"), "--output",
            folder("out.safetensors"))
        try expectRefusal(result, saying: "configuration.json", in: folder, leaving: before)
    }
}
