import Foundation
import Testing

/// A folder with a small data set of shapes, the description of a small network, and configurations that a test writes.
final class TrainingWorkspace {
    let folder: Workspace
    /// What `synthesize` has annotated.
    let annotations: [String: Any]

    /// The data set's categories are those of `synthesize`.
    init(images: Int = 4) throws {
        folder = try Workspace()
        let made = try Program.run(
            "synthesize", "--output", folder("data"), "--images", "\(images)", "--size", "96x64", "--seed", "3",
            "--quiet")
        try #require(made.status == 0, "\(made.errors)")
        let data = Data(try folder.bytes("data/annotations.json"))
        annotations = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        try folder.write(
            """
            {"transform": {"min_size": 64, "max_size": 96},
            "backbone": {"block": "basic", "layers": [1, 1, 1, 1], "stem_width": 8, "widths": [8, 16, 16, 16]},
            "pyramid": {"channels": 16}, "proposals": {"anchor_sizes": [8, 16, 32, 64, 128]},
            "box_head": {"fully_connected": [24, 24], "score_threshold": 0},
            "mask_head": {"convolutions": [16], "hidden": 16}}
            """.utf8, to: "tiny.json")
    }

    /// Writes `t.yaml`.
    ///
    /// - Parameters:
    ///   - start: What it begins with.
    ///   - more: Lines behind those that every configuration needs.
    func configure(
        _ start: String = "model: tiny.json", annotations: String = "data/annotations.json", output: String = "out",
        iterations: Int = 3, adding more: String = ""
    ) throws {
        try folder.write(
            """
            \(start)
            train: {annotations: \(annotations), images: data/images}
            output: \(output)
            iterations: \(iterations)
            sampling: {anchors: 32, regions: 16, pre_nms: 60, post_nms: 30}
            threads: 1
            log_every: 1
            \(more)

            """.utf8, to: "t.yaml")
    }

    /// Runs `segmentd train` on what `configure` wrote.
    func train(_ options: String...) throws -> Program.Result {
        try Program(["train", "--config", folder("t.yaml")] + options).finish()
    }

    /// Writes annotations that a test has changed, `bad.json`.
    func annotate(_ change: (inout Annotations) throws -> Void) throws {
        var changed = Annotations(whole: annotations)
        try change(&changed)
        try folder.write(JSONSerialization.data(withJSONObject: changed.whole), to: "bad.json")
    }

    /// A data set's file.
    struct Annotations {
        var whole: [String: Any]

        /// The parts of a list, such as `images`.
        subscript(list: String) -> [[String: Any]] {
            get { whole[list] as? [[String: Any]] ?? [] }
            set { whole[list] = newValue }
        }

        /// A value of the second annotation, whose id the tests expect in messages.
        subscript(annotation key: String) -> Any? {
            get { self["annotations"][1][key] }
            set { self["annotations"][1][key] = newValue }
        }
    }

    /// The newest iteration that a checkpoint is of.
    func iteration(in output: String = "out") throws -> Int? {
        try FileManager.default.contentsOfDirectory(atPath: folder(output)).compactMap { name in
            let number = name.split(separator: "-").last?.split(separator: ".").first
            return name.hasPrefix("checkpoint-") ? number.flatMap { Int($0) } : nil
        }.max()
    }
}
