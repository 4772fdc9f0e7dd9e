import Foundation
import Instances
import Testing

@testable import Checkpoints
@testable import MaskRCNN
@testable import Tensors

/// Tiny whole networks with fewer bits.
@Suite struct PrecisionTests {
    /// The network of a fixture, with its picture.
    private func loaded(_ name: String) throws -> (model: Model, image: RGBImage) {
        let fixture = try ParityFixture("backbone_\(name)")
        return (try fixture.model(), try fixture.image("image"))
    }

    private func calibrated(_ model: Model, _ image: RGBImage) throws -> Calibration {
        let recorder = ActivationRecorder()
        _ = try Detector(model, threads: 2).detect(image, threshold: 0, recorder: recorder)
        return try recorder.calibration(of: model.network, frames: 1)
    }

    private func inference(_ model: Model, _ precision: Precision, _ calibration: Calibration?) throws -> Inference {
        try Inference(
            model.network, weights: model.weights, compute: Compute(threads: 2), precision: precision,
            calibration: calibration)
    }

    // Without the network of group normalisation: its coarsest maps have groups of two numbers, which come out as 1 and -1 however near
    // they were to each other.
    @Test(arguments: NetworkParityTests.names.filter { $0 != "group" }, [Precision.bf16, .int8])
    func `features are nearly those of single precision`(name: String, precision: Precision) throws {
        let (model, image) = try loaded(name)
        let calibration = try calibrated(model, image)
        func levels(_ precision: Precision) throws -> [Tensor] {
            let inference = try inference(model, precision, calibration)
            let input = ImageTransform(model.configuration.transform)(image, inference.compute)
            return model.network.levels(model.network.backbone(input.tensor, inference), inference)
        }
        for (found, expected) in zip(try levels(precision), try levels(.fp32)) {
            // Some twenty layers, each of which loses a per cent or so.
            #expect(relativeError(found.elements, expected.elements) < 0.15)
            // And yet other numbers than those of single precision.
            #expect(found.elements != expected.elements)
        }
    }

    @Test func `the picture's layer and the heads' last stay in single precision`() throws {
        let network = Network(ModelConfiguration())
        let layers = network.narrowLayers
        for name in [
            "backbone.body.conv1", "rpn.head.cls_logits", "rpn.head.bbox_pred", "roi_heads.box_predictor.cls_score",
            "roi_heads.box_predictor.bbox_pred", "roi_heads.mask_predictor.mask_fcn_logits",
        ] {
            #expect(!layers.contains(name))
        }
        #expect(layers.contains("backbone.body.layer1.0.conv1") && layers.contains("roi_heads.box_head.fc6"))
        // 52 of the backbone, 8 of the pyramid, 1 of the proposals, 2 of the boxes, 4 and 1 of the masks.
        #expect(layers.count == 68)
    }

    @Test func `a calibration is read back as it was written`() throws {
        let (model, image) = try loaded("basic_v1")
        let calibration = try calibrated(model, image)
        #expect(try Calibration(json: calibration.json, for: model.network) == calibration)
        #expect(Set(calibration.ranges.keys) == model.network.narrowLayers)
    }

    @Test func `what no calibration is says so`() throws {
        let (model, image) = try loaded("basic_v1")
        let good = try calibrated(model, image)
        let layer = "backbone.body.layer1.0.conv1"
        func failure(_ json: String) -> String {
            do {
                _ = try Calibration(json: json, for: model.network)
                return "nothing"
            } catch {
                return "\(error)"
            }
        }
        func changed(_ value: String) throws -> String {
            let range = try #require(good.ranges[layer])
            let old = Calibration(frames: 1, ranges: [layer: range]).json
            let text = try #require(old.split(separator: "\"ranges\":{").last?.split(separator: "}").first)
            let json = good.json
            let place = try #require(json.range(of: text))
            return json.replacingCharacters(in: place, with: "\"\(layer)\":\(value)")
        }
        for value in ["[0]", "[0,1,2]", "[]", "3", "null", "[\"a\",1]", "[0,1e99]"] {
            #expect(failure(try changed(value)).contains("cannot be read"), "\(value)")
        }
        for value in ["[0,0]", "[1,2]", "[-2,-1]", "[1,-1]", "[0,1e38]"] {
            #expect(failure(try changed(value)).contains("range of \(layer)"), "\(value)")
        }
        #expect(failure(try changed("[0,1],\"x\":[0,1]")).contains("unknown layer \"x\""))
        #expect(failure(Calibration(frames: 0, ranges: good.ranges).json).contains("0 frames"))
        #expect(failure(Calibration(frames: 1, ranges: [:]).json).contains("lacks the layer backbone.body"))
        for json in ["", "[]", "{}", "{\"version\":1}", "null", "{\"version\":\"1\"}"] {
            #expect(failure(json).contains("cannot be read"), "\(json)")
        }
        #expect(failure("{\"version\":2}").contains("version 2"))
    }

    @Test func `int8 wants a calibration, and layers that saw nothing have none`() throws {
        let (model, _) = try loaded("basic_v1")
        #expect(throws: Model.Failure.noCalibration(path: model.weights.path)) {
            try Detector(model, threads: 1, precision: .int8)
        }
        #expect(throws: Calibration.Failure.self) {
            try ActivationRecorder().calibration(of: model.network, frames: 1)
        }
    }
}
