import Foundation

/// A request without a body, as HTTP/1.1 sends it (RFC 9112).
struct HTTPRequest: Sendable, Equatable {
    /// What is wrong with a request, and what is said about it.
    enum Fault: Error, Equatable {
        case malformed
        case headTooLarge
        case otherVersion
    }

    var method: String
    /// The target up to its question mark, still percent-encoded.
    var path: String
    /// What follows the question mark, still percent-encoded.
    var query = ""
    /// The Host header (RFC 9110, section 7.2).
    var host: String?
    /// Whether another request may follow on the same connection.
    var keepsConnection = true

    init(method: String = "GET", path: String, query: String = "", host: String? = nil) {
        self.method = method
        self.path = path
        self.query = query
        self.host = host
    }

    /// The part of `path` between two slashes, decoded; empty where there is none.
    var components: [String] {
        path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
            String($0).removingPercentEncoding ?? String($0)
        }
    }

    /// The value of a query's parameter, nil without it.
    func parameter(_ name: String) -> String? {
        for field in query.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1)
            if parts.first.map(String.init) == name { return parts.count > 1 ? String(parts[1]) : "" }
        }
        return nil
    }

    /// Where a head ends in what has come so far: behind its empty line; nil where that is still to come.
    static func endOfHead(in bytes: [UInt8], from start: Int = 0) -> Int? {
        let (newline, carriageReturn) = (UInt8(ascii: "\n"), UInt8(ascii: "\r"))
        var index = max(0, start)
        while index < bytes.count {
            defer { index += 1 }
            guard bytes[index] == newline else { continue }
            if index >= 1, bytes[index - 1] == newline { return index + 1 }
            if index >= 2, bytes[index - 1] == carriageReturn, bytes[index - 2] == newline { return index + 1 }
        }
        return nil
    }

    /// Reads a head: request line, header lines and the empty line.
    ///
    /// - Throws: `Fault`. Where the head names a host twice or not at all, none is right (RFC 9112, section 3.2).
    init(head: some Collection<UInt8>) throws(Fault) {
        let newline = UInt8(ascii: "\n")
        var lines = head.split(separator: newline, omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
        }
        // The empty line, and what is behind its end.
        while lines.last?.isEmpty == true { lines.removeLast() }
        guard let first = lines.first else { throw .malformed }
        let words = first.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, Self.isToken(words[0]), words[1].hasPrefix("/"), words[2].hasPrefix("HTTP/") else {
            throw .malformed
        }
        guard words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else { throw .otherVersion }
        method = String(words[0])
        let target = words[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(target[0])
        if target.count > 1 { query = String(target[1]) }

        var connection = words[2] == "HTTP/1.1" ? "" : "close"
        var hasBody = false
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), Self.isToken(line[..<colon]) else { throw .malformed }
            let value = Self.trimmed(line[line.index(after: colon)...])
            switch line[..<colon].lowercased() {
            case "host":
                guard host == nil else { throw .malformed }
                host = value
            case "connection": connection = value.lowercased()
            case "content-length": hasBody = hasBody || value != "0"
            case "transfer-encoding": hasBody = true
            default: break
            }
        }
        guard host != nil || words[2] == "HTTP/1.0" else { throw .malformed }
        // A body is never read, so nothing can follow it.
        keepsConnection = !hasBody && !connection.contains("close")
    }

    private static func trimmed(_ value: Substring) -> String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        let start = value.drop(while: isSpace)
        return String(start.reversed().drop(while: isSpace).reversed())
    }

    /// A name as RFC 9110, section 5.6.2, allows it.
    private static func isToken(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
