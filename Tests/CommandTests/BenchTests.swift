import Foundation
import MaskRCNN
import Testing

@Suite("segmentd bench")
struct BenchTests {
    private struct Report: Decodable {
        struct Operator: Decodable {
            var stage, name, algorithm: String
            var seconds, gflop, gflopDirect, mbytes, roofline: Double
        }

        struct Point: Decodable {
            var axis: String
            var value, objects: Int
            var secondsPerFrame: Double
        }

        var secondsPerFrame, secondsLeast, secondsMost: Double
        var peakRssBytes, threads, objects, width, height: Int
        var precision, simd, processor: String
        var peakGflops, memoryGbytesPerSecond: Double
        var stages: [String: Double]
        var operators: [Operator]
        var scaling: [Point]?
    }

    private let folder: Workspace

    init() throws { folder = try Workspace() }

    private func report(_ arguments: String...) throws -> Report {
        let result = try Program(["bench", "--model", folder.model, "--json"] + arguments).finish()
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors == "")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Report.self, from: Data(result.output.utf8))
    }

    @Test("JSON has what was asked for, and times that fit together")
    func json() throws {
        let report = try report("--size", "64x48", "--threads", "1", "--repeat", "4", "--threshold", "0")
        #expect((report.width, report.height, report.threads) == (64, 48, 1))
        #expect(report.precision == "fp32")
        #expect(report.simd == Detector.engine)
        #expect(report.objects > 0)
        #expect(report.peakRssBytes > 1 << 20)
        #expect(report.peakGflops > 0 && report.memoryGbytesPerSecond > 0)
        #expect(report.secondsLeast <= report.secondsPerFrame && report.secondsPerFrame <= report.secondsMost)
        #expect(
            Set(report.stages.keys) == ["transform", "backbone", "pyramid", "proposals", "boxes", "masks"])
        #expect(report.stages.values.reduce(0, +) <= report.secondsMost)
        #expect(Set(report.operators.map(\.stage)) == Set(report.stages.keys))
        let stem = try #require(report.operators.first { $0.name == "backbone.body.conv1" })
        #expect(stem.gflop > 0 && stem.mbytes > 0 && stem.seconds > 0 && stem.roofline > 0)
        #expect(report.operators.contains { $0.algorithm.hasPrefix("product") && $0.gflop == $0.gflopDirect })
        #expect(report.scaling == nil)
    }

    @Test("a threshold that nothing exceeds is said to measure little")
    func nothing() throws {
        let call = ["bench", "--model", folder.model, "--size", "64x48", "--repeat", "1", "--threshold"]
        let none = try Program(call + ["1"]).finish()
        #expect(none.status == 0 && none.output.contains(", 0 objects;") && none.output.contains("no object was found"))
        let some = try Program(call + ["0"]).finish()
        #expect(some.status == 0 && !some.output.contains("no object was found"))
        for word in ["stage", "operator", "roofline", "peak memory", "GFLOP/s"] { #expect(some.output.contains(word)) }
    }

    @Test("scaling has three axes")
    func scaling() throws {
        let points = try #require(
            try report("--size", "64x48", "--threads", "2", "--repeat", "1", "--threshold", "0", "--scaling").scaling)
        #expect(points.filter { $0.axis == "threads" }.map(\.value) == [1, 2])
        let sides = points.filter { $0.axis == "shorter side" }.map(\.value)
        #expect(sides.count == 4 && sides == sides.sorted())
        let objects = points.filter { $0.axis == "objects at most" }
        #expect(objects.first?.value == 1 && objects.allSatisfy { $0.objects <= $0.value })
    }

    @Test("a size and a picture, or an instruction set that the processor has not, are refused")
    func refused() throws {
        let image = try folder.images("images", count: 1) + "/img1.png"
        let before = try folder.names
        try expectRefusal(
            try Program(["bench", "--model", folder.model, "--image", image, "--size", "64x48"]).finish(),
            saying: "leave --size out", in: folder, leaving: before)
        try expectRefusal(
            try Program(["bench", "--model", folder.model], environment: ["SEGMENTD_SIMD": "AVX2"]).finish(),
            saying: "SEGMENTD_SIMD is 'AVX2'", "portable", in: folder, leaving: before)
    }
}
