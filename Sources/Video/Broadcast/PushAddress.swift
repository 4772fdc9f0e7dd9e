/// Where a stream is pushed to, as FFmpeg needs it and as others may read it.
struct PushAddress {
    /// With user and password; only for FFmpeg.
    let url: String
    /// For everybody's eyes.
    let redacted: String
    /// FFmpeg's name of the container.
    let container: String
    let protocolOptions: [String: String]
    let containerOptions: [String: String]

    private static let schemes = ["rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp"]

    /// - Throws: `VideoError.refused`.
    init(_ text: String, credentials: Credentials?) throws {
        let redacted = Self.redact(text)
        self.redacted = redacted
        func refuse(_ reason: String) -> VideoError {
            .refused(path: redacted, what: "is no address to push to", reason: reason)
        }
        guard let separator = text.firstRange(of: "://") else {
            throw refuse("write it as rtsp://HOST/PATH, or with another of \(Self.schemes.joined(separator: ", "))")
        }
        let scheme = text[..<separator.lowerBound].lowercased()
        guard Self.schemes.contains(scheme) else {
            throw refuse("'\(scheme)' is none of \(Self.schemes.joined(separator: ", "))")
        }
        guard !text.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value == 0x7f }) else {
            throw refuse("it has a space or a control character in it; percent-encode it")
        }
        let rest = text[separator.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        guard !host.isEmpty else { throw refuse("it names no host") }
        if let credentials {
            url = "\(scheme)://\(credentials.userInformation)@\(host)\(rest[authority.endIndex...])"
        } else {
            url = "\(scheme)://\(rest)"
        }
        switch scheme {
        case "rtsp", "rtsps": (container, protocolOptions, containerOptions) = ("rtsp", [:], ["rtsp_transport": "tcp"])
        case "rtmp", "rtmps":
            (container, protocolOptions, containerOptions) = ("flv", [:], ["flvflags": "no_duration_filesize"])
        // Datagrams of whole packets of a transport stream, seven times 188 bytes.
        case "udp": (container, protocolOptions, containerOptions) = ("mpegts", ["pkt_size": "1316"], [:])
        default: (container, protocolOptions, containerOptions) = ("mpegts", [:], [:])
        }
    }

    /// A URL without user information, secrets in the query, and the stream's key where it is RTMP's.
    static func redact(_ text: String) -> String {
        let redacted = Redaction.redact(text)
        guard redacted.lowercased().hasPrefix("rtmp"), let separator = redacted.firstRange(of: "://") else {
            return redacted
        }
        // Host and application; what follows is for the publisher only.
        let parts = redacted[separator.upperBound...].split(
            separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[2].isEmpty else { return redacted }
        return redacted[..<separator.upperBound] + "\(parts[0])/\(parts[1])/" + Redaction.mask
    }
}
