import Foundation
import Testing

@Suite("segmentd model")
struct ModelTests {
    @Test("info shows the architecture and the categories")
    func info() throws {
        let folder = try Workspace()
        let result = try Program.run("model", "info", folder.model)
        #expect(result.status == 0 && result.errors == "")
        for words in ["ResNet-12", "category 1, category 2, category 3, category 4", "shorter side 47"] {
            #expect(result.output.contains(words), "\(result.output)")
        }
    }

    @Test("the configuration that info prints can be imported with, and gives the same model")
    func roundTrip() throws {
        let folder = try Workspace()
        let printed = try Program.run("model", "info", folder.model, "--json")
        #expect(printed.status == 0)
        try folder.write(printed.output.utf8, to: "configuration.json")
        let imported = try Program.run(
            "model", "import", folder.model, "--configuration", folder("configuration.json"), "--output",
            folder("again.safetensors"))
        #expect(imported.status == 0, "\(imported.errors)")
        #expect(imported.output == "")
        #expect(try folder.bytes("again.safetensors") == folder.bytes("model.safetensors"))
    }

    @Test("categories can be named, as many as there are classes")
    func categories() throws {
        let folder = try Workspace()
        let output = folder("named.safetensors")
        let named = try Program.run(
            "model", "import", folder.model, "--categories", "cat, dog,cow,hen", "--output", output)
        #expect(named.status == 0, "\(named.errors)")
        #expect(try Program.run("model", "info", output).output.contains("cat, dog, cow, hen"))
        let before = try folder.names
        let refused = try Program.run(
            "model", "import", folder.model, "--categories", "cat", "--output", folder("x.safetensors"))
        try expectRefusal(refused, saying: "1 names", "4 classes", in: folder, leaving: before)
    }

    /// One of the tiny Detectron2 checkpoints among the fixtures.
    private func detectron2(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Fixtures/detectron2/\(name).pkl").standardized.path
    }

    @Test(
        "a Detectron2 checkpoint becomes a model with Detectron2's rules",
        arguments: [
            ("r50_fpn", ["ResNet-17 with FPN of 6 channels", "detectron2's", "3 without names"]),
            ("x101_fpn", ["ResNeXt-17 4x32d", "person, bicycle, car"]), ("r50_c4", ["ResNet-17-C4", "8.0 16.0 24.0"]),
        ])
    func importDetectron2(name: String, words: [String]) throws {
        let folder = try Workspace()
        let output = folder("detectron2.safetensors")
        let imported = try Program.run("model", "import", detectron2(name), "--output", output)
        #expect(imported.status == 0 && imported.errors.contains("Detectron2's weights"), "\(imported.errors)")
        let shown = try Program.run("model", "info", output).output
        for word in words { #expect(shown.contains(word), "\(shown)") }
        // What was imported once is a model like any other.
        let again = try Program.run("model", "import", output, "--output", folder("again.safetensors"))
        #expect(again.status == 0, "\(again.errors)")
        #expect(try folder.bytes("again.safetensors") == folder.bytes("detectron2.safetensors"))
    }

    @Test("a configuration file goes over what a Detectron2 checkpoint tells")
    func configuredDetectron2() throws {
        let folder = try Workspace()
        let configuration = try folder.write(#"{"backbone":{"strides_first":false}}"#.utf8, to: "configuration.json")
        let output = folder("detectron2.safetensors")
        let imported = try Program.run(
            "model", "import", detectron2("r50_fpn"), "--categories", "a,b,c", "--configuration", configuration,
            "--output", output)
        #expect(imported.status == 0, "\(imported.errors)")
        let printed = try Program.run("model", "info", output, "--json").output
        #expect(printed.contains(#""strides_first":false"#) && printed.contains(#""rules":"detectron2""#))
    }

    @Test("the order of channels is asked of Detectron2's checkpoints alone")
    func order() throws {
        let folder = try Workspace()
        let before = try folder.names
        let refused = try Program.run(
            "model", "import", folder.model, "--rgb", "--output", folder("x.safetensors"))
        try expectRefusal(refused, saying: "--rgb", "Detectron2", in: folder, leaving: before)
    }
}
