import Configuration
import RandomNumbers
import Testing

@testable import Training

struct TrainingConfigurationErrorTests {
    private let files: TrainingFiles

    init() throws { files = try TrainingFiles() }

    @Test(arguments: [
        ("iteration: 5", "1:1: unknown key 'iteration' in training; did you mean 'iterations'?"),
        ("iterations: 0", "1:13: iterations is '0'; it must be a whole number from 1 to 100000000"),
        ("iterations: 1e5", "1:13: iterations is '1e5'; it must be a whole number"),
        ("batch: two", "1:8: batch is 'two'; it must be a whole number from 1 to 1024"),
        ("accumulate: \"2\"", "1:13: accumulate is text; leave the quotes out"),
        ("learning_rate: 0", "1:16: learning_rate is '0'; it must be a number from 1e-09 to 100"),
        ("momentum: 1", "1:11: momentum is '1'; it must be a number from 0 to 0.9999"),
        ("weight_decay: -1", "1:15: weight_decay is '-1'; it must be a number from 0 to 1"),
        ("schedule: linear", "1:11: kind is 'linear'; it must be one of step, cosine"),
        ("schedule: cosin", "1:11: kind is 'cosin'; it must be one of step, cosine; did you mean 'cosine'?"),
        ("schedule: {warm_up: 5}", "1:12: unknown key 'warm_up' in schedule; did you mean 'warmup'?"),
        ("schedule: {warmup: 10000}", "1:20: warmup is '10000'; it must be a whole number from 0 to 9999"),
        ("schedule: {steps: 5}", "1:19: steps must be a list, such as [6000, 8000], iterations"),
        ("schedule: {steps: [5, x]}", "1:23: steps holds 'x'; each must be a whole number from 1 to 9999"),
        ("schedule: {steps: [5, 5]}", "1:19: steps must ascend"),
        ("schedule: {kind: cosine, factor: 0.5}", "1:34: a cosine has no factor; leave it out, or say kind: step"),
        ("clip: 0", "1:7: clip is '0'; it must be a number from 1e-06 to"),
        ("ema: 1", "1:6: ema is '1'; it must be a number from 0 to 0.999999"),
        ("freeze: 3", "1:9: freeze must be a mapping with keys such as stages, batch_norm"),
        ("freeze: {stages: 6}", "1:18: stages is '6'; it must be a whole number from 0 to 5"),
        ("freeze: {batchnorm: true}", "1:10: unknown key 'batchnorm' in freeze; did you mean 'batch_norm'?"),
        ("sampling: {anchors: 0}", "1:21: anchors is '0'; it must be a whole number from 1 to 100000"),
        ("augment: {hue: 0.6}", "1:16: hue is '0.6'; it must be a number from 0 to 0.5"),
        ("augment: {scales: []}", "1:19: scales needs 1 to 64 elements, such as [640, 800], and has 0"),
        ("augment: {scales: [640, 1400]}", "1:19: scales holds 1400, and the model's pictures are at most 1333"),
        ("evaluate_every: 5", "1:17: evaluate_every needs validation: the pictures to evaluate on"),
        ("validation: {annotations: no.json, images: images}", "1:27: annotations: DIR/no.json: there is no such file"),
        ("validation: {annotations: v.json, images: no}", "1:43: images: DIR/no: there is no such folder"),
        ("validation: {annotations: v.json, images: a.json}", "1:43: images: DIR/a.json: is a file; name a folder"),
        ("validation: {images: images}", "1:13: validation needs annotations"),
        ("validation: v.json", "1:13: data_set must be a mapping with keys such as annotations, images"),
        ("seed: -1", "1:7: seed is '-1'; it must be a whole number from 0"),
        ("loaders: 0", "1:10: loaders is '0'; it must be a whole number from 1 to 64"),
        ("from: m.pth", "1:7: model and from are both given; leave one out"),
    ])
    func `a fault is told with its line and column, and what is right`(line: String, expected: String) {
        let found = files.complaints("\(line)\nmodel: {}\n\(TrainingFiles.needed)")
        #expect(found.count == 1 && found.first?.hasPrefix(expected) == true, "\(found)")
    }

    @Test(arguments: [
        ("", "is empty; name model or from, train and output in it"),
        ("train: {annotations: a.json, images: images}\noutput: out", "1:1: nothing says what is trained: name model"),
        ("model: {}\noutput: out", "1:1: train is missing: annotations, and the folder of their images"),
        ("model: {}\ntrain: {annotations: a.json, images: images}", "1:1: output is missing: the folder"),
        ("model: {}\ntrain: {annotations: a.json, images: images}\noutput: a.json", "3:9: output: DIR/a.json is not"),
        ("from: no.pth\n\(TrainingFiles.needed)", "1:7: from: DIR/no.pth: there is no such file"),
        ("model: no.json\n\(TrainingFiles.needed)", "1:8: model: DIR/no.json: there is no such file"),
        ("model: wrong.json\n\(TrainingFiles.needed)", "1:8: DIR/wrong.json: the model's configuration has an unknown"),
        ("model: [resnet50]\n\(TrainingFiles.needed)", "1:8: model must be one value, and is a list"),
        (
            "model: {backbone: resnet5}\n\(TrainingFiles.needed)",
            "1:19: backbone is 'resnet5'; it must be one of resnet18, resnet34, resnet50, resnet101, resnet152, "
                + "resnext50_32x4d, resnext101_32x8d, resnet50_gn, resnet101_gn, resnet50_c4, resnet101_c4, vgg16, vgg16_bn, "
                + "vgg19, vgg19_bn; did you mean 'resnet50'?"
        ),
        (
            "model: {min_size: 1400}\n\(TrainingFiles.needed)",
            "1:19: min_size (1400) is above max_size (1333); give both"
        ),
        (
            "model: {anchor_sizes: [32, 64]}\n\(TrainingFiles.needed)",
            "1:23: anchor_sizes needs 5 elements, such as [32, 64, 128, 256, 512], and has 2"
        ),
        (
            "model: {aspect_ratios: [0, 1]}\n\(TrainingFiles.needed)",
            "1:25: aspect_ratios holds '0'; each must be a number from 0.01 to 100"
        ),
        (
            "model: {max_size: 16384}\n\(TrainingFiles.needed)",
            "1:8: the model's configuration: transform.max_size is too large for so many channels"
        ),
    ])
    func `what begins nothing is told`(text: String, expected: String) {
        let found = files.complaints(text)
        #expect(found.count == 1 && found.first?.hasPrefix(expected) == true, "\(found)")
    }

    @Test func `all faults are told at once, in the file's order`() {
        let found = files.complaints(
            """
            model: {backbone: vgg, min_size: 0}
            train: {annotations: no.json, images: no}
            batch: 0
            augment: {flip: 2, huge: 1}
            """)
        let places = found.map { $0.split(separator: " ")[0] }
        #expect(places == ["1:1:", "1:19:", "1:34:", "2:22:", "2:39:", "3:8:", "4:17:", "4:20:"], "\(found)")
    }

    @Test func `texts of any kind are refused or read, and end nothing`() {
        var random = SplitMix64(seed: 20_261_126)
        let pieces = [
            "model: ", "from: ", "train: ", "schedule: ", "steps: ", "scales: ", "anchor_sizes: ", "iterations: ",
            "warmup: ", "{", "}", "[", "]", ", ", "\n", "  ", "- ", "m.pth", "model.json", "9223372036854775807", "-1",
            "1e308", "1e-400", "nan", "off", "~", "*a", "&a ", "<<: ", "? ", "\"", "${", "}", "\u{0}",
        ]
        for _ in 0..<3000 {
            let count = Int.random(in: 0..<40, using: &random)
            let text = (0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            #expect(throws: ConfigurationError.self, "\(text.debugDescription)") { try files.configured(text) }
        }
    }
}
