import Configuration
import Foundation
import MaskRCNN
import Testing

@testable import Training

struct TrainingConfigurationTests {
    private let files: TrainingFiles
    private var needed: String { TrainingFiles.needed }

    init() throws { files = try TrainingFiles() }

    @Test func `what is left out has its default`() throws {
        let found = try files.configured("model: {}\n\(needed)")
        let expected = TrainingConfiguration(
            file: "\(files.path)/t.yaml", start: .model(ModelConfiguration()),
            train: .init(annotations: "\(files.path)/a.json", images: "\(files.path)/images"),
            output: "\(files.path)/out")
        #expect(found == expected)
        #expect(found.iterations == 10_000 && found.schedule == Schedule(rate: 0.0025, iterations: 10_000))
        #expect(found.freezing == .init(stages: 0, batchNorm: false))
        #expect(found.evaluateEvery == nil && found.clip == nil && found.ema == nil && found.warnings.isEmpty)
    }

    @Test func `the rate grows with the pictures of an iteration`() throws {
        let found = try files.configured("model: {}\nbatch: 4\naccumulate: 8\n\(needed)")
        #expect(found.schedule.rate == 0.04)
    }

    @Test func `fine-tuning keeps the first stage and the statistics`() throws {
        let found = try files.configured("from: m.pth\n\(needed)")
        #expect(found.start == .checkpoint(path: "\(files.path)/m.pth"))
        #expect(found.freezing == .init(stages: 2, batchNorm: true))
        #expect(found.warnings.isEmpty)
    }

    @Test func `every key is read`() throws {
        let found = try files.configured(
            """
            from: m.pth
            train: {annotations: a.json, images: images}
            validation: {annotations: v.json, images: images}
            output: out/../deep/er
            iterations: 500
            batch: 3
            accumulate: 2
            learning_rate: 1e-3
            momentum: 0.8
            weight_decay: 0
            schedule: {kind: step, warmup: 7, warmup_factor: 0.5, steps: [100, 200], factor: 0.25}
            clip: 35
            ema: 0.999
            freeze: {stages: 1, batch_norm: false}
            sampling: {anchors: 64, regions: 128, pre_nms: 300, post_nms: 200}
            augment: {flip: 0, scales: [200, 300], brightness: 0.1, contrast: 0.2, saturation: 0.3, hue: 0.4}
            evaluate_every: 9
            checkpoint_every: 8
            keep: 1
            log_every: 2
            seed: ${SEED}
            threads: 5
            loaders: 4
            """, environment: ["SEED": "77"])
        var expected = TrainingConfiguration(
            file: "\(files.path)/t.yaml", start: .checkpoint(path: "\(files.path)/m.pth"),
            train: .init(annotations: "\(files.path)/a.json", images: "\(files.path)/images"),
            validation: .init(annotations: "\(files.path)/v.json", images: "\(files.path)/images"),
            output: "\(files.path)/deep/er", iterations: 500, batch: 3, accumulate: 2, learningRate: 0.001)
        (expected.momentum, expected.weightDecay) = (0.8, 0)
        (expected.schedule.warmup, expected.schedule.warmupFactor) = (7, 0.5)
        expected.schedule.decay = .steps([100, 200], factor: 0.25)
        (expected.clip, expected.ema) = (35, 0.999)
        expected.freezing = .init(stages: 1, batchNorm: false)
        (expected.sampling.anchors.size, expected.sampling.regions.size) = (64, 128)
        (expected.sampling.preNmsTopN, expected.sampling.postNmsTopN) = (300, 200)
        expected.augmentation.flip = 0
        expected.augmentation.scales = [200, 300]
        (expected.augmentation.brightness, expected.augmentation.contrast) = (0.1, 0.2)
        (expected.augmentation.saturation, expected.augmentation.hue) = (0.3, 0.4)
        (expected.evaluateEvery, expected.checkpointEvery, expected.keep, expected.logEvery) = (9, 8, 1, 2)
        (expected.seed, expected.threads, expected.loaders) = (77, 5, 4)
        #expect(found == expected)
    }

    @Test func `a cosine is a schedule by its name alone`() throws {
        #expect(try files.configured("model: {}\nschedule: cosine\n\(needed)").schedule.decay == .cosine)
    }

    @Test func `validation is evaluated on ten times`() throws {
        let validation = "validation: {annotations: v.json, images: images}\n"
        func every(_ lines: String) throws -> Int? {
            try files.configured("model: {}\n\(validation)\(needed)\(lines)").evaluateEvery
        }
        #expect(try every("iterations: 2000") == 200)
        #expect(try every("iterations: 3") == 1)
        #expect(try every("evaluate_every: off") == nil)
    }

    @Test func `a model is a file or a mapping`() throws {
        guard case .model(let fromFile) = try files.configured("model: model.json\n\(needed)").start else {
            Issue.record("no model")
            return
        }
        #expect(fromFile.transform.minSize == 240 && fromFile.classes == 9)
        let lines = """
            model: {backbone: resnext101_32x8d, min_size: 400, max_size: 600, anchor_sizes: [8, 16, 32, 64, 128.5],
              aspect_ratios: [1], score_threshold: 0.2, detections_per_image: 7}
            """
        guard case .model(let mapped) = try files.configured("\(lines)\n\(needed)").start else {
            Issue.record("no model")
            return
        }
        var expected = BackboneName.resnext101.configuration
        (expected.transform.minSize, expected.transform.maxSize) = (400, 600)
        expected.proposals.anchorSizes = [8, 16, 32, 64, 128.5]
        expected.proposals.aspectRatios = [1]
        (expected.boxHead.scoreThreshold, expected.boxHead.detectionsPerImage) = (0.2, 7)
        #expect(mapped == expected)
    }

    @Test(arguments: BackboneName.allCases)
    func `a network can be built on every backbone`(name: BackboneName) throws {
        try name.configuration.validate()
    }

    @Test func `what is frozen at random is warned of`() throws {
        let found = try files.configured("model: {}\nfreeze: {stages: 2}\n\(needed)").warnings
        #expect(found.map(\.line) == [2] && found[0].message.hasPrefix("what is frozen stays at random"), "\(found)")
    }

    @Test func `validation on what is learned is warned of`() throws {
        let lines = "model: {}\nvalidation: {annotations: a.json, images: images}\n"
        let found = try files.configured(lines + needed).warnings
        #expect(found.map(\.line) == [2], "\(found)")
    }

    @Test func `a file is loaded from where it lies`() throws {
        try files.write("model: model.json\n\(needed)", to: "t.yaml")
        let found = try TrainingConfiguration.load(path: "\(files.path)/t.yaml", environment: [:])
        #expect(found.train.annotations == "\(files.path)/a.json")
        let error = #expect(throws: ConfigurationError.self) {
            try TrainingConfiguration.load(path: "\(files.path)/no.yaml", environment: [:])
        }
        #expect(error?.description.hasSuffix("/no.yaml: there is no such file; name one with --config") == true)
    }

    @Test func `the summary says what is done with what`() throws {
        let lines = """
            from: m.pth
            batch: 2
            accumulate: 4
            schedule: cosine
            ema: 0.99
            augment: {scales: [200], hue: 0.1}
            """
        let expected = """
            DIR/t.yaml: 10000 iterations, each of 4 batches of 2 pictures
            start       DIR/m.pth
            train       DIR/a.json, images in DIR/images
            validation  none
            rate        0.01, warm-up of 1000 iterations, cosine to 0
            descent     momentum 0.9, weight decay 0.0001, average with a decay of 0.99
            frozen      first convolution, 1 stage, batch normalisation
            sampling    256 anchors, 512 regions of 2000 proposals from 2000 candidates a level
            pictures    flip 0.5, scales 200, hue 0.1
            evaluation  none
            output      DIR/out, every 500 iterations, the newest 3 kept
            run         seed 1, a thread a processor, 2 to read pictures
            """
        let found = try files.configured("\(lines)\n\(needed)").summary
        #expect(found.replacingOccurrences(of: files.path, with: "DIR") == expected)
        let model = try files.configured("model: {backbone: resnet18}\n\(needed)").summary
        #expect(
            model.contains("random weights, ResNet of [2, 2, 2, 2] basic blocks, pictures of 800 to 1333 pixels\n"))
        #expect(model.contains("0.0025, warm-up of 1000 iterations, times 0.1 at 6153, 8461\n"))
    }
}
