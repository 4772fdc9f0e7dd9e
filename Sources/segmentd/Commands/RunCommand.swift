import ArgumentParser
import Foundation
import Logging
import MaskRCNN
import Service

/// `segmentd run`: the daemon.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Segments streams until it is stopped: the daemon.",
        discussion: """
            Reads its streams from a YAML file; 'segmentd check' says what is wrong with one. SIGHUP reads the file again, SIGTERM \
            ends all outputs in order.
            """)

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The configuration; $SEGMENTD_CONFIG, ./segmentd.yaml or /etc/segmentd/segmentd.yaml if not given.",
            valueName: "file"))
    var config: String?

    @Option(name: [.short, .long], help: ArgumentHelp("The model, in place of the file's.", valueName: "file"))
    var model: String?

    @Option(
        help: ArgumentHelp(
            "Where the status page listens, in place of the file's; off for nowhere.", valueName: "host:port"))
    var http: String?

    @Option(help: ArgumentHelp("The least level that is logged, in place of the file's.", valueName: "level"))
    var logLevel: ServiceConfiguration.Log.Level?

    @Option(help: ArgumentHelp("Threads of the detector, in place of the file's.", valueName: "number"))
    var threads: Int?

    @Option(help: ArgumentHelp("What products are computed in, in place of the file's.", valueName: "kind"))
    var precision: ServiceConfiguration.Precision?

    func run() async throws {
        try ModelOptions.requireEngine()
        let overrides = ServiceConfiguration.Overrides(
            model: model, http: http, logLevel: logLevel, threads: threads, precision: precision)
        let load: @Sendable () throws -> ServiceConfiguration = { [config] in
            try ServiceConfiguration.load(
                path: config, environment: ProcessInfo.processInfo.environment, overrides: overrides)
        }
        let first = try load()
        let logger = ServiceLogHandler.logger(first.log)
        let daemon = try Daemon(
            Daemon.Environment(
                load: load, open: { try Self.open($0) }, program: "segmentd \(Segmentd.configuration.version)",
                logger: logger))
        guard try await daemon.run() else { throw ExitCode.failure }
    }

    /// Opens the model that a configuration names.
    @Sendable
    private static func open(_ configuration: ServiceConfiguration) throws -> (detector: Detector, model: String) {
        let path = try SampleModel.path(or: configuration.model)
        let precision = Precision(rawValue: configuration.precision.rawValue) ?? .fp32
        let detector = try Detector(
            Model(path: path), threads: configuration.threads, precision: ModelOptions.supported(precision))
        return (detector, URL(fileURLWithPath: path).lastPathComponent)
    }
}

extension ServiceConfiguration.Log.Level: ExpressibleByArgument {}
extension ServiceConfiguration.Precision: ExpressibleByArgument {}
