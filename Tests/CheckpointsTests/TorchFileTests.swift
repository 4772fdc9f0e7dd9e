import Testing

@testable import Checkpoints

@Suite("Files of torch.save")
struct TorchFileTests {
    static let forms = ["zip", "legacy"]

    @Test("every element type and layout gives torch's own numbers", arguments: forms)
    func types(form: String) throws {
        let checkpoint = try Checkpoint.open(Fixture.path("types-\(form).pth"))
        func expect(_ name: String, _ scalarType: ScalarType, _ shape: [Int], _ values: [Float]) throws {
            let tensor = try #require(checkpoint.tensors[name])
            #expect(tensor.scalarType == scalarType)
            #expect(tensor.shape == shape)
            #expect(tensor.floats() == values)
        }
        try expect("f64", .float64, [3], Fixture.numbers(3, start: 5))
        try expect("f32", .float32, [2, 3], Fixture.numbers(6))
        try expect("f16", .float16, [2, 2], Fixture.numbers(4, start: 3))
        try expect("bf16", .bfloat16, [5], Fixture.numbers(5, start: 2))
        try expect("i64", .int64, [5], [-2, -1, 0, 1, 2])
        try expect("i32", .int32, [4], [0, 1, 2, 3])
        try expect("u8", .uint8, [6], [250, 251, 252, 253, 254, 255])
        try expect("flag", .bool, [3], [1, 0, 1])
        try expect("scalar", .float32, [], [1.5])
        try expect("empty", .float32, [0, 4], [])
        let base = Fixture.numbers(12, start: 7)
        try expect("transposed", .float32, [3, 4], (0..<12).map { base[$0 % 4 * 3 + $0 / 4] })
        try expect("column", .float32, [4], (0..<4).map { base[$0 * 3 + 1] })
        try expect("shared", .float32, [6], Fixture.numbers(6, start: 1))
        try expect("tail", .float32, [4], Fixture.numbers(4, start: 3))
        #expect(checkpoint.tensors.count == 14)
    }

    @Test(
        "a state dictionary, a training checkpoint and a DataParallel model give the same tensors",
        arguments: ["state", "training", "parallel"], forms)
    func wrappers(kind: String, form: String) throws {
        let checkpoint = try Checkpoint.open(Fixture.path("\(kind)-\(form).pth"))
        #expect(
            checkpoint.tensors.keys.sorted() == [
                "conv.bias", "conv.weight", "fc.bias", "fc.weight", "norm.bias", "norm.running_mean",
                "norm.running_var", "norm.weight",
            ])
        #expect(checkpoint.tensors["conv.weight"]?.shape == [3, 2, 3, 3])
        #expect(checkpoint.tensors["conv.weight"]?.floats() == Fixture.numbers(54))
        #expect(checkpoint.tensors["norm.running_var"]?.floats() == Fixture.numbers(3, start: 5))
        #expect(checkpoint.tensors["fc.bias"]?.floats() == Fixture.numbers(2, start: 8))
    }

    @Test("parameters that were saved as such are tensors", arguments: forms)
    func parameters(form: String) throws {
        let checkpoint = try Checkpoint.open(Fixture.path("parameters-\(form).pth"))
        #expect(checkpoint.tensors["conv.bias"]?.floats() == Fixture.numbers(3, start: 1))
        #expect(checkpoint.tensors.count == 6)
    }

    @Test("a whole pickled model is refused by the name of its class")
    func wholeModel() {
        let text = message { _ = try Checkpoint.open(Fixture.path("whole-model.pth")) }
        #expect(text.contains("refused to load"))
        #expect(text.contains("__main__.Tiny"))
        #expect(text.contains("model.state_dict()"))
    }
}
