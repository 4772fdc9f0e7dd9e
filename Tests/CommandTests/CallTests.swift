import Testing

@Suite("How segmentd is called")
struct CallTests {
    @Test(
        "help is a text of several lines on standard output",
        arguments: [
            ["--help"], ["help", "annotate"], ["annotate", "--help"], ["detect", "--help"], ["model", "--help"],
            ["model", "import", "--help"], ["model", "info", "--help"], ["bench", "--help"], ["track", "--help"],
            ["synthesize", "--help"], ["check", "--help"], [],
        ])
    func help(arguments: [String]) throws {
        let result = try Program(arguments).finish()
        #expect(result.status == 0 && result.errors == "")
        #expect(result.output.hasPrefix("OVERVIEW: "))
        let lines = result.output.split(separator: "\n")
        #expect(lines.count > 5)
        #expect(lines.contains { $0.hasPrefix("USAGE: segmentd") })
    }

    @Test(
        "a wrong call shows how it is right",
        arguments: [
            ["annotate"], ["fly"], ["annotate", "a.mp4", "--colour"], ["detect"], ["bench", "--repeat", "many"],
        ])
    func wrongCall(arguments: [String]) throws {
        let result = try Program(arguments).finish()
        #expect(result.status == 64 && result.output == "")
        #expect(result.errors.hasPrefix("Error: "))
        #expect(result.errors.contains("Usage: segmentd"))
    }

    @Test(
        "a value that an option cannot have is refused in one line",
        arguments: [
            ["synthesize", "--output", "x", "--size", "big"], ["bench", "--size", "640xabcx480x"],
            ["track", "-", "--frame-rate", "0"], ["annotate", "a.mp4", "--threshold", "2"],
            ["annotate", "a.mp4", "--duplicate-thresh", "1.5"],
        ])
    func impossibleValue(arguments: [String]) throws {
        let result = try Program(arguments).finish()
        #expect(result.status == 1 && result.output == "")
        #expect(result.errors.hasPrefix("Error: ") && result.errors.split(separator: "\n").count == 1)
    }
}
