import Foundation
import Testing

@Suite("segmentd check")
struct CheckTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private func check(_ text: String, environment: [String: String] = [:]) throws -> Program.Result {
        let file = try workspace.write(text.utf8, to: "c.yaml")
        return try Program(["check", "--config", file], environment: environment).finish()
    }

    @Test("shows what a right configuration comes to, without secrets")
    func right() throws {
        let result = try check(
            """
            model: model.safetensors
            http: off
            streams:
            - {name: door, source: "rtsp://me:hunter2@camera.example/1?token=hunter2", outputs: [hls: /x, {mqtt: h}]}
            - {name: demo, source: test:shapes, policy: every-frame}
            """)
        #expect(result.status == 0)
        // Everybody may read the file of this test.
        #expect(result.messages.count == 1 && result.errors.contains("can read the URL's password"), "\(result.errors)")
        #expect(!result.errors.contains("hunter2") && !result.output.contains("hunter2"))
        let lines = result.output.split(separator: "\n")
        #expect(lines.first?.hasSuffix("/c.yaml: 2 streams") == true)
        #expect(
            Array(lines.dropFirst(2)) == [
                "page off", "NAME  POLICY       SOURCE                             OUTPUTS",
                "door  latency      rtsp://camera.example/1?token=***  hls /x",
                "                                                      mqtt h:1883 segmentd/door",
                "demo  every-frame  test:shapes                        none",
            ], "\(result.output)")
    }

    @Test("tells every fault with its place, one a line")
    func wrong() throws {
        let result = try check("streams:\n- {name: a, sorce: x}\nthreads: many\n")
        #expect(result.status == 1 && result.output == "")
        let file = workspace("c.yaml")
        #expect(
            result.messages == [
                "\(file):2:3: a stream needs a source",
                "\(file):2:13: unknown key 'sorce' in stream; did you mean 'source'?",
                "\(file):3:10: threads is 'many'; it must be a whole number from 1 to 1024",
            ], "\(result.errors)")
    }

    @Test("tells classes that the model does not know")
    func classes() throws {
        let result = try check(
            """
            model: model.safetensors
            streams:
            - name: a
              source: test:shapes
              classes: [unicorn]
              zones: [{name: z, polygon: [[0, 0], [1, 0], [0, 1]], classes: [dragon]}]
            """)
        #expect(result.status == 1 && result.output == "")
        #expect(result.messages.count == 2, "\(result.errors)")
        #expect(result.errors.contains("/c.yaml:5:13: the model knows no class 'unicorn'"))
        #expect(result.errors.contains("/c.yaml:6:66: the model knows no class 'dragon'"))
    }

    @Test("tells what is wrong with the file or the model itself")
    func files() throws {
        let missing = try Program(["check"], folder: workspace.path, environment: ["SEGMENTD_CONFIG": "no.yaml"])
            .finish()
        #expect(missing.status == 1)
        #expect(missing.errors == "no.yaml: there is no such file; name one with --config\n")
        try workspace.write("nonsense".utf8, to: "bad.safetensors")
        let model = try check("model: bad.safetensors\nstreams: [{name: a, source: test:shapes}]\n")
        #expect(model.status == 1 && model.messages.count == 1, "\(model.errors)")
        #expect(model.errors.contains("bad.safetensors"))
    }

    @Test("warns, and still says that all is well")
    func warning() throws {
        let result = try check("model: model.safetensors\nhttp: 0.0.0.0:1\nstreams: [{name: a, source: test:shapes}]\n")
        #expect(result.status == 0 && result.output.contains("1 stream\n"))
        #expect(result.messages.count == 1 && result.errors.hasPrefix("warning: "), "\(result.errors)")
    }
}
