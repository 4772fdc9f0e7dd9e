import Foundation
import MaskRCNN
import Testing

@testable import Checkpoints

@Suite("segmentd model quantize and --precision")
struct QuantizeTests {
    private let folder: Workspace

    init() throws { folder = try Workspace() }

    /// The workspace's model with a calibration of a video.
    private func quantized() throws -> String {
        let output = folder("quantized.safetensors")
        let video = try folder.video("calibration.mp4")
        let result = try Program.run(
            "model", "quantize", folder.model, "--calibrate", video, "--output", output, "--frames", "3")
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output == "")
        #expect(result.errors.contains("3 frames"))
        return output
    }

    /// The workspace's model with whatever text as its calibration.
    private func model(calibration: String) throws -> String {
        let checkpoint = try Checkpoint.open(folder.model)
        var metadata = checkpoint.metadata
        metadata[Model.calibrationKey] = calibration
        try SafetensorsFile.write(
            Array(checkpoint.tensors.values), metadata: metadata, to: folder("odd.safetensors"))
        return folder("odd.safetensors")
    }

    @Test("a calibrated model runs in every precision, and says that it can")
    func precisions() throws {
        let model = try quantized()
        #expect(try Program.run("model", "info", model).output.contains("int8, calibrated on 3 frames"))
        #expect(try Program.run("model", "info", folder.model).output.contains("not calibrated for int8"))
        let image = try folder.images("images", count: 1)
        for precision in ["fp32", "int8"] {
            let result = try Program.run(
                "detect", image, "--model", model, "--threshold", "0", "--precision", precision, "--output",
                folder("\(precision).json"))
            #expect(result.status == 0, "\(result.errors)")
        }
        // The same weights give the same answers; fewer bits give others, if hardly.
        let plain = try Program.run(
            "detect", image, "--model", folder.model, "--threshold", "0", "--output", folder("plain.json"))
        #expect(plain.status == 0)
        #expect(try folder.bytes("plain.json") == folder.bytes("fp32.json"))
        #expect(try folder.bytes("plain.json") != folder.bytes("int8.json"))
    }

    @Test("int8 without a calibration is refused, and what to do is said")
    func uncalibrated() throws {
        let image = try folder.images("images", count: 1)
        let before = try folder.names
        for call in [["detect", image], ["annotate", image, "--output", folder("out.mp4")], ["bench"]] {
            let result = try Program(call + ["--model", folder.model, "--precision", "int8"]).finish()
            try expectRefusal(
                result, saying: "not calibrated", "segmentd model quantize", in: folder, leaving: before)
        }
    }

    @Test(
        "a calibration that is none is refused by those who need it, and by no others",
        arguments: [
            "no JSON", "{}", #"{"version":7}"#, #"{"version":1,"frames":1,"ranges":{}}"#,
            #"{"version":1,"frames":1,"ranges":{"backbone.body.layer1.0.conv1":[0]}}"#,
            #"{"version":1,"frames":1,"ranges":{"backbone.body.nowhere":[0,1]}}"#,
        ])
    func damaged(calibration: String) throws {
        let model = try model(calibration: calibration)
        let image = try folder.images("images", count: 1)
        let before = try folder.names
        try expectRefusal(
            try Program(["detect", image, "--model", model, "--precision", "int8"]).finish(),
            saying: "odd.safetensors: the calibration", "calibrate anew", in: folder, leaving: before)
        let told = try Program.run("model", "info", model)
        #expect(told.status == 0 && told.output.contains("unusable calibration"))
        #expect(try Program.run("detect", image, "--model", model, "--output", folder("found.json")).status == 0)
        let again = try Program.run(
            "model", "quantize", model, "--calibrate", image, "--output", folder("new.safetensors"))
        #expect(again.status == 0, "\(again.errors)")
    }

    @Test("bf16 is computed where the processor can, or said to be fp32")
    func bf16() throws {
        let image = try folder.images("images", count: 1)
        let result = try Program.run(
            "detect", image, "--model", folder.model, "--precision", "bf16", "--output", folder("found.json"))
        #expect(result.status == 0)
        if !Precision.bf16.isNative {
            #expect(result.messages.filter { $0.contains("AVX512-BF16") }.count == 1)
        } else {
            #expect(!result.errors.contains("warning"))
        }
    }

    @Test("calls that make no sense are refused, and leave nothing")
    func calls() throws {
        let video = try folder.video("video.mp4")
        let before = try folder.names
        let output = folder("out.safetensors")
        for (arguments, words) in [
            (["--calibrate", video, "--output", output, "--frames", "0"], "--frames is 0"),
            (["--calibrate", video, "--output", output, "--threads", "0"], "--threads is 0"),
            (["--calibrate", folder("no.mp4"), "--output", output], "no.mp4"),
            (["--calibrate", video, "--output", folder.model], "is the input itself"),
            (["--calibrate", video, "--output", video], "is the input itself"),
            (["--calibrate", folder.model, "--output", output], "model.safetensors"),
        ] {
            let result = try Program(["model", "quantize", folder.model] + arguments).finish()
            try expectRefusal(result, saying: words, in: folder, leaving: before)
        }
    }
}
