/// Keeps secrets out of what people and logs read.
enum Redaction {
    /// Keys of a URL's query that carry secrets in the URLs that cameras and servers use.
    private static let secretKeys: Set<String> = [
        "password", "pass", "passwd", "pwd", "passphrase", "token", "access_token", "auth", "key", "apikey", "api_key",
        "secret", "signature", "sig", "streamid",
    ]

    /// A host and port, unless they look as if a password with a slash had been cut in two.
    static func host(_ authority: String) -> String {
        let parts = authority.split(separator: ":", maxSplits: 1)
        return parts.count == 2 && Int(parts[1]) == nil && authority.first != "[" ? "\(parts[0]):***" : authority
    }

    /// A URL without its user, its password and the values of query keys that carry secrets.
    static func redacted(_ url: String) -> String {
        let parts = URLParts(url)
        guard let query = parts.query else { return parts.withoutUser }
        let fields = query.split(separator: "&", omittingEmptySubsequences: false).map { field -> String in
            guard let equals = field.firstIndex(of: "=") else { return String(field) }
            let key = field[..<equals]
            return secretKeys.contains(key.lowercased()) ? "\(key)=***" : String(field)
        }
        return String(parts.withoutUser.dropLast(query.count)) + fields.joined(separator: "&")
    }
}

/// A URL cut where its user, its host and its query begin (RFC 3986, section 3), however odd the rest is.
struct URLParts {
    /// In lower case; nil for what is no URL, such as a file's name.
    let scheme: String?
    /// What stands before the `@`, still encoded.
    let user: String?
    /// The URL without that.
    let withoutUser: String
    /// Host and port, as written.
    let authority: String?
    /// What follows the first `?`.
    let query: Substring?

    init(_ url: String) {
        guard let colon = url.firstRange(of: "://"), Self.isScheme(url[..<colon.lowerBound]) else {
            (scheme, user, authority, query, withoutUser) = (nil, nil, nil, nil, url)
            return
        }
        scheme = url[..<colon.lowerBound].lowercased()
        let rest = url[colon.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        // Passwords with a bare `@` are common in cameras' URLs: the last one ends the user, as FFmpeg has it.
        let at = rest[..<end].lastIndex(of: "@")
        user = at.map { String(rest[..<$0]) }
        authority = String(at.map { rest[rest.index(after: $0)..<end] } ?? rest[..<end])
        withoutUser = String(url[..<colon.upperBound]) + (authority ?? "") + rest[end...]
        query = rest.firstIndex(of: "?").map { rest[rest.index(after: $0)...] }
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first | 0x20) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.".utf8.contains(byte)
        }
    }
}
