/// Takes out of an address what must not be read by others.
enum Redaction {
    /// What stands where a secret stood.
    static let mask = "***"

    /// Parts of the names of values that are secrets, or that name an account. `streamid` is SRT's, into which servers put
    /// user and password.
    private static let secretNames = [
        "auth", "cred", "hash", "jwt", "key", "login", "pass", "psw", "pwd", "secret", "session", "sig", "streamid",
        "token", "user",
        "usr",
    ]

    /// The address without its user information (RFC 3986, section 3.2.1) and the values of secrets.
    static func redact(_ address: String) -> String {
        guard let start = startOfAuthority(address) else { return address }
        var rest = address[start...]
        var prefix = String(address[..<start])
        if let end = endOfUserInformation(rest) {
            // What is no valid address may have lost more than its user information; that has to be seen.
            if rest[..<end].contains(where: { "/?#".contains($0) }) { prefix += mask + "@" }
            rest = rest[rest.index(after: end)...]
        }
        return prefix + redactValues(rest)
    }

    /// The place behind a URL's `://`.
    static func startOfAuthority(_ address: String) -> String.Index? {
        guard let colon = address.firstIndex(of: ":"), address[colon...].hasPrefix("://") else { return nil }
        return address.index(colon, offsetBy: 3)
    }

    /// The `@` up to which everything may be secret.
    private static func endOfUserInformation(_ rest: Substring) -> Substring.Index? {
        let authority = rest.prefix { !"/?#".contains($0) }
        // In an unencoded password may stand a slash or a question mark, which end the authority early; the address then
        // does not work, but is shown in an error. Only what has a colon there can have a password.
        if authority.contains(":"), let last = rest.lastIndex(of: "@"), last >= authority.endIndex { return last }
        return authority.lastIndex(of: "@")
    }

    /// Masks the values of `name=value` in query, fragment and path: some cameras want user and password in the path.
    private static func redactValues(_ text: Substring) -> String {
        var result = ""
        var rest = text
        while let equals = rest.firstIndex(of: "=") {
            let before = rest[..<equals]
            let name = before.reversed().prefix { !"/?#&;,".contains($0) }.reversed()
            result += rest[...equals]
            let value = rest[rest.index(after: equals)...]
            // In a query a slash and a question mark are part of the value (RFC 3986, section 3.4).
            let isInQuery = text[..<equals].contains { "?#".contains($0) }
            let end = value.firstIndex { (isInQuery ? "&;#" : "&;?#/").contains($0) } ?? value.endIndex
            let isSecret = { (name: String) in secretNames.contains { name.contains($0) } }(String(name).lowercased())
            if isSecret && end != value.startIndex {
                result += mask
                rest = value[end...]
            } else {
                rest = value
            }
        }
        return result + rest
    }
}
