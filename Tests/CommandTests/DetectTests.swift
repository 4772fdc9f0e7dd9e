import Foundation
import Testing

@Suite("segmentd detect")
struct DetectTests {
    private func results(_ text: String) throws -> [Line.Object] {
        try JSONDecoder().decode([Line.Object].self, from: Data(text.utf8))
    }

    @Test("images are numbered in their natural order, from a folder or a pattern", arguments: ["", "/img*.png"])
    func order(pattern: String) throws {
        let folder = try Workspace()
        let images = try folder.images("images", count: 11)
        let result = try Program.run("detect", images + pattern, "--model", folder.model, "--threshold", "0")
        #expect(result.status == 0, "\(result.errors)")
        let objects = try results(result.output)
        #expect(!objects.isEmpty)
        for object in objects {
            let number = try #require(object.imageID)
            #expect(object.fileName == "img\(number).png")
            try expectSound(object, width: 96, height: 64)
        }
        let numbers = objects.compactMap(\.imageID)
        #expect(numbers == numbers.sorted() && numbers.count > 11)
        #expect(result.errors.contains("11 images in"))
    }

    @Test("files are numbered as they are given, and the results go to a file")
    func files() throws {
        let folder = try Workspace()
        let images = try folder.images("images")
        let result = try Program.run(
            "detect", images + "/img3.png", images + "/img1.png", "--model", folder.model, "--threshold", "0",
            "--output", folder("results.json"), "--quiet")
        #expect(result.status == 0)
        #expect(result.output == "" && result.errors == "")
        let names = try results(folder.text("results.json")).map { "\($0.imageID ?? 0) \($0.fileName ?? "")" }
        #expect(Set(names) == ["1 img3.png", "2 img1.png"])
    }

    @Test("--threshold and --classes leave out what is not asked for")
    func filters() throws {
        let folder = try Workspace()
        let images = try folder.images("images")
        func objects(_ more: String...) throws -> [Line.Object] {
            let result = try Program(["detect", images, "--model", folder.model] + more).finish()
            #expect(result.status == 0, "\(result.errors)")
            return try results(result.output)
        }
        let all = try objects("--threshold", "0")
        let scores = all.map(\.score).sorted()
        let middle = try #require(scores.isEmpty ? nil : scores[scores.count / 2])
        let sure = try objects("--threshold", "\(middle)")
        #expect(sure.count < all.count)
        // Scores are written with six decimals.
        #expect(sure.allSatisfy { $0.score >= middle - 1e-6 })
        #expect(try objects("--threshold", "1").isEmpty)
        let category = try #require(all.first?.category)
        let chosen = try objects("--threshold", "0", "--classes", category)
        #expect(!chosen.isEmpty && chosen.allSatisfy { $0.category == category })
    }

    @Test("an image that cannot be read among others is named and left out")
    func unreadable() throws {
        let folder = try Workspace()
        let images = try folder.images("images")
        try folder.write("no image".utf8, to: "images/img2.png")
        let result = try Program.run("detect", images, "--model", folder.model, "--threshold", "0")
        #expect(result.status == 0)
        #expect(result.errors.contains("img2.png"))
        let found = try results(result.output)
        #expect(Set(found.compactMap(\.fileName)) == ["img1.png", "img3.png"])
        // The image that was left out keeps its number: others would be compared with the wrong truth.
        #expect(Set(found.map(\.imageID)) == [1, 3])
        // The shell's list of names means the same as the folder.
        let names = (1...3).map { "\(images)/img\($0).png" }
        let listed = try Program(["detect"] + names + ["--model", folder.model, "--threshold", "0"]).finish()
        #expect(listed.status == 0 && listed.errors.contains("img2.png"))
        #expect(try results(listed.output).map(\.imageID) == found.map(\.imageID))
    }

    @Test("an interrupted run leaves nothing", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let folder = try Workspace()
        let images = try folder.images("images", count: 2)
        let before = try folder.names
        // Results are buffered in files, so the run reads a pipe that its second half never leaves.
        try tool("mkfifo", [folder("pipe.ppm")])
        let pipe = folder("pipe.ppm")
        let program = try Program(
            ["detect", images, pipe, "--model", folder.model, "--threshold", "0", "--output", "-"])
        // Once the images' results are there, the program waits for the pipe.
        #expect(program.line() == "[")
        program.send(signal)
        #expect(program.finish().status == 128 + signal)
        #expect(try folder.names == (before + ["pipe.ppm"]).sorted())
    }
}
