import Configuration
import Yams

extension StreamOutput {
    /// Schemes that video can be pushed to.
    static let schemes = ["rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "rtp", "tcp"]

    /// - Parameters:
    ///   - node: A mapping with one key, which says what kind of output it is.
    ///   - stream: What `{stream}` stands for.
    /// - Returns: nil for what cannot be used, after that has been reported.
    init?(_ node: Node, stream: String, reader: ConfigurationReader) {
        let kinds = ConfigurationKeys.Output.names.joined(separator: ", ")
        guard case .mapping(let mapping) = node else {
            reader.report(
                node, "an output must be a mapping with one of the keys \(kinds), such as {json: results.jsonl}")
            return nil
        }
        let section = Section<ConfigurationKeys.Output>(node, reader: reader)
        let given = ConfigurationKeys.Output.allCases.filter(section.has)
        guard given.count == 1, let kind = given.first else {
            // A key that is unknown, or holds nothing that can be used, has been or will be understood as such.
            if given.count > 1 {
                let names = given.map(\.rawValue).joined(separator: " and ")
                reader.report(
                    node, "an output has one kind, and this has \(names); put a - before each"
                )
            } else if let key = mapping.first?.key, ConfigurationKeys.Output.names.contains(key.scalar?.string ?? "") {
                reader.report(key, "\(key.scalar?.string ?? "") says nothing; write where the output goes")
            } else if mapping.isEmpty {
                reader.report(node, "an output must have one of the keys \(kinds)")
            }
            return nil
        }
        let made: StreamOutput? =
            switch kind {
            case .socket:
                section.section(kind, of: ConfigurationKeys.Socket.self, shorthand: .path)
                    .flatMap { Socket($0, stream: stream) }.map { .socket($0) }
            case .json:
                section.section(kind, of: ConfigurationKeys.Lines.self, shorthand: .path)
                    .flatMap { Lines($0, stream: stream) }.map { .json($0) }
            case .record:
                section.section(kind, of: ConfigurationKeys.Recording.self, shorthand: .directory)
                    .flatMap { Recording($0, stream: stream) }.map { .record($0) }
            case .hls:
                section.section(kind, of: ConfigurationKeys.HLS.self, shorthand: .directory)
                    .flatMap { HLS($0, stream: stream) }.map { .hls($0) }
            case .push:
                section.section(kind, of: ConfigurationKeys.Push.self, shorthand: .url)
                    .flatMap { Push($0, stream: stream) }.map { .push($0) }
            case .mqtt:
                section.section(kind, of: ConfigurationKeys.MQTT.self, shorthand: .host)
                    .flatMap { MQTT($0, stream: stream) }.map { .mqtt($0) }
            }
        guard let made else { return nil }
        self = made
    }

    /// What nobody else may write to at the same time; nil where sharing does no harm.
    var exclusiveTarget: String? {
        switch self {
        case .json(let lines): lines.path
        case .hls(let hls): hls.directory
        case .push(let push): push.url
        // Streams share sockets and brokers. Recorders share folders, since their files are named after their streams.
        case .socket, .record, .mqtt: nil
        }
    }

    /// What one stream may have only once.
    var target: String {
        switch self {
        case .socket(let socket): "socket \(socket.path)"
        case .json(let lines): "json \(lines.path)"
        case .record(let recording): "record \(recording.directory)"
        case .hls(let hls): "hls \(hls.directory)"
        case .push(let push): "push \(push.redacted)"
        case .mqtt(let mqtt): "mqtt \(mqtt.host):\(mqtt.port) \(mqtt.topic)"
        }
    }
}

extension Section {
    /// A text in which `{stream}` stands for the stream's name.
    fileprivate func text(_ key: Key, stream: String) -> String? {
        text(key).map { $0.replacingPlaceholder(stream) }
    }

    /// A path to write to, with `{stream}`.
    fileprivate func outputPath(_ key: Key, stream: String) -> String? {
        guard has(key) else {
            report(key, "\(Key.section) needs a \(key.rawValue)")
            return nil
        }
        return path(key).map { FileCheck.normal($0.replacingPlaceholder(stream)) }
    }

    /// A folder to write into, with `{stream}`.
    fileprivate func outputFolder(_ key: Key, stream: String) -> String? {
        guard let path = outputPath(key, stream: stream) else { return nil }
        if let problem = FileCheck.problem(ofFolder: path) {
            report(key, "\(key.rawValue): \(problem)")
            return nil
        }
        return path
    }
}

extension String {
    fileprivate func replacingPlaceholder(_ stream: String) -> String {
        split(separator: "{stream}", omittingEmptySubsequences: false).joined(separator: stream)
    }
}

extension StreamOutput.Socket {
    /// A socket's address holds no longer path (unix(7)), with its final zero.
    private static let maximumPath = 107

    init?(_ section: Section<ConfigurationKeys.Socket>, stream: String) {
        guard let path = section.outputPath(.path, stream: stream) else { return nil }
        if path.utf8.count > Self.maximumPath {
            section.report(
                .path,
                "path has \(path.utf8.count) bytes; a socket's has at most \(Self.maximumPath): choose a shorter one")
        } else if let problem = FileCheck.problem(ofOutput: path) {
            section.report(.path, "path: \(problem)")
        }
        self.init(path: path)
        if let text = section.text(.mode) {
            if text.utf8.count <= 4, let mode = UInt32(text, radix: 8), mode <= 0o777, text.utf8.count >= 3 {
                self.mode = mode
            } else {
                section.report(.mode, "mode is \(shown(text)); write permissions as \"0660\"")
            }
        }
        owner = section.text(.owner)
        group = section.text(.group)
        queue = section.integer(.queue, 1...1_000_000) ?? queue
        queueSize = section.size(.queueSize, 65_536...1 << 32) ?? queueSize
    }
}

extension StreamOutput.Lines {
    init?(_ section: Section<ConfigurationKeys.Lines>, stream: String) {
        if section.node(.path)?.scalar?.string == "-" {
            self.init(path: "-")
            if section.has(.rotate) { section.report(.rotate, "standard output cannot be rotated") }
            return
        }
        guard let path = section.outputPath(.path, stream: stream) else { return nil }
        if let problem = FileCheck.problem(ofOutput: path) { section.report(.path, "path: \(problem)") }
        self.init(path: path)
        if let rotation = section.section(.rotate, of: ConfigurationKeys.Rotation.self) {
            rotateSize = rotation.size(.size, 4096...1 << 50)
            rotateEvery = rotation.duration(.every, .seconds(1) ... .seconds(366 * 86_400))
            keep = rotation.integer(.keep, 1...1_000_000)
            if rotateSize == nil, rotateEvery == nil, !rotation.has(.size), !rotation.has(.every) {
                section.report(.rotate, "rotate needs size, every or both, such as {size: 100MB, keep: 24}")
            }
        }
        switch section.node(.fsync)?.scalar?.string {
        case nil, "never": sync = .never
        case "always": sync = .always
        default:
            guard let node = section.node(.fsync), let text = section.reader.text(node, of: "fsync") else { break }
            guard Quantity.duration(text) != nil || Section<ConfigurationKeys.Lines>.number(text) != nil else {
                section.report(.fsync, "fsync is \(shown(text)); it must be never, always or a duration such as 5s")
                break
            }
            if let interval = section.duration(.fsync, .milliseconds(1) ... .seconds(86_400)) {
                sync = .every(interval)
            }
        }
    }
}

extension StreamOutput.Recording {
    init?(_ section: Section<ConfigurationKeys.Recording>, stream: String) {
        guard let directory = section.outputFolder(.directory, stream: stream) else { return nil }
        self.init(directory: directory)
        segment = section.duration(.segment, .seconds(1) ... .seconds(86_400)) ?? segment
        keep = section.duration(.keep, .seconds(1) ... .seconds(36_500 * 86_400))
        maximumSize = section.size(.maximumSize, 1 << 20...1 << 60)
        if let keep, keep < segment {
            section.report(.keep, "keep is shorter than a segment; raise the one or lower the other")
        }
    }
}

extension StreamOutput.HLS {
    init?(_ section: Section<ConfigurationKeys.HLS>, stream: String) {
        guard let directory = section.outputFolder(.directory, stream: stream) else { return nil }
        self.init(directory: directory)
        segment = section.duration(.segment, .milliseconds(500) ... .seconds(60)) ?? segment
        window = section.integer(.window, 2...10_000) ?? window
    }
}

extension StreamOutput.Push {
    init?(_ section: Section<ConfigurationKeys.Push>, stream: String) {
        guard let written = section.text(.url, stream: stream) else {
            if !section.has(.url) { section.report(.url, "push needs a url") }
            return nil
        }
        let parts = URLParts(written)
        guard parts.scheme != nil else {
            section.report(
                .url,
                "push needs a URL, such as rtsp://host:8554/{stream}; for a folder or file there are record and hls")
            return nil
        }
        guard URLCheck.accepts(written, parts, schemes: StreamOutput.schemes, .url, in: section) else { return nil }
        self.init(url: parts.withoutUser)
        credentials = CredentialsReader(
            section: section, username: .username, password: .password, passwordFile: .passwordFile,
            credentials: .credentials
        ).read(fromURL: parts.user)
        timeout = section.duration(.timeout, .milliseconds(100) ... .seconds(3600)) ?? timeout
        if let inner = section.section(.reconnect, of: ConfigurationKeys.Reconnect.self) {
            reconnect = StreamSettings.Reconnect(inner)
            if reconnect.attempts != nil {
                inner.report(.attempts, "a server is tried for ever; leave attempts out")
            }
        }
    }
}

extension StreamOutput.MQTT {
    init?(_ section: Section<ConfigurationKeys.MQTT>, stream: String) {
        guard let host = section.text(.host) else {
            if !section.has(.host) { section.report(.host, "mqtt needs a host") }
            return nil
        }
        if host.contains(where: { $0.isWhitespace || $0 == "/" }) {
            section.report(.host, "host is \(shown(host)); write a broker's name or address without mqtt:// and port")
        }
        self.init(host: host, topic: section.text(.topic, stream: stream) ?? "segmentd/\(stream)")
        while topic.hasSuffix("/") { topic.removeLast() }
        if topic.isEmpty || topic.utf8.count > 1000 || topic.contains(where: { $0 == "#" || $0 == "+" }) {
            section.report(.topic, "topic is \(shown(topic)); it must be 1 to 1000 bytes without + and #")
        }
        if let inner = section.section(.tls, of: ConfigurationKeys.TLS.self, isSwitch: true) { tls = TLS(inner) }
        port = section.integer(.port, 1...65_535) ?? (tls == nil ? 1883 : 8883)
        qos = section.integer(.qos, 0...2) ?? qos
        clientID = section.text(.clientID, stream: stream)
        credentials = CredentialsReader(
            section: section, username: .username, password: .password, passwordFile: .passwordFile,
            credentials: .credentials
        ).read()
        keepalive = section.duration(.keepalive, .seconds(5) ... .seconds(65_535)) ?? keepalive
        queue = section.integer(.queue, 1...10_000_000) ?? queue
        queueSize = section.size(.queueSize, 65_536...1 << 36) ?? queueSize
    }
}

extension StreamOutput.MQTT.TLS {
    init(_ section: Section<ConfigurationKeys.TLS>) {
        self.init()
        ca = section.existingFile(.ca)
        certificate = section.existingFile(.certificate)
        key = section.existingFile(.key)
        if section.has(.certificate) != section.has(.key) {
            section.report(
                section.has(.key) ? .key : .certificate, "certificate and key go together; give both or none")
        }
    }
}
