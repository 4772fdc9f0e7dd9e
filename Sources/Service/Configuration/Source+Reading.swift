import Configuration
import Video
import Yams

extension StreamSettings.Source {
    /// Schemes of streams, to suggest one of; every other that FFmpeg knows will do, too.
    private static let commonSchemes = [
        "rtsp", "rtsps", "rtmp", "rtmps", "srt", "http", "https", "udp", "rtp", "tcp", "file",
    ]

    /// - Returns: nil where no source is named, after that has been reported.
    init?(_ section: Section<ConfigurationKeys.Source>) {
        guard let written = section.text(.url) else {
            if !section.has(.url) { section.report(.url, "source needs a url") }
            return nil
        }
        let parts = URLParts(written)
        self.init(url: written)
        if let scheme = parts.scheme {
            guard Self.accepts(written, parts, in: section) else { return nil }
            url = scheme == "file" ? "/" + (written.dropFirst("file://".count).drop { $0 == "/" }) : parts.withoutUser
        } else if !written.hasPrefix("test:"), written != "-" {
            url = FileCheck.normal(section.reader.absolute(written))
        }
        do {
            switch try SourceAddress(url).kind {
            case .shapes(let parameters): _ = try ShapesSource.Parameters(parameters)
            case .path(let path): if let problem = FileCheck.problem(ofInput: path) { section.report(.url, problem) }
            case .url, .camera, .standardInput, .pattern: break
            }
        } catch {
            section.report(.url, "\(error)")
        }
        credentials = CredentialsReader(
            section: section, username: .username, password: .password, passwordFile: .passwordFile,
            credentials: .credentials
        ).read(fromURL: parts.user)

        transport = section.choice(.transport) ?? transport
        openTimeout = section.duration(.openTimeout, .milliseconds(100) ... .seconds(3600)) ?? openTimeout
        readTimeout = section.duration(.readTimeout, .milliseconds(100) ... .seconds(3600)) ?? readTimeout
        if let inner = section.section(.reconnect, of: ConfigurationKeys.Reconnect.self) {
            reconnect = StreamSettings.Reconnect(inner)
        }
        loop = section.bool(.loop) ?? loop
        nativeRate = section.bool(.nativeRate) ?? nativeRate
        options = section.dictionary(.options) ?? options
        if let inner = section.section(.camera, of: ConfigurationKeys.Camera.self) { camera = Camera(inner) }
    }

    /// Whether FFmpeg can be asked for a URL; if not, that is reported.
    private static func accepts(_ written: String, _ parts: URLParts, in section: Section<ConfigurationKeys.Source>)
        -> Bool
    {
        let isKnown = (try? SourceAddress(parts.withoutUser)) != nil
        let scheme = isKnown ? parts.scheme.map { [$0] } : nil
        return URLCheck.accepts(written, parts, schemes: scheme ?? commonSchemes, .url, in: section)
    }
}

extension StreamSettings.Reconnect {
    init(_ section: Section<ConfigurationKeys.Reconnect>) {
        self.init()
        initial = section.duration(.initial, .milliseconds(10) ... .seconds(3600)) ?? initial
        maximum = section.duration(.maximum, .milliseconds(10) ... .seconds(86_400)) ?? maximum
        if initial > maximum {
            // With one of the two left out, the other says what is meant.
            if section.has(.initial), section.has(.maximum) {
                section.report(.initial, "initial is above maximum; lower the one or raise the other")
            } else if section.has(.initial) {
                maximum = initial
            } else {
                initial = maximum
            }
        }
        if let node = section.node(.attempts), node.scalar?.string != "forever" {
            attempts = section.integer(.attempts, 1...1_000_000)
        }
    }
}

extension StreamSettings.Source.Camera {
    init(_ section: Section<ConfigurationKeys.Camera>) {
        self.init()
        format = section.text(.format)
        if let size = section.text(.size) {
            let sides = size.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
            if sides.count == 2, let width = sides[0], let height = sides[1], (1...16_384).contains(width),
                (1...16_384).contains(height)
            {
                (self.width, self.height) = (width, height)
            } else {
                section.report(.size, "size is \(shown(size)); write width and height in pixels, such as 1280x720")
            }
        }
        rate = section.number(.rate, 0.01...1000)
    }
}

/// What can be said about a URL without asking anybody.
enum URLCheck {
    /// Schemes whose URLs name a server.
    private static let serverSchemes: Set<String> = [
        "rtsp", "rtsps", "rtmp", "rtmps", "rtmpt", "srt", "http", "https", "udp", "rtp", "tcp", "tls", "ftp", "sftp",
    ]

    /// Whether a URL can be opened; if not, that is reported.
    static func accepts<Key>(
        _ written: String, _ parts: URLParts, schemes: [String], _ key: Key, in section: Section<Key>
    ) -> Bool {
        guard let scheme = parts.scheme else { return false }
        guard schemes.contains(scheme) else {
            section.report(
                key, "the scheme \(shown(scheme)) is not known here\(Suggestion.words(for: scheme, among: schemes))")
            return false
        }
        // What lies on this machine, and what has no server, is FFmpeg's to understand.
        guard URLCheck.serverSchemes.contains(scheme) else { return true }
        let authority = parts.authority ?? ""
        guard let address = NetworkAddress(authority, defaultPort: 0) else {
            section.report(
                key,
                "\(shown(SourceAddress.redacted(written))) has no host, or a port that is not 1 to 65535; "
                    + "in a password, /, ?, # and : are written %2F, %3F, %23 and %3A"
            )
            return false
        }
        // To listen on all addresses, some protocols are written without a host.
        guard !address.host.isEmpty || ["udp", "rtp", "srt", "tcp"].contains(scheme) else {
            section.report(key, "the URL names no host")
            return false
        }
        return true
    }
}

/// `HOST:PORT`, with an IPv6 address in brackets.
struct NetworkAddress: Equatable {
    var host: String
    var port: Int

    /// - Parameter defaultPort: The port where none is written; nil where one must be.
    init?(_ text: String, defaultPort: Int?) {
        var rest = text[...]
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            guard host.contains(":"), host.utf8.allSatisfy({ "0123456789abcdefABCDEF:.%".utf8.contains($0) }) else {
                return nil
            }
            rest = rest[rest.index(after: end)...]
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            host = String(rest[..<end])
            guard host.utf8.count <= 253, !host.contains(where: { $0.isWhitespace || $0 == "@" || $0 == "/" }) else {
                return nil
            }
            rest = rest[end...]
        }
        if rest.isEmpty, let defaultPort {
            port = defaultPort
        } else {
            guard rest.first == ":", let number = Int(rest.dropFirst()), (0...65_535).contains(number),
                rest.dropFirst().utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
            else { return nil }
            port = number
        }
    }
}
