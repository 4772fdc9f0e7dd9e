import ArgumentParser
import Checkpoints
import Files
import Foundation
import Instances
import MaskRCNN

/// `segmentd model`: from a checkpoint to a model that describes itself.
struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Imports checkpoints, calibrates models and shows what they are.",
        subcommands: [Import.self, QuantizeCommand.self, Info.self])

    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a model of a torchvision or Detectron2 checkpoint (.pth, .pkl or .safetensors).",
            discussion: """
                The architecture is read off the tensors. What they do not tell (input size, anchors, thresholds, the names \
                of the categories) is torchvision's or Detectron2's default, or comes from a JSON file with --configuration, \
                in which every key may be left out. 'segmentd model info' prints a model's configuration in that form with \
                --json. A Detectron2 checkpoint is recognised by its tensors' names, and keeps Detectron2's rules \
                ("rules": "detectron2").
                """)

        @Argument(
            help:
                "The checkpoint: what torch.save(model.state_dict(), ...) wrote, Detectron2's .pkl or .pth, or a .safetensors file."
        )
        var checkpoint: String

        @Option(name: [.short, .long], help: ArgumentHelp("The .safetensors file to write.", valueName: "file"))
        var output: String

        @Option(
            name: .customLong("configuration"),
            help: ArgumentHelp("A JSON file with what the tensors do not tell.", valueName: "file"))
        var configurationPath: String?

        @Option(
            help: ArgumentHelp(
                "Names of the classes from 1 on, by commas; COCO's for 91 classes if not given.", valueName: "names"))
        var categories: String?

        @Option(
            help: ArgumentHelp(
                "What batch normalisation adds to variances; 1e-5, or 0 for torchvision's published COCO_V1 weights.",
                valueName: "number"))
        var batchNormEpsilon: Float?

        @Flag(help: "The Detectron2 model was trained with INPUT.FORMAT RGB; its default is BGR.")
        var rgb = false

        func run() throws {
            try OutputNames.requireSeparate([output], from: [checkpoint])
            var weights = try Checkpoint.open(checkpoint)
            var imported: ModelConfiguration?
            if Detectron2Import.isRecognized(weights) {
                var options = Detectron2Import.Options()
                (options.hasCOCOCategories, options.isRGB) = (categories == nil, rgb)
                let detectron2 = try Detectron2Import(weights, options: options)
                (weights, imported) = (detectron2.weights, detectron2.configuration)
                Terminal.note("These are Detectron2's weights: they keep Detectron2's rules.")
            } else if rgb {
                throw CommandFailure("--rgb is for Detectron2's checkpoints, and \(checkpoint) is none")
            }
            let configuration = try recognized(weights, imported)
            let model = try Model(configuration, weights: weights)
            // Names of classes change nothing that a calibration depends on; arithmetic does.
            let calibration = configurationPath == nil && batchNormEpsilon == nil ? try? model.calibration() : nil
            try model.write(to: output, calibration: calibration)
            if calibration == nil, weights.metadata[Model.calibrationKey] != nil {
                Terminal.note(
                    "warning: \(output) is not calibrated for int8; calibrate it anew with 'segmentd model quantize'")
            }
            Terminal.note("\(output): \(ModelSummary(model).line)")
            if configuration.categories.isEmpty {
                Terminal.note(
                    "The \(configuration.classes - 1) classes have no names yet; import again with --categories a,b,…")
            }
        }

        /// - Parameter imported: The configuration of a Detectron2 checkpoint.
        private func recognized(_ weights: Checkpoint, _ imported: ModelConfiguration?) throws -> ModelConfiguration {
            var configuration: ModelConfiguration
            if let configurationPath {
                let text = try MappedFile(path: configurationPath).withUnsafeBytes {
                    String(decoding: $0, as: UTF8.self)
                }
                do {
                    configuration = try ModelConfiguration(
                        json: text, over: imported ?? (try? architecture(weights)) ?? ModelConfiguration())
                } catch let failure as ModelConfiguration.Failure {
                    throw CommandFailure("\(configurationPath): \(failure)")
                }
            } else if let imported {
                configuration = imported
            } else if let text = weights.metadata[Model.metadataKey] {
                do {
                    configuration = try ModelConfiguration(json: text)
                } catch let failure as ModelConfiguration.Failure {
                    throw CommandFailure("\(checkpoint): \(failure)")
                }
            } else {
                configuration = try architecture(weights)
            }
            if let batchNormEpsilon {
                configuration.backbone.batchNormEpsilon = batchNormEpsilon
            }
            if let categories {
                let names = categories.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
                guard names.count == configuration.classes - 1 else {
                    throw CommandFailure(
                        "--categories has \(names.count) names; the model has \(configuration.classes - 1) classes beside "
                            + "the background")
                }
                configuration.categories = names.enumerated().map { Instances.Category(id: $0 + 1, name: $1) }
            }
            return configuration
        }

        /// What the tensors tell; and what the name does, since no tensor tells torchvision's published weights.
        private func architecture(_ weights: Checkpoint) throws -> ModelConfiguration {
            var configuration = try ModelConfiguration(recognizing: weights)
            if ModelConfiguration.isPublished(path: checkpoint) {
                configuration.backbone.batchNormEpsilon = 0
                Terminal.note("These are torchvision's published weights: batch normalisation gets an epsilon of 0.")
            }
            return configuration
        }
    }

    struct Info: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows what a model is.")

        @Argument(help: "The model's .safetensors file; the sample model if not given.")
        var model: String?

        @Flag(help: "Print the configuration as JSON.")
        var json = false

        func run() throws {
            let model = try Model(path: SampleModel.path(or: model))
            print(json ? model.configuration.json : ModelSummary(model).table)
        }
    }
}

/// A model in words.
private struct ModelSummary {
    private let model: Model

    init(_ model: Model) { self.model = model }

    private var backbone: String {
        let backbone = model.configuration.backbone
        if backbone.kind == .vgg {
            // With the three layers that classify.
            let depth = backbone.layers.reduce(0, +) + 3
            let normalization = backbone.normalization == .none ? "" : " with \(backbone.normalization.rawValue) norm"
            return "VGG-\(depth)\(normalization)"
        }
        let perBlock = backbone.block == .basic ? 2 : 3
        let depth = backbone.layers.reduce(0, +) * perBlock + 2
        guard backbone.groups > 1 else { return "ResNet-\(depth)" }
        return "ResNeXt-\(depth) \(backbone.groups)x\(backbone.widthPerGroup)d"
    }

    private var millions: String { String(format: "%.1f million parameters", Double(model.parameterCount) / 1e6) }

    private var network: String {
        switch model.configuration.architecture {
        case .fpn: "\(backbone) with FPN"
        case .c4: "\(backbone)-C4"
        }
    }

    var line: String { "Mask R-CNN, \(network), \(model.configuration.classes - 1) classes, \(millions)" }

    var table: String {
        let precisions: String
        do {
            let calibration = try model.calibration()
            precisions = calibration.map { " int8, calibrated on \($0.frames) frames" } ?? ", not calibrated for int8"
        } catch {
            precisions = ", and for int8 an unusable calibration: \(error)"
        }
        let c = model.configuration
        func list<Value>(_ values: [Value]) -> String { values.map { "\($0)" }.joined(separator: " ") }
        let blocks = c.backbone.kind == .vgg ? "convolutions" : "\(c.backbone.block.rawValue) blocks"
        let names = c.categories.map(\.name).joined(separator: ", ")
        return """
            file         \(model.weights.path)
            network      Mask R-CNN, \(network)\(c.architecture == .fpn ? " of \(c.pyramid.channels) channels" : "")
            backbone     \(list(c.backbone.layers)) \(blocks), widths \(list(c.backbone.widths))
            rules        \(c.rules.rawValue)'s
            input        shorter side \(c.transform.minSize), longer at most \(c.transform.maxSize) pixels
            anchors      \(list(c.proposals.anchorSizes)) pixels, height over width \(list(c.proposals.aspectRatios))
            box head     \(list(c.boxHead.convolutions + c.boxHead.fullyConnected)), score above \(c.boxHead.scoreThreshold), \
            at most \(c.boxHead.detectionsPerImage) objects
            mask head    \(list(c.maskHead.convolutions)), then \(c.maskHead.hidden)
            parameters   \(model.parameterCount)
            precisions   fp32 bf16\(precisions)
            categories   \(names.isEmpty ? "\(c.classes - 1) without names" : names)
            """
    }
}
