import Foundation
import Testing

@Suite("Damaged inputs of segmentd annotate")
struct DamageTests {
    /// Annotates, and expects that what there is comes out, with a warning.
    private func expectWarning(
        _ input: String, saying words: String, in folder: Workspace, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [Line] {
        let result = try Program.run(
            "annotate", input, "--model", folder.model, "--quiet", "--output", folder("out.mp4"), "--json", "-")
        #expect(result.status == 0, "\(result.errors)", sourceLocation: sourceLocation)
        #expect(!result.messages.isEmpty, sourceLocation: sourceLocation)
        #expect(result.messages.allSatisfy { $0.hasPrefix("warning: ") }, sourceLocation: sourceLocation)
        #expect(result.errors.contains(words), "\(result.errors)", sourceLocation: sourceLocation)
        let lines = try Line.all(result.output)
        #expect(try times(folder("out.mp4")).count == lines.count, sourceLocation: sourceLocation)
        return lines
    }

    @Test(
        "a video cut off behind its index gives the frames before the cut",
        arguments: [
            ("in.mp4", "-c:v libx264 -g 10 -movflags +faststart"),
            ("in.mp4", "-c:v libx264 -g 10 -movflags +frag_keyframe+empty_moov"), ("in.mkv", "-c:v libx264 -g 10"),
        ])
    func truncated(name: String, options: String) throws {
        let folder = try Workspace()
        try folder.video("whole-\(name)", frames: 100, options)
        let bytes = try folder.bytes("whole-\(name)")
        try folder.write(bytes.prefix(bytes.count * 6 / 10), to: name)
        let lines = try expectWarning(folder(name), saying: "is cut off", in: folder)
        #expect((10..<95).contains(lines.count))
        let whole = try times(folder("whole-\(name)"))
        #expect(isClose(lines.map(\.pts), Array(whole.prefix(lines.count)), within: 1e-6))
    }

    @Test("packets damaged in the middle are counted, and the rest goes on", arguments: ["in.mkv", "in.mp4"])
    func corrupt(name: String) throws {
        let folder = try Workspace()
        try folder.video("whole-\(name)", frames: 100, "-c:v libx264 -g 10 -bf 0")
        // The bytes of the packets in the middle; what the container itself is made of stays whole.
        let positions = try probe(folder("whole-\(name)"), "packet=pos,size").map { line in
            line.split(separator: ",").compactMap { Int($0) }
        }
        var bytes = try folder.bytes("whole-\(name)")
        for numbers in positions[40..<50] {
            let (size, position) = (numbers[0], numbers[1])
            // Matroska's position is that of a block's header, behind which the packet lies.
            for index in stride(from: position + 24, to: position + size, by: 3) { bytes[index] ^= 0xff }
        }
        try folder.write(bytes, to: name)
        let lines = try expectWarning(folder(name), saying: "damaged frames", in: folder)
        #expect(lines.count >= 85)
        #expect(isClose([lines.last?.pts ?? 0], [try #require(times(folder("whole-\(name)")).last)], within: 1e-6))
    }
}
