import Foundation
import Testing

@testable import Checkpoints

/// Pickles of NumPy arrays, honest ones and others.
@Suite struct NumpyPickleTests {
    typealias Bytes = PickleBytes

    /// `numpy.dtype(code)` with its byte order.
    static func type(_ code: String, order: String = "<") -> [UInt8] {
        var bytes = Bytes.global("numpy", "dtype") + Bytes.mark + Bytes.text(code) + Bytes.no + Bytes.no + Bytes.tuple
        bytes += Bytes.reduce + Bytes.mark + Bytes.integer(3) + Bytes.text(order) + Bytes.tuple + Bytes.build
        return bytes
    }

    /// An array as protocols 2 to 4 have it; `content` is an opcode with bytes.
    static func array(
        _ content: [UInt8], shape: [Int], type: [UInt8] = type("f4"), isColumnMajor: Bool = false,
        module: String = "numpy.core.multiarray"
    ) -> [UInt8] {
        var bytes = Bytes.global(module, "_reconstruct") + Bytes.mark + Bytes.global("numpy", "ndarray")
        bytes += Bytes.integers([0]) + [0x43, 1, UInt8(ascii: "b")] + Bytes.tuple + Bytes.reduce + Bytes.mark
        bytes += Bytes.integer(1) + Bytes.integers(shape) + type + [isColumnMajor ? 0x88 : 0x89] + content
        return bytes + Bytes.tuple + Bytes.build
    }

    /// Bytes as BINBYTES.
    static func bytes(_ content: [UInt8]) -> [UInt8] { [0x42] + little(UInt32(content.count)) + content }

    static func file(_ array: [UInt8]) -> [UInt8] {
        (Bytes() + Bytes.emptyDictionary + Bytes.text("model") + Bytes.emptyDictionary + Bytes.text("w") + array
            + Bytes.setItem + Bytes.setItem + Bytes.stop).bytes
    }

    static let six = floatBytes([1, 2, 3, 4, 5, 6])

    @Test(arguments: ["numpy.core.multiarray", "numpy._core.multiarray"])
    func `an array is read from under model`(module: String) throws {
        let array = Self.array(Self.bytes(Self.six), shape: [2, 3], module: module)
        let checkpoint = try Checkpoint.open(bytes: Self.file(array))
        #expect(checkpoint.format == .numpyPickle)
        let tensor = try #require(checkpoint.tensors["w"])
        #expect(tensor.shape == [2, 3] && tensor.floats() == [1, 2, 3, 4, 5, 6])
    }

    @Test func `an array whose first dimension is the innermost is turned`() throws {
        let array = Self.array(Self.bytes(Self.six), shape: [2, 3], isColumnMajor: true)
        #expect(try Checkpoint.open(bytes: Self.file(array)).tensors["w"]?.floats() == [1, 3, 5, 2, 4, 6])
    }

    @Test func `bytes that protocol 2 wrote as a text are those of its characters`() throws {
        // 1.5 and -3: 00 00 c0 3f, 00 00 40 c0.
        let text = String(String.UnicodeScalarView(floatBytes([1.5, -3]).map { Unicode.Scalar($0) }))
        let content =
            Bytes.global("_codecs", "encode") + Bytes.mark + Bytes.text(text) + Bytes.text("latin1") + Bytes.tuple
            + Bytes.reduce
        let array = Self.array(content, shape: [2])
        #expect(try Checkpoint.open(bytes: Self.file(array)).tensors["w"]?.floats() == [1.5, -3])
    }

    @Test(arguments: [[1.5, -3], [0, 0]] as [[Float]]) func `a string of Python 2 is bytes`(values: [Float]) throws {
        let content = [0x55, 8] + floatBytes(values)
        #expect(try Checkpoint.open(bytes: Self.file(Self.array(content, shape: [2]))).tensors["w"]?.floats() == values)
    }

    @Test(arguments: [2, 4, 5]) func `what Python wrote is read in every protocol`(version: Int) throws {
        let tensors = try Checkpoint.open(Fixture.path("arrays-\(version).pkl")).tensors
        #expect(tensors["f64"]?.floats() == Fixture.numbers(3, start: 5))
        #expect(tensors["f32"]?.floats() == Fixture.numbers(6) && tensors["f32"]?.shape == [2, 3])
        #expect(tensors["f16"]?.floats() == Fixture.numbers(4, start: 3))
        #expect(tensors["i64"]?.floats() == [-2, -1, 0, 1, 2])
        #expect(tensors["u8"]?.floats() == [250, 251, 252, 253, 254, 255])
        #expect(tensors["flag"]?.floats() == [1, 0, 1])
        #expect(tensors["columns"]?.floats() == Fixture.numbers(12, start: 2) && tensors["columns"]?.shape == [3, 4])
        #expect(tensors["scalar"]?.floats() == Fixture.numbers(1, start: 2) && tensors["scalar"]?.shape == [])
        #expect(tensors.count == 8)
    }

    @Test(arguments: [
        ("os", "system"), ("builtins", "eval"), ("numpy", "load"), ("numpy.core.multiarray", "scalar"),
        ("torch._utils", "_rebuild_tensor_v2"),
    ]) func `any name that is not an array's is refused`(module: String, name: String) {
        let call = Bytes.global(module, name) + Bytes.mark + Bytes.text("echo") + Bytes.tuple + Bytes.reduce
        let text = message { _ = try Checkpoint.open(bytes: Self.file(call)) }
        #expect(text.contains("refused to load") && text.contains("names \(module).\(name)"))
    }

    @Test func `a name from the stack is refused like any other`() {
        let call = [0x8c, 2] + "os".utf8 + [0x8c, 6] + "system".utf8 + [0x93]
        #expect(message { _ = try Checkpoint.open(bytes: Self.file(call)) }.contains("names os.system"))
    }

    @Test(arguments: [[7], [2, 2, 2], [-1, 6], [Int.max, 2], [1 << 40]])
    func `an array of more than its bytes is refused`(shape: [Int]) {
        for isColumnMajor in [false, true] {
            let array = Self.array(Self.bytes(Self.six), shape: shape, isColumnMajor: isColumnMajor)
            #expect(message { _ = try Checkpoint.open(bytes: Self.file(array)) }.contains("damaged checkpoint: w: "))
        }
    }

    @Test func `numbers of another byte order, and objects, are refused`() {
        let swapped = Self.array(Self.bytes(Self.six), shape: [6], type: Self.type("f4", order: ">"))
        #expect(message { _ = try Checkpoint.open(bytes: Self.file(swapped)) }.contains("not little-endian"))
        let objects = Self.array(Self.bytes(Self.six), shape: [6], type: Self.type("O8"))
        #expect(message { _ = try Checkpoint.open(bytes: Self.file(objects)) }.contains("w has the type O8"))
    }

    @Test func `the same text cannot be asked for without end`() {
        let text = String(repeating: "x", count: 100_000)
        var bytes: [UInt8] = Bytes.text(text) + [0x71, 9]
        let encode = Bytes.global("_codecs", "encode") + Bytes.mark + [0x68, 9] + Bytes.text("latin1")
        for _ in 0..<50 { bytes += encode + Bytes.tuple + Bytes.reduce }
        #expect(message { _ = try Checkpoint.open(bytes: Self.file(bytes)) }.contains("again and again"))
    }

    @Test func `a pickle that ends anywhere is damaged, and no more than that`() {
        let whole = Self.file(Self.array(Self.bytes(Self.six), shape: [6]))
        for length in 2..<whole.count {
            let text = message { _ = try Checkpoint.open(bytes: Array(whole[..<length])) }
            #expect(text.contains("damaged checkpoint") || text.contains("refused to load"))
        }
    }

    @Test func `a Caffe2 model says so`() {
        let bytes =
            (Bytes() + Bytes.emptyDictionary + Bytes.text("blobs") + Bytes.emptyDictionary + Bytes.setItem + Bytes.stop)
            .bytes
        #expect(message { _ = try Checkpoint.open(bytes: bytes) }.contains("Caffe2"))
    }
}
