import ArgumentParser

@main
struct Segmentd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "segmentd", abstract: "Segments object instances in video, on the CPU.",
        subcommands: [
            AnnotateCommand.self, DetectCommand.self, ModelCommand.self, BenchCommand.self, TrackCommand.self,
            SynthesizeCommand.self,
        ])
}
