import Configuration
import Files
import Yams

/// Reads who a source, a server or a broker is told that we are.
struct CredentialsReader<Key: ConfigurationKey> {
    let section: Section<Key>
    let username: Key
    let password: Key
    let passwordFile: Key
    let credentials: Key

    private var reader: ConfigurationReader { section.reader }

    /// What stands in a URL, or else under the keys, of which only one may say the password.
    func read(fromURL user: String? = nil) -> Credentials {
        if let user {
            if isWrittenOut(section.node(.init(rawValue: "url") ?? password)) {
                warnOfReaders(password, "the URL's password")
            }
            return Self.credentials(encoded: user)
        }
        let given = [password, passwordFile, credentials].filter(section.has)
        if given.count > 1 {
            section.report(
                given[1], "\(given.map(\.rawValue).joined(separator: " and ")) are given; leave all but one out")
        }
        if let pair = section.section(credentials, of: ConfigurationKeys.Credentials.self) {
            if section.has(username) {
                section.report(username, "credentials hold the user's name; leave username out")
            }
            return read(pair)
        }
        var result = Credentials(username: section.text(username))
        if section.has(password) {
            if isWrittenOut(section.node(password)) { warnOfReaders(password, "the password") }
            result.password = section.text(password).map { Secret($0) }
        } else if let path = section.path(passwordFile) {
            result.password = line(of: path, passwordFile).map { Secret($0) }
        }
        if result.password != nil, !section.has(username) {
            section.report(section.has(password) ? password : passwordFile, "a password needs a username")
        }
        return result
    }

    /// `USER:PASSWORD` from a file or a variable.
    private func read(_ pair: Section<ConfigurationKeys.Credentials>) -> Credentials {
        let text: String
        if pair.has(.file) == pair.has(.environment) {
            section.report(credentials, "credentials must have one key, file or environment")
            return Credentials()
        } else if let path = pair.path(.file) {
            guard let line = line(of: path, credentials) else { return Credentials() }
            text = line
        } else if let name = pair.text(.environment) {
            guard let value = reader.environment[name] else {
                pair.report(.environment, "the environment has no variable \(shown(name)); set it to USER:PASSWORD")
                return Credentials()
            }
            text = value
        } else {
            return Credentials()
        }
        guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else {
            section.report(credentials, "what credentials name must hold USER:PASSWORD")
            return Credentials()
        }
        return Credentials(
            username: String(text[..<colon]), password: Secret(String(text[text.index(after: colon)...])))
    }

    /// The only line of a small file.
    private func line(of path: String, _ key: Key) -> String? {
        func refuse(_ problem: String) -> String? {
            section.report(key, "\(key.rawValue): \(problem)")
            return nil
        }
        let file: MappedFile
        do { file = try MappedFile(path: path) } catch { return refuse("\(error)") }
        guard file.count <= 4096 else { return refuse("\(path) has \(file.count) bytes; give a file with one line") }
        let bytes = file.withUnsafeBytes { Array($0) }
        guard let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else {
            return refuse("\(path) is not UTF-8 text")
        }
        let lines = text.split(whereSeparator: \.isNewline)
        guard lines.count == 1, let line = lines.first else {
            return refuse("\(path) has \(lines.count) lines; give a file with one line")
        }
        return String(line)
    }

    private func isWrittenOut(_ node: Node?) -> Bool { node?.scalar.map { !$0.string.contains("${") } ?? false }

    private func warnOfReaders(_ key: Key, _ what: String) {
        guard reader.isWorldReadable else { return }
        reader.warn(
            section.place(of: key),
            "everybody on this machine can read \(what) here; take it from a file with password_file, "
                + "or run chmod o-r \(reader.file)"
        )
    }

    /// The name and the password of a URL, their percent signs decoded.
    private static func credentials(encoded text: String) -> Credentials {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        func decoded(_ text: String) -> String { text.removingPercentEncoding ?? text }
        return Credentials(
            username: decoded(parts[0]), password: parts.count > 1 ? Secret(decoded(parts[1])) : nil)
    }
}
