import Configuration
import Foundation
import Testing
import Tracking

@testable import Service

/// Everything in the folder Config is read here, so that it stays as the program is.
@Suite("The configurations and the schema in Config")
struct ExampleTests {
    private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../Config").standardized.path

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
    }

    private func schema() throws -> [String: Any] {
        let data = Data(try text("segmentd.schema.json").utf8)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    /// The schema's mappings by name.
    private func sections() throws -> [String: [String: Any]] {
        let schema = try schema()
        var sections = try #require(schema["$defs"] as? [String: [String: Any]]).filter { $1["properties"] != nil }
        sections["service"] = schema
        return sections
    }

    @Test(
        "every example is a configuration without a warning", arguments: ["segmentd.yaml", "rtsp.yaml", "cameras.yaml"])
    func examples(name: String) throws {
        let configuration = try ServiceConfiguration.load(
            path: "\(folder)/\(name)", environment: ["CAMERA_PASSWORD": "secret"])
        #expect(!configuration.streams.isEmpty)
        #expect(configuration.streams.allSatisfy { !$0.outputs.isEmpty })
        #expect(configuration.warnings.isEmpty)
        #expect(try text(name).hasPrefix("# yaml-language-server: $schema=segmentd.schema.json\n"))
    }

    @Test("the cameras inherit what the defaults say")
    func cameras() throws {
        let streams = try ServiceConfiguration.load(path: "\(folder)/cameras.yaml", environment: [:]).streams
        #expect(streams.map(\.name) == ["gate", "yard", "desk", "hall"])
        #expect(streams.allSatisfy { $0.source.transport == .tcp && $0.motionGate != nil })
        #expect(streams.map(\.source.readTimeout) == [.seconds(5), .seconds(20), .seconds(5), .seconds(5)])
    }

    @Test("the commented configuration has every key, and what it sets are the defaults")
    func commented() throws {
        let text = try text("segmentd.yaml")
        for (section, keys) in ConfigurationKeys.all {
            for key in keys where !(section == "http" && key == "address") {
                #expect(text.contains(try Regex("(?m)(^|[ {])\(key): ?")), "\(section).\(key) is not in segmentd.yaml")
            }
        }
        let bare = try configured(
            "streams: [{name: shapes, source: 'test:shapes?size=640x360&rate=15', outputs: [socket: /tmp/segmentd.sock]}]"
        )
        #expect(try ServiceConfiguration.load(path: "\(folder)/segmentd.yaml", environment: [:]) == bare)
    }

    @Test("the schema has the keys that are read, no more and no less, and says what each is")
    func keys() throws {
        let sections = try sections()
        #expect(Set(sections.keys) == Set(ConfigurationKeys.all.keys))
        for (name, section) in sections {
            let properties = try #require(section["properties"] as? [String: [String: Any]])
            #expect(Set(properties.keys) == Set(ConfigurationKeys.all[name] ?? []), "\(name)")
            #expect(section["additionalProperties"] as? Bool == false, "\(name)")
            for (key, property) in properties {
                let isDescribed = property["description"] != nil || property["$ref"] as? String == "#/$defs/point"
                #expect(isDescribed || key == "units", "\(name).\(key) has no description")
            }
        }
    }

    @Test("the schema's defaults are the program's")
    func defaults() throws {
        let sections = try sections()
        func defaults(_ section: String, _ more: [String: Any] = [:]) -> [String: Any] {
            let properties = sections[section]?["properties"] as? [String: [String: Any]] ?? [:]
            return properties.compactMapValues { $0["default"] }.merging(more) { $1 }
        }
        var service = defaults("service")
        service["http"] = defaults("http")
        service["log"] = defaults("log")
        let reconnect = defaults("reconnect")
        let outputs: [[String: Any]] = [
            ["socket": defaults("socket", ["path": "/x/s"])], ["json": defaults("json", ["path": "/x/j"])],
            ["record": defaults("record", ["directory": "/x/r"])], ["hls": defaults("hls", ["directory": "/x/h"])],
            ["push": defaults("push", ["url": "rtsp://h/p", "reconnect": reconnect])],
            ["mqtt": defaults("mqtt", ["host": "h"])],
        ]
        service["streams"] = [
            defaults(
                "stream",
                [
                    "name": "a", "source": defaults("source", ["url": "test:shapes", "reconnect": reconnect]),
                    "tracker": defaults("tracker"), "annotate": defaults("annotate"), "encoding": defaults("encoding"),
                    "events": defaults("events"), "outputs": outputs,
                ])
        ]
        // Every JSON text is YAML.
        let json = String(decoding: try JSONSerialization.data(withJSONObject: service), as: UTF8.self)
        let bare = try configured(
            """
            streams: [{name: a, source: test:shapes, outputs: [socket: /x/s, json: /x/j, record: /x/r, hls: /x/h,
              push: rtsp://h/p, mqtt: h]}]
            """)
        #expect(try configured(json) == bare)
        // The gate's own defaults hold where the configuration is silent.
        let gate = defaults("motion_gate")
        #expect(gate["threshold"] as? Double == MotionGateConfiguration().threshold)
        #expect(gate["area"] as? Double == MotionGateConfiguration().area)
        #expect((gate["refresh"] as? String).flatMap(Quantity.duration) == .seconds(MotionGateConfiguration().refresh))
    }
}
