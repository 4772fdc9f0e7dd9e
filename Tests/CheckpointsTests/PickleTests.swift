import Testing

@testable import Checkpoints

@Suite("Pickles that lie")
struct PickleTests {
    typealias Bytes = PickleBytes

    static func open(_ pickle: [UInt8], _ storages: [String: [UInt8]] = [:]) throws -> Checkpoint {
        try Checkpoint.open(bytes: torchFile(pickle, storages: storages))
    }

    static let eight = floatBytes((0..<8).map(Float.init))

    @Test("the pickles written here by hand are read as torch's are")
    func honest() throws {
        let pickle = Bytes.state(Bytes.tensor(count: 8, offset: 1, shape: [2, 3], strides: [3, 1]))
        let checkpoint = try Self.open(pickle, ["0": Self.eight])
        #expect(checkpoint.tensors["w"]?.floats() == [1, 2, 3, 4, 5, 6])
    }

    @Test(
        "any global that is not a tensor's or a container's is refused by name",
        arguments: [
            ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("subprocess", "Popen"),
            ("torch", "load"), ("torch._utils", "_rebuild_tensor"), ("collections", "namedtuple"), ("nt", "system"),
            ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ])
    func refused(module: String, name: String) {
        let call = Bytes.global(module, name) + Bytes.mark + Bytes.text("echo") + Bytes.tuple + Bytes.reduce
        let text = message { _ = try Self.open((Bytes() + call + Bytes.stop).bytes) }
        #expect(text.contains("refused to load"))
        #expect(text.contains("names \(module).\(name)"))
    }

    @Test("a refused name cannot write control characters to the terminal")
    func printableNames() {
        let text = message { _ = try Self.open((Bytes() + Bytes.global("os\u{1b}[2J", "x\u{7}")).bytes) }
        #expect(text.contains("os\\u{1b}[2J.x\\u{7}"))
    }

    @Test(
        "opcodes that torch.save does not use are refused",
        arguments: [0x69, 0x6f, 0x82, 0x93, 0x95, 0x00, 0x50] as [UInt8])
    func opcodes(byte: UInt8) {
        let text = message { _ = try Self.open((Bytes() + [byte] + Bytes.stop).bytes) }
        #expect(text.contains("opcode 0x"))
    }

    @Test(
        "a tensor that reaches outside of its storage is refused",
        arguments: [
            (8, 0, [3, 3], [3, 1]), (8, 3, [2, 3], [3, 1]), (8, 8, [1], [1]), (8, -1, [2], [1]), (8, 0, [2], [-1]),
            (8, 0, [-2, -2], [2, 1]), (8, 0, [2, 2], [1]), (8, 0, [2], [Int.max]), (8, Int.max, [2], [1]),
            (8, 0, [Int.max, 2], [1, 1]), (8, 0, [1 << 32, 1 << 32], [0, 0]), (8, 0, [1 << 40], [0]),
        ])
    func bounds(count: Int, offset: Int, shape: [Int], strides: [Int]) {
        let tensor = Bytes.tensor(count: count, offset: offset, shape: shape, strides: strides)
        let text = message { _ = try Self.open(Bytes.state(tensor), ["0": Self.eight]) }
        #expect(text.contains("damaged checkpoint: w: "))
    }

    @Test("a storage whose bytes are not as announced, or missing, is refused")
    func storages() {
        func text(_ count: Int, type: String = "FloatStorage", key: String = "0") -> String {
            message {
                _ = try Self.open(
                    Bytes.state(Bytes.tensor(key: key, type: type, count: count, shape: [1], strides: [1])),
                    ["0": Self.eight])
            }
        }
        #expect(text(9).contains("has 32 bytes; 9 elements of F32 were announced"))
        #expect(text(7).contains("has 32 bytes"))
        #expect(text(8, type: "HalfStorage").contains("has 32 bytes"))
        #expect(text(8, key: "1").contains("which is missing"))
        #expect(text(-1).contains("in an unknown way"))
        #expect(text(Int.max).contains("claims"))
        #expect(text(8) == "no error")
    }

    @Test("a list that contains itself and one nested a hundred thousand deep do no harm")
    func recursion() throws {
        let tensor = Bytes.tensor(count: 8, shape: [8], strides: [1])
        let selfReference = Bytes.emptyList + [0x71, 0] + [0x68, 0] + Bytes.append
        var deep = Bytes.emptyList
        for _ in 0..<100_000 { deep += Bytes.emptyList }
        for _ in 0..<100_000 { deep += Bytes.append }
        for value in [selfReference, deep] {
            let items = Bytes.text("junk") + value + Bytes.setItem + Bytes.text("w") + tensor + Bytes.setItem
            let pickle = (Bytes() + Bytes.emptyDictionary + items + Bytes.stop).bytes
            let checkpoint = try Self.open(pickle, ["0": Self.eight])
            #expect(checkpoint.tensors.keys.sorted() == ["w"])
        }
    }

    @Test("a dictionary that contains itself as its model is searched once")
    func selfModel() {
        let pickle = Bytes() + Bytes.emptyDictionary + [0x71, 0] + Bytes.text("model") + [0x68, 0] + Bytes.setItem
        let text = message { _ = try Self.open((pickle + Bytes.stop).bytes) }
        #expect(text.contains("no tensors by name"))
    }

    @Test("a stack without an end is bounded")
    func stackHeight() {
        let text = message {
            _ = try Self.open((Bytes() + [UInt8](repeating: 0x4e, count: (1 << 20) + 1) + Bytes.stop).bytes)
        }
        #expect(text.contains("grows too high"))
    }

    @Test("millions of objects are bounded")
    func objects() {
        let pickle = Bytes() + Bytes.emptyList
        let pairs = (0..<((1 << 22) + 1)).flatMap { _ in [0x5d, 0x61] as [UInt8] }
        let text = message { _ = try Self.open((pickle + pairs + Bytes.stop).bytes) }
        #expect(text.contains("too many objects"))
    }

    @Test(
        "values that the stack or the memo does not hold are missed, not read",
        arguments: [
            [0x61], [0x73], [0x75], [0x74], [0x52], [0x62], [0x51], [0x85], [0x86], [0x87], [0x81], [0x68, 3],
            [0x6a, 1, 0, 0, 0], [0x71, 0], [0x28, 0x52], [0x4e, 0x28, 0x61], [0x4b], [0x58, 255, 255, 255, 255],
            [0x8a, 255], [0x63, 0x61], [0x4e, 0x4e], [0x80, 77], [0x7d, 0x28, 0x4e, 0x75], [0x28],
        ] as [[UInt8]])
    func underflow(program: [UInt8]) {
        let text = message { _ = try Self.open((Bytes() + program + Bytes.stop).bytes) }
        #expect(text.contains("damaged checkpoint"))
    }

    @Test("a file whose byte order is big-endian is refused")
    func byteOrder() {
        let pickle = Bytes.state(Bytes.tensor(count: 8, shape: [8], strides: [1]))
        let text = message {
            _ = try Checkpoint.open(bytes: torchFile(pickle, storages: ["0": Self.eight], byteOrder: "big"))
        }
        #expect(text.contains("little-endian"))
    }
}
