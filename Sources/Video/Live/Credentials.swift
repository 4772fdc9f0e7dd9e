/// A user and a password for a source's address.
public struct Credentials: Sendable, Equatable {
    public var username: String
    public var password: String

    public init(username: String, password: String) {
        self.username = username
        self.password = password
    }

    /// Reads `user:password`, the password being all behind the first colon; space and line ends around it are left out.
    ///
    /// - Returns: nil where there is no colon, or no user before it.
    public init?(_ text: String) {
        var trimmed = Substring(text)
        while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
        trimmed = trimmed.drop { $0.isWhitespace }
        guard let colon = trimmed.firstIndex(of: ":"), colon != trimmed.startIndex else { return nil }
        self.init(username: String(trimmed[..<colon]), password: String(trimmed[trimmed.index(after: colon)...]))
    }

    /// `user:password`, with all but unreserved characters percent-encoded (RFC 3986, sections 2.3 and 3.2.1).
    var userInformation: String { Self.encode(username) + ":" + Self.encode(password) }

    private static func encode(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            let isUnreserved =
                scalar.isASCII
                && (scalar.properties.isAlphabetic || (0x30...0x39).contains(byte)
                    || "-._~".unicodeScalars.contains(scalar))
            if isUnreserved {
                result.unicodeScalars.append(scalar)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return result
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { Redaction.mask }
    public var debugDescription: String { Redaction.mask }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
