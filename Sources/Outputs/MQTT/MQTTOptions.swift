import CMosquitto
import Glibc

/// How a broker is reached, and what is held for it.
public struct MQTTOptions: Sendable, Equatable {
    /// How the connection is encrypted, and who is trusted.
    public struct TLS: Sendable, Equatable {
        /// A file of certificates (PEM) that sign the broker's; the system's own if nil.
        public var caFile: String?
        /// This client's own certificate (PEM), for brokers that ask for one.
        public var certificate: String?
        /// The key of this client's certificate (PEM), without a password.
        public var key: String?
        /// Whether the broker's certificate may be for another host. Anyone in between can then read and change everything.
        public var isInsecure = false

        public init() {}

        /// The certificates that the system trusts, where Debian, Fedora, SUSE or Alpine have them.
        ///
        /// libmosquitto 2.0 can look for them itself, but not a second time after a connection that failed.
        static var systemAuthorities: String? {
            [
                "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                "/etc/ssl/cert.pem",
            ].first { access($0, R_OK) == 0 }
        }
    }

    public var host: String
    public var port: Int
    /// What the topics begin with, without the slash.
    public var topic: String
    /// The name by which the broker knows this client; two clients of one name push each other out.
    public var clientID: String
    public var username: String?
    public var password: String?
    /// Nil for a connection without encryption.
    public var tls: TLS?
    /// The time without a message after which a dead connection is noticed, at least 5 seconds.
    public var keepAlive = Duration.seconds(15)
    /// The MQTT quality of service of records: 0 at most once, 1 at least once, 2 exactly once.
    public var qualityOfService = 1
    /// What may wait while the broker is away or slow.
    public var queue = QueueLimit(records: 10_000, bytes: 64 << 20)
    /// Records that are sent before the broker has confirmed the first of them.
    public var maxInFlight = 64

    /// - Parameters:
    ///   - stream: What the default topic and the client's name end in.
    ///   - port: 1883, or 8883 for TLS, if nil.
    public init(host: String, port: Int? = nil, stream: String, tls: TLS? = nil) {
        self.host = host
        self.port = port ?? (tls == nil ? 1883 : 8883)
        self.tls = tls
        let level = Self.level(stream)
        topic = "segmentd/\(level)"
        clientID = "segmentd-\(Self.hostName)-\(level)"
    }

    /// A name as one level of a topic: slashes and wildcards mean something there.
    static func level(_ name: String) -> String {
        String(String.UnicodeScalarView(name.unicodeScalars.map { "/+#\0".unicodeScalars.contains($0) ? "_" : $0 }))
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "host" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Sees to it that the options make sense, before anything is tried over and over.
    ///
    /// - Throws: `OutputError.wrongOption`.
    func validate() throws {
        func require(_ condition: Bool, _ option: String, _ reason: String) throws {
            guard condition else { throw OutputError.wrongOption(option: option, reason: reason) }
        }
        try require(!host.isEmpty && !host.utf8.contains(0), "host", "name the broker's host")
        try require((1...65_535).contains(port), "port", "\(port) is not a port; give a number from 1 to 65535")
        let isTopic = !topic.isEmpty && !topic.utf8.contains(0) && mosquitto_pub_topic_check(topic) == 0
        try require(
            isTopic && topic.utf8.count < 60_000, "topic", "\"\(topic)\" cannot be published to; leave out + and #")
        try require(!clientID.isEmpty && clientID.utf8.count < 60_000, "client_id", "the name must not be empty")
        let (shortest, longest) = (Duration.seconds(5), Duration.seconds(65_535))
        try require((shortest...longest).contains(keepAlive), "keepalive", "give a time from 5 to 65535 seconds")
        try require((0...2).contains(qualityOfService), "qos", "\(qualityOfService) is none; give 0, 1 or 2")
        try require((1...10_000).contains(maxInFlight), "max_in_flight", "give a number from 1 to 10000")
        try require(password == nil || username != nil, "password", "give a username as well")
        guard let tls else { return }
        try require(
            (tls.certificate == nil) == (tls.key == nil), "tls", "a certificate and its key go together; give both")
        for (option, path) in [("ca", tls.caFile), ("certificate", tls.certificate), ("key", tls.key)] {
            guard let path else { continue }
            try require(access(path, R_OK) == 0, "tls \(option)", "cannot read \(path): \(systemReason(errno))")
        }
    }
}
