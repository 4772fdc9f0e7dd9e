import Files
import Testing

@testable import Checkpoints

@Suite("Any checkpoint")
struct CheckpointTests {
    @Test("a file of no known format says so, and an empty one that it is empty")
    func unknown() throws {
        #expect(message { _ = try Checkpoint.open(bytes: []) }.contains("empty"))
        #expect(message { _ = try Checkpoint.open(bytes: Array("hello, world".utf8)) }.contains("neither"))
        #expect(message { _ = try Checkpoint.open(bytes: [0x80]) }.contains("neither"))
        let folder = try TemporaryFolder()
        #expect(throws: FileError.isDirectory(path: folder.path)) { _ = try Checkpoint.open(folder.path) }
        #expect(throws: FileError.missing(path: "/no/such")) { _ = try Checkpoint.open("/no/such") }
    }

    @Test("a bare pickle without arrays says what it lacks")
    func emptyPickle() {
        let text = message { _ = try Checkpoint.open(bytes: [0x80, 2, 0x7d, 0x71, 0, 0x2e]) }
        #expect(text.contains("no arrays by name"))
    }

    @Test(
        "a weight that is infinite or not a number is found with its place",
        arguments: [Float.nan, .infinity, -.infinity])
    func nonFinite(value: Float) throws {
        let folder = try TemporaryFolder()
        var values = [Float](repeating: 1, count: 12)
        values[7] = value
        let good = SafetensorsFile.Entry(name: "good", shape: [1], floats: [.greatestFiniteMagnitude])
        try SafetensorsFile.write([good, .init(name: "bad", shape: [3, 4], floats: values)], to: folder.file("a"))
        let checkpoint = try Checkpoint.open(folder.file("a"))
        #expect(
            throws: CheckpointError.nonFinite(
                path: folder.file("a"), tensor: "bad", index: [1, 3], value: "\(value)")
        ) { try checkpoint.requireFinite() }
        #expect(checkpoint.firstNonFinite(["good"]) == nil)
    }

    @Test("non-finite numbers are found in every floating-point type")
    func nonFiniteTypes() throws {
        let cases: [(String, [UInt8])] = [
            ("F64", little(Double.nan.bitPattern)), ("F16", [0x00, 0xfc]), ("BF16", [0x80, 0x7f]),
        ]
        for (type, bytes) in cases {
            let header = "{\"a\":{\"dtype\":\"\(type)\",\"shape\":[],\"data_offsets\":[0,\(bytes.count)]}}"
            let file = little(UInt64(header.utf8.count)) + Array(header.utf8) + bytes
            #expect(throws: CheckpointError.self) { try Checkpoint.open(bytes: file).requireFinite() }
        }
    }

    @Test("half precision widens exactly, subnormals and infinities included")
    func half() {
        #expect(float(fromHalf: 0x3c00) == 1)
        #expect(float(fromHalf: 0xc000) == -2)
        #expect(float(fromHalf: 0x7bff) == 65504)
        #expect(float(fromHalf: 0x0001) == 0x1p-24)
        #expect(float(fromHalf: 0x83ff) == -1023 * 0x1p-24)
        #expect(float(fromHalf: 0x8000).bitPattern == 0x8000_0000)
        #expect(float(fromHalf: 0xfc00) == -.infinity)
        #expect(float(fromHalf: 0x7e00).isNaN)
    }
}

@Suite("Names of tensors")
struct TensorNamesTests {
    static func current(_ names: [String]) -> [String?] {
        let rules = TensorNames(stored: names)
        return names.map { rules.current(for: $0) }
    }

    @Test(
        "torchvision's old names become today's",
        arguments: [
            ("rpn.head.conv.weight", "rpn.head.conv.0.0.weight"),
            ("rpn.head.conv.bias", "rpn.head.conv.0.0.bias"),
            ("rpn.head.conv.1.0.bias", "rpn.head.conv.1.0.bias"),
            ("backbone.fpn.inner_blocks.3.weight", "backbone.fpn.inner_blocks.3.0.weight"),
            ("backbone.fpn.layer_blocks.0.bias", "backbone.fpn.layer_blocks.0.0.bias"),
            ("backbone.fpn.layer_blocks.0.0.bias", "backbone.fpn.layer_blocks.0.0.bias"),
            ("roi_heads.mask_head.mask_fcn1.weight", "roi_heads.mask_head.0.0.weight"),
            ("roi_heads.mask_head.mask_fcn4.bias", "roi_heads.mask_head.3.0.bias"),
            ("roi_heads.mask_head.mask_fcn.bias", "roi_heads.mask_head.mask_fcn.bias"),
            ("roi_heads.mask_head.0.0.bias", "roi_heads.mask_head.0.0.bias"),
            ("rpn.head.cls_logits.weight", "rpn.head.cls_logits.weight"),
        ])
    func legacy(old: String, new: String) {
        #expect(Self.current([old, "x"]) == [new, "x"])
    }

    @Test("a wrapper's prefix goes where every name has it, and only there")
    func prefixes() {
        #expect(Self.current(["module.a", "module.b"]) == ["a", "b"])
        #expect(Self.current(["module.a", "b"]) == ["module.a", "b"])
        #expect(Self.current(["_orig_mod.module.a", "_orig_mod.module.b"]) == ["a", "b"])
        #expect(Self.current([]) == [])
    }

    @Test("num_batches_tracked is left out")
    func counters() {
        #expect(Self.current(["bn.num_batches_tracked", "bn.weight"]) == [nil, "bn.weight"])
    }

    @Test("Detectron2's names stay as they are, also those that look like torchvision's old ones")
    func detectron2() {
        let names = ["backbone.bottom_up.stem.conv1.weight", "roi_heads.mask_head.mask_fcn1.weight"]
        #expect(Self.current(names) == names)
        #expect(TensorNames(stored: names).isDetectron2)
        let singleLevel = ["backbone.res2.0.conv1.weight", "proposal_generator.rpn_head.conv.bias"]
        #expect(TensorNames(stored: singleLevel).isDetectron2)
    }

    @Test("a tensor under its old and its new name at once is an error")
    func collision() throws {
        let folder = try TemporaryFolder()
        let entries = ["rpn.head.conv.weight", "rpn.head.conv.0.0.weight"].map {
            SafetensorsFile.Entry(name: $0, shape: [1], floats: [1])
        }
        try SafetensorsFile.write(entries, to: folder.file("a"))
        #expect(message { _ = try Checkpoint.open(folder.file("a")) }.contains("is there twice"))
    }
}

@Suite("A manifest")
struct ManifestTests {
    @Test("lists all that is missing, unexpected or of another shape in one bounded message")
    func differences() throws {
        let folder = try TemporaryFolder()
        var entries = (0..<12).map { SafetensorsFile.Entry(name: "extra\($0 + 10)", shape: [1], floats: [0]) }
        entries.append(.init(name: "both", shape: [2, 1], floats: [1, 2]))
        entries.append(.init(name: "right", shape: [1], floats: [1]))
        try SafetensorsFile.write(entries, to: folder.file("a"))
        let checkpoint = try Checkpoint.open(folder.file("a"))
        let manifest = Manifest(["both": [1, 2], "right": [1], "gone": [3]])
        let text = message { try manifest.validate(checkpoint) }
        #expect(
            text.hasSuffix(
                "the weights do not fit the model: missing gone; unexpected extra10, extra11, extra12, extra13, extra14, "
                    + "extra15, extra16, extra17, extra18, extra19 and 2 more; wrong shape both ([2, 1] instead of [1, 2])"
            ))
    }

    @Test("is content with exactly what it names")
    func fits() throws {
        let checkpoint = try Checkpoint.open(Fixture.path("state-zip.pth"))
        let manifest = Manifest(checkpoint.tensors.mapValues(\.shape))
        #expect(manifest.differences(from: checkpoint) == nil)
        try manifest.validate(checkpoint)
    }
}
