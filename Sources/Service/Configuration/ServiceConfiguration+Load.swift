import Configuration
import Files
import Glibc
import Video
import Yams

extension ServiceConfiguration {
    /// Where the configuration is looked for if neither a flag nor `SEGMENTD_CONFIG` names one; the last is taken if
    /// none is there.
    static let places = ["segmentd.yaml", "/etc/segmentd/segmentd.yaml"]

    /// What flags say; it goes over everything else.
    public struct Overrides: Sendable, Equatable {
        /// `--model`; a relative path begins in the current folder.
        public var model: String?
        /// `--http`, as in the file.
        public var http: String?
        public var logLevel: Log.Level?
        public var threads: Int?
        public var precision: Precision?

        public init(
            model: String? = nil, http: String? = nil, logLevel: Log.Level? = nil, threads: Int? = nil,
            precision: Precision? = nil
        ) {
            self.model = model
            self.http = http
            self.logLevel = logLevel
            self.threads = threads
            self.precision = precision
        }
    }

    /// The file that `load` reads.
    static func path(_ path: String?, environment: [String: String], places: [String] = places) -> String {
        if let path = path ?? environment["SEGMENTD_CONFIG"], !path.isEmpty { return path }
        return places.first { access($0, F_OK) == 0 } ?? places.last ?? ""
    }

    /// Reads a configuration and checks all of it that can be checked without starting anything.
    ///
    /// Flags go over the environment (`SEGMENTD_MODEL`, `SEGMENTD_HTTP`, `SEGMENTD_LOG_LEVEL`, `SEGMENTD_LOG_FORMAT`,
    /// `SEGMENTD_THREADS`, `SEGMENTD_PRECISION`), that goes over the file, and the file over the defaults.
    ///
    /// - Parameters:
    ///   - path: The file; if nil, the one that `SEGMENTD_CONFIG` names, else `segmentd.yaml` in the current folder if
    ///     there is one, else `/etc/segmentd/segmentd.yaml`.
    ///   - environment: The process's variables, for those above and for `${NAME}` in the file.
    /// - Throws: `ConfigurationError` with everything that is wrong.
    public static func load(
        path: String?, environment: [String: String], overrides: Overrides = Overrides()
    ) throws -> ServiceConfiguration {
        let file = self.path(path, environment: environment)
        return try read(
            YAMLDocument.bytes(of: file, file: file), file: file, environment: environment, overrides: overrides,
            isWorldReadable: FileCheck.isWorldReadable(file))
    }

    /// As `load`, for a file's bytes.
    static func read(
        _ bytes: [UInt8], file: String, environment: [String: String] = [:], overrides: Overrides = Overrides(),
        isWorldReadable: Bool = false
    ) throws -> ServiceConfiguration {
        guard let root = try YAMLDocument.root(of: bytes, file: file), !ConfigurationReader.isNull(root) else {
            throw ConfigurationError([ConfigurationError.Issue(file: file, message: "is empty; name streams in it")])
        }
        let reader = ConfigurationReader(
            file: file, folder: FileCheck.absolute(Folder.containing(file)), environment: environment,
            isWorldReadable: isWorldReadable)
        let section = Section<ConfigurationKeys.Service>(root, reader: reader)
        var configuration = ServiceConfiguration(file: file, streams: streams(in: section))
        configuration.readOptions(section)
        configuration.layer(environment, reader)
        configuration.layer(overrides, reader)
        configuration.check(reader, section)
        try reader.finish()
        configuration.warnings = reader.warnings
        return configuration
    }

    private mutating func readOptions(_ section: Section<ConfigurationKeys.Service>) {
        model = section.path(.model)
        if section.isOff(.http) {
            http = nil
        } else if let inner = section.section(.http, of: ConfigurationKeys.HTTP.self, shorthand: .address),
            let text = inner.text(.address)
        {
            if let address = HTTP(text) { http = address } else { inner.report(.address, HTTP.problem(text)) }
        }
        if let inner = section.section(.log, of: ConfigurationKeys.Log.self, shorthand: .level) {
            log.level = inner.choice(.level) ?? log.level
            log.format = inner.choice(.format) ?? log.format
        }
        threads = section.integer(.threads, 1...1024)
        precision = section.choice(.precision) ?? precision
        stopTimeout = section.duration(.stopTimeout, .milliseconds(100) ... .seconds(3600)) ?? stopTimeout
    }

    /// Streams of one daemon at most: each takes five of the 255 threads that Dispatch gives to queues that block.
    private static let greatestCount = 48

    private static func streams(in section: Section<ConfigurationKeys.Service>) -> [StreamSettings] {
        let reader = section.reader
        let defaults = section.node(.defaults)
        guard
            let nodes = section.elements(
                .streams, atMost: greatestCount, example: "[{name: door, source: rtsp://...}]"),
            !nodes.isEmpty
        else {
            if section.node(.streams)?.mapping == nil { section.report(.streams, "no streams are named") }
            return []
        }
        if let name = defaults?.mapping?["name"] {
            reader.report(name, "streams cannot share a name; leave it out of defaults")
        }
        var streams: [(settings: StreamSettings, node: Node)] = []
        for node in nodes {
            let stream = Section<ConfigurationKeys.Stream>(node, over: defaults.map { [$0] } ?? [], reader: reader)
            guard let settings = StreamSettings(stream) else { continue }
            if let other = streams.first(where: { $0.settings.name == settings.name }) {
                let line = reader.place(of: other.node).line
                stream.report(
                    .name,
                    "another stream, in line \(line), is named \(shown(settings.name)), too; "
                        + "give each a name of its own"
                )
            }
            streams.append((settings, node))
        }
        checkSources(of: streams, reader)
        checkTargets(of: streams, reader)
        checkBrokers(of: streams, reader)
        return streams.map(\.settings)
    }

    private mutating func layer(_ environment: [String: String], _ reader: ConfigurationReader) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        func refuse(_ name: String, _ message: String) {
            reader.report(ConfigurationError.Issue(file: name, message: "\(message) (in the environment)"))
        }
        func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: String, _ target: inout Choice) {
            guard let text = value(name) else { return }
            if let choice = Choice(rawValue: text) {
                target = choice
            } else {
                let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
                refuse(name, "is \(shown(text)); it must be one of \(known)")
            }
        }
        if let path = value("SEGMENTD_MODEL") { model = FileCheck.absolute(path) }
        if let text = value("SEGMENTD_HTTP") {
            if text == "off" {
                http = nil
            } else if let address = HTTP(text) {
                http = address
            } else {
                refuse("SEGMENTD_HTTP", HTTP.problem(text))
            }
        }
        choice("SEGMENTD_LOG_LEVEL", &log.level)
        choice("SEGMENTD_LOG_FORMAT", &log.format)
        choice("SEGMENTD_PRECISION", &precision)
        if let text = value("SEGMENTD_THREADS") {
            if let number = Int(text), (1...1024).contains(number) {
                threads = number
            } else {
                refuse("SEGMENTD_THREADS", "is \(shown(text)); it must be a whole number from 1 to 1024")
            }
        }
    }

    private mutating func layer(_ overrides: Overrides, _ reader: ConfigurationReader) {
        func refuse(_ flag: String, _ message: String) {
            reader.report(ConfigurationError.Issue(file: flag, message: message))
        }
        if let path = overrides.model { model = FileCheck.absolute(path) }
        if let text = overrides.http {
            if text == "off" {
                http = nil
            } else if let address = HTTP(text) {
                http = address
            } else {
                refuse("--http", HTTP.problem(text))
            }
        }
        log.level = overrides.logLevel ?? log.level
        precision = overrides.precision ?? precision
        if let number = overrides.threads {
            if (1...1024).contains(number) {
                threads = number
            } else {
                refuse("--threads", "is \(number); it must be from 1 to 1024")
            }
        }
    }

    private func check(_ reader: ConfigurationReader, _ section: Section<ConfigurationKeys.Service>) {
        if let model, let problem = FileCheck.problem(ofFile: model) { section.report(.model, "model: \(problem)") }
        if let http, !http.isLoopback {
            reader.warn(
                section.place(of: .http),
                "the status page listens on \(http.host), where others can reach it, and asks nobody for a password")
        }
    }
}

extension ServiceConfiguration.HTTP {
    /// `HOST:PORT`; nil where that cannot be listened on. A host's name is looked up nowhere: what it means may change, and is not known
    /// yet when a machine starts.
    init?(_ text: String) {
        guard let address = NetworkAddress(text, defaultPort: nil), Self.isAddress(address.host) else { return nil }
        self.init(host: address.host, port: address.port)
    }

    static func problem(_ text: String) -> String {
        if let address = NetworkAddress(text, defaultPort: nil), !address.host.isEmpty {
            let meant = Suggestion.nearest(to: address.host, among: ["localhost"]).map { "did you mean \($0)?" }
            let advice =
                meant ?? "write 127.0.0.1:\(address.port), or 0.0.0.0:\(address.port) for all addresses of this machine"
            return "\(shown(address.host)) is neither an IP address nor localhost; \(advice)"
        }
        return
            "\(shown(text)) is no address to listen on; write HOST:PORT such as 127.0.0.1:9470 or \"[::1]:9470\", or off"
    }

    private static func isAddress(_ host: String) -> Bool {
        var (ip4, ip6) = (in_addr(), in6_addr())
        return host == "localhost" || inet_pton(AF_INET, host, &ip4) == 1 || inet_pton(AF_INET6, host, &ip6) == 1
    }

    /// Whether only this machine reaches the address.
    var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}
