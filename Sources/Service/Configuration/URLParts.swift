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
