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
}
