import Foundation
import Testing

@testable import Checkpoints
@testable import MaskRCNN

@Suite struct ModelConfigurationTests {
    @Test(arguments: [
        (#"{"transform":{"min_size":0}}"#, "transform.min_size"),
        (#"{"transform":{"max_size":100}}"#, "transform.max_size"),
        (#"{"transform":{"std":[1,1,0]}}"#, "transform"),
        (#"{"backbone":{"layers":[1,2,3]}}"#, "backbone.layers"),
        (#"{"backbone":{"widths":[64,128,256]}}"#, "backbone.widths"),
        (#"{"backbone":{"widths":[64,128,256,0]}}"#, "backbone.widths"),
        (#"{"backbone":{"block":"basic","groups":2}}"#, "backbone.groups"),
        (#"{"backbone":{"width_per_group":0}}"#, "backbone.width_per_group"),
        (#"{"backbone":{"batch_norm_epsilon":-1}}"#, "backbone.batch_norm_epsilon"),
        (#"{"pyramid":{"channels":0}}"#, "pyramid.channels"),
        (#"{"proposals":{"anchor_sizes":[32,64]}}"#, "proposals.anchor_sizes"),
        (#"{"proposals":{"aspect_ratios":[]}}"#, "proposals.aspect_ratios"),
        (#"{"proposals":{"pre_nms_top_n":0}}"#, "proposals.pre_nms_top_n"),
        (#"{"proposals":{"post_nms_top_n":0}}"#, "proposals.post_nms_top_n"),
        (#"{"proposals":{"post_nms_top_n":10000},"classes":5000}"#, "proposals.post_nms_top_n"),
        (#"{"proposals":{"nms_threshold":1.5}}"#, "proposals.nms_threshold"),
        (#"{"box_head":{"fully_connected":[16]}}"#, "box_head.fully_connected"),
        (#"{"box_head":{"detections_per_image":5000}}"#, "box_head.detections_per_image"),
        (#"{"box_head":{"score_threshold":2}}"#, "box_head.score_threshold"),
        (#"{"mask_head":{"convolutions":[]}}"#, "mask_head.convolutions"),
        (#"{"transform":{"min_size":8000,"max_size":16000},"backbone":{"stem_width":16384}}"#, "transform.max_size"),
        (#"{"transform":{"size_divisor":0}}"#, "transform.size_divisor"),
        (#"{"transform":{"size_divisor":16}}"#, "transform.size_divisor"),
        (#"{"backbone":{"kind":"vgg"}}"#, "backbone.layers"),
        (#"{"backbone":{"kind":"vgg","layers":[1,1,1,1,1]}}"#, "backbone.widths"),
        (#"{"backbone":{"normalization":"none"}}"#, "backbone.normalization"),
        (#"{"backbone":{"normalization":"group","stem_width":48}}"#, "normalization"),
        (#"{"mask_head":{"normalization":"group","convolutions":[40]}}"#, "normalization"),
        (#"{"architecture":"c4"}"#, "box_head.fully_connected"),
        (#"{"architecture":"c4","box_head":{"fully_connected":[]}}"#, "mask_head.convolutions"),
        (
            #"{"architecture":"c4","backbone":{"kind":"vgg","layers":[1,1,1,1,1],"widths":[8,8,8,8,8]}}"#,
            "architecture"
        ),
        (#"{"architecture":"c4","proposals":{"anchor_sizes":[]}}"#, "proposals.anchor_sizes"),
        (
            #"{"transform":{"max_size":16000},"backbone":{"kind":"vgg","layers":[1,1,1,1,1],"widths":[64,8,8,8,8]}}"#,
            "transform.max_size"
        ),
        (#"{"classes":1}"#, "classes"),
        (#"{"categories":[{"id":0,"name":"background"}]}"#, "categories"),
        (#"{"categories":[{"id":1,"name":"a,b"}]}"#, "categories"),
        (#"{"categories":[{"id":1,"name":"a\nb"}]}"#, "categories"),
        (#"{"categories":[{"id":1,"name":"a"},{"id":1,"name":"b"}]}"#, "categories"),
    ]) func `a value that no network can be built of is named`(json: String, key: String) {
        let failure = #expect(throws: ModelConfiguration.Failure.self) { try ModelConfiguration(json: json) }
        guard case .invalid(let found, _) = failure else {
            Issue.record("\(json): \(String(describing: failure))")
            return
        }
        #expect(found == key)
    }

    @Test func `a misspelt key is named with its part`() {
        #expect(throws: ModelConfiguration.Failure.unknownKey("backbone.layer")) {
            try ModelConfiguration(json: #"{"backbone":{"layer":[1,1,1,1]}}"#)
        }
    }

    @Test(arguments: ["", "[]", "7", #"{"classes":"many"}"#, #"{"backbone":7}"#])
    func `what is no configuration is refused`(json: String) {
        let failure = #expect(throws: ModelConfiguration.Failure.self) { try ModelConfiguration(json: json) }
        guard case .malformed = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
    }

    @Test func `what is left out keeps its default, key by key`() throws {
        let configuration = try ModelConfiguration(json: #"{"backbone":{"layers":[2,2,2,2]},"classes":7}"#)
        var expected = ModelConfiguration()
        expected.backbone.layers = [2, 2, 2, 2]
        expected.classes = 7
        #expect(configuration == expected)
        #expect(try ModelConfiguration(json: configuration.json) == configuration)
    }

    @Test func `shapes that would overflow are refused when an architecture is read off them`() throws {
        // A tensor without elements may claim any other side.
        var tensors = try ParityFixture("backbone_bottleneck_v1").model().weights.tensors
        let header =
            #"{"t":{"dtype":"F32","shape":[0,288230376151711744,0,0],"data_offsets":[0,0]}}"#.padding(
                toLength: 80, withPad: " ", startingAt: 0)
        var bytes = withUnsafeBytes(of: UInt64(80).littleEndian) { Array($0) }
        bytes += Array(header.utf8)
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        tensors["backbone.body.layer1.0.conv2.weight"] = try Checkpoint.open(path).tensors["t"]
        let checkpoint = Checkpoint(path: "model", format: .safetensors, tensors: tensors)
        #expect(throws: ModelConfiguration.Unrecognized.self) { try ModelConfiguration(recognizing: checkpoint) }
    }
}
