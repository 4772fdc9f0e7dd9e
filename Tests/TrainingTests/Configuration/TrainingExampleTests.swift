import Configuration
import Foundation
import MaskRCNN
import Testing

@testable import Training

/// The configurations of trainings in the folder Config, and their schema, are read here, so that they stay as the program is.
struct TrainingExampleTests {
    private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../..").standardized.path
    private let files: TrainingFiles

    init() throws {
        files = try TrainingFiles()
        for folder in ["Config/data", "data"] {
            for part in ["train", "validation"] {
                try files.write("", to: "\(folder)/\(part)/annotations.json")
                try files.write("", to: "\(folder)/\(part)/images/1.png")
            }
        }
        try files.write(text("Samples/train/shapes.json"), to: "Samples/train/shapes.json")
    }

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(root)/\(name)", encoding: .utf8)
    }

    /// An example as it is beside its data.
    private func example(_ name: String) throws -> TrainingConfiguration {
        try files.write(text("Config/\(name)"), to: "Config/\(name)")
        return try TrainingConfiguration.load(path: "\(files.path)/Config/\(name)", environment: [:])
    }

    private func schema() throws -> [String: Any] {
        let data = Data(try text("Config/train.schema.json").utf8)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    /// The schema's mappings by name.
    private func sections() throws -> [String: [String: Any]] {
        let schema = try schema()
        var sections = try #require(schema["$defs"] as? [String: [String: Any]]).filter { $1["properties"] != nil }
        sections["training"] = schema
        return sections
    }

    @Test(arguments: ["train.yaml", "train-shapes.yaml"])
    func `every example is a configuration without a warning`(name: String) throws {
        let configuration = try example(name)
        #expect(configuration.validation != nil && configuration.warnings.isEmpty)
        #expect(try text("Config/\(name)").hasPrefix("# yaml-language-server: $schema=train.schema.json\n"))
    }

    @Test func `the example of shapes trains the sample's model`() throws {
        let model = try ModelConfiguration(json: text("Samples/train/shapes.json"))
        let configuration = try example("train-shapes.yaml")
        #expect(configuration.start == .model(model))
        #expect(configuration.train.images == "\(files.path)/Config/../data/train/images")
        #expect(configuration.schedule.decay == .cosine && configuration.ema == 0.998)
    }

    @Test func `the commented configuration has every key, and what it sets are the defaults`() throws {
        let text = try text("Config/train.yaml")
        for (section, keys) in TrainingKeys.all {
            for key in keys {
                #expect(
                    text.contains(try Regex("(?m)^( *|# | *# )\(key): ?")), "\(section).\(key) is not in train.yaml")
            }
        }
        let data = "\(files.path)/Config/data"
        let expected = TrainingConfiguration(
            file: "\(files.path)/Config/train.yaml", start: .model(ModelConfiguration()),
            train: .init(annotations: "\(data)/train/annotations.json", images: "\(data)/train/images"),
            validation: .init(annotations: "\(data)/validation/annotations.json", images: "\(data)/validation/images"),
            output: "\(files.path)/Config/training")
        #expect(try example("train.yaml") == expected)
    }

    @Test func `the defaults that follow from others are as the comments say`() throws {
        let option = try Regex(
            "(?m)^( *)# (learning_rate|warmup|steps|evaluate_every):", as: (Substring, Substring, Substring).self)
        let commented = try text("Config/train.yaml")
        #expect(commented.matches(of: option).count == 4)
        try files.write(commented.replacing(option) { "\($0.1)\($0.2):" }, to: "Config/set.yaml")
        var set = try TrainingConfiguration.load(path: "\(files.path)/Config/set.yaml", environment: [:])
        set.file = "\(files.path)/Config/train.yaml"
        #expect(try example("train.yaml") == set)
    }

    @Test func `the schema has the keys that are read, no more and no less, and says what each is`() throws {
        let sections = try sections()
        #expect(Set(sections.keys) == Set(TrainingKeys.all.keys))
        for (name, section) in sections {
            let properties = try #require(section["properties"] as? [String: [String: Any]])
            #expect(Set(properties.keys) == Set(TrainingKeys.all[name] ?? []), "\(name)")
            #expect(section["additionalProperties"] as? Bool == false, "\(name)")
            for (key, property) in properties {
                #expect(property["description"] != nil, "\(name).\(key) has no description")
            }
        }
    }

    @Test func `the schema names the backbones that are known`() throws {
        let properties = try #require(try sections()["model"]?["properties"] as? [String: [String: Any]])
        let choices = try #require(properties["backbone"]?["anyOf"] as? [[String: Any]])
        #expect(choices.compactMap { $0["enum"] as? [String] } == [BackboneName.allCases.map(\.rawValue)])
    }

    @Test func `the schema's defaults are the program's`() throws {
        let sections = try sections()
        func defaults(_ section: String) -> [String: Any] {
            let properties = sections[section]?["properties"] as? [String: [String: Any]] ?? [:]
            return properties.compactMapValues { $0["default"] }
        }
        var training = defaults("training")
        training["model"] = defaults("model")
        training["train"] = ["annotations": "a.json", "images": "images"]
        training["output"] = "out"
        for name in ["schedule", "sampling", "augment"] { training[name] = defaults(name) }
        // Every JSON text is YAML.
        let json = String(decoding: try JSONSerialization.data(withJSONObject: training), as: UTF8.self)
        #expect(try files.configured(json) == files.configured("model: {}\n\(TrainingFiles.needed)"))
        #expect(defaults("training").count == 12 && defaults("augment").count == 5)
    }
}
