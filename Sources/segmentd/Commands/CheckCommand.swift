import ArgumentParser
import Foundation
import MaskRCNN
import Service

/// `segmentd check`: whether a configuration can be used.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Checks a configuration and shows what it comes to.",
        discussion: """
            Everything that is wrong is told with file, line and column, and ends with exit code 1. Nothing is connected to, opened for \
            writing or changed.
            """)

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The configuration; $SEGMENTD_CONFIG, ./segmentd.yaml or /etc/segmentd/segmentd.yaml if not given.",
            valueName: "file"))
    var config: String?

    func run() throws {
        let configuration = try ServiceConfiguration.load(
            path: config, environment: ProcessInfo.processInfo.environment)
        let path = try SampleModel.path(or: configuration.model)
        try configuration.check(categories: Model(path: path).configuration.categories)
        for warning in configuration.warnings { Terminal.note("warning: \(warning)") }
        print(configuration.summary(model: path))
    }
}
