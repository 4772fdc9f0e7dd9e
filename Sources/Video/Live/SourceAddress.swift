import CFFmpeg
import Glibc

/// Where a stream comes from, as a user writes it.
///
/// `rtsp://host/path` and every other URL that FFmpeg opens, `/dev/video0`, a file, a folder or pattern of images, a named
/// pipe, `-` for standard input, or `test:PATTERN?name=value&...` for a picture that FFmpeg draws, such as
/// `test:testsrc2?size=640x360&rate=30`. Nothing is opened or looked for.
public struct SourceAddress: Sendable, Equatable {
    /// What kind of source an address names.
    public enum Kind: Sendable, Equatable {
        /// What FFmpeg opens by a scheme, which is in lower case.
        case url(scheme: String)
        /// A camera's device, through Video4Linux2.
        case camera(path: String)
        /// A file, folder, pattern or named pipe.
        case path(String)
        case standardInput
        /// A picture drawn by FFmpeg's filter of that name.
        case pattern(name: String, parameters: [String: String])
        /// Moving shapes, which are drawn outside this module.
        case shapes(parameters: [String: String])
    }

    public let kind: Kind
    /// As written, secrets included; only for FFmpeg.
    private let text: String

    /// FFmpeg's filters that draw without any input.
    public static let patterns = [
        "allrgb", "allyuv", "cellauto", "color", "colorspectrum", "gradients", "life", "mandelbrot", "nullsrc",
        "pal100bars", "pal75bars", "rgbtestsrc", "sierpinski", "smptebars", "smptehdbars", "testsrc", "testsrc2",
        "yuvtestsrc",
    ]

    /// Demuxers that open their own connections and therefore are no protocols to FFmpeg.
    private static let demuxerSchemes = ["rtsp", "rtsps"]

    /// - Throws: `VideoError.badAddress`.
    public init(_ text: String) throws {
        self.text = text
        guard !text.isEmpty else {
            throw VideoError.badAddress(input: "source", reason: "is empty; write a URL, a file, a device or '-'")
        }
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
            let visible = text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f }
            throw VideoError.badAddress(
                input: Redaction.redact(String(String.UnicodeScalarView(visible))),
                reason: "has a control character in it; remove it or percent-encode it")
        }
        if text == "-" {
            kind = .standardInput
        } else if text.hasPrefix("test:") {
            kind = try Self.test(text)
        } else if InputName.hasScheme(text) {
            kind = .url(scheme: try Self.scheme(of: text))
        } else if Self.isCamera(text) {
            kind = .camera(path: text)
        } else {
            kind = .path(text)
        }
    }

    private static func scheme(of text: String) throws -> String {
        let scheme = text.prefix { $0 != ":" }.lowercased()
        guard !demuxerSchemes.contains(scheme) else { return scheme }
        FFmpeg.prepare()
        var known = demuxerSchemes
        var state: UnsafeMutableRawPointer?
        while let name = avio_enum_protocols(&state, 0) { known.append(String(cString: name)) }
        guard known.contains(scheme) else {
            throw VideoError.badAddress(
                input: Redaction.redact(text),
                reason:
                    "the installed FFmpeg does not know '\(scheme)://'; it reads \(known.sorted().joined(separator: ", "))"
            )
        }
        return scheme
    }

    private static func isCamera(_ text: String) -> Bool {
        if text.hasPrefix("/dev/v4l/") { return true }
        guard text.hasPrefix("/dev/video") else { return false }
        let number = text.dropFirst("/dev/video".count)
        return !number.isEmpty && number.allSatisfy { $0.isASCII && $0.isNumber }
    }

    private static func test(_ text: String) throws -> Kind {
        func bad(_ reason: String) -> VideoError { .badAddress(input: text, reason: reason) }
        let parts = text.dropFirst("test:".count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts.first ?? "")
        guard name == "shapes" || patterns.contains(name) else {
            throw bad("there is no pattern '\(name)'; use shapes, \(patterns.joined(separator: ", "))")
        }
        var parameters: [String: String] = [:]
        for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard sides.count == 2, !sides[0].isEmpty, sides[0].unicodeScalars.allSatisfy(isNameCharacter) else {
                throw bad("'\(pair)' is no parameter; write them as name=value with & between")
            }
            guard !sides[1].isEmpty, sides[1].unicodeScalars.allSatisfy(isValueCharacter) else {
                throw bad("the value of '\(sides[0])' may only have letters, digits and . / # @ + - _ in it")
            }
            guard parameters.updateValue(sides[1], forKey: sides[0]) == nil else {
                throw bad("'\(sides[0])' is given twice")
            }
        }
        return name == "shapes" ? .shapes(parameters: parameters) : .pattern(name: name, parameters: parameters)
    }

    private static func isNameCharacter(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_")
    }

    /// None of those that mean something in a description of a graph.
    private static func isValueCharacter(_ scalar: Unicode.Scalar) -> Bool {
        isNameCharacter(scalar) || "./#@+-".unicodeScalars.contains(scalar)
    }

    /// The address without user, password and the values of what looks like a secret; for everybody's eyes.
    public var redacted: String {
        if case .url = kind { return Redaction.redact(text) }
        return text
    }

    /// What any text may show that could be an address, as `redacted`.
    public static func redacted(_ text: String) -> String { Redaction.redact(text) }

    /// Whether frames come by their own clock and may go on after an end: the network, cameras, patterns, named pipes and
    /// standard input. Looks up what a path is now.
    public var isLive: Bool {
        switch kind {
        case .url(let scheme): !Self.storedSchemes.contains(scheme)
        case .camera, .pattern, .shapes: true
        case .standardInput: Self.type(ofDescriptor: 0) != S_IFREG
        case .path(let path): Self.type(of: path) == S_IFIFO
        }
    }

    /// Schemes of what lies on this machine.
    private static let storedSchemes: Set<String> = ["file", "concat", "concatf", "subfile", "data", "cache", "crypto"]

    /// Whether the address may have an end although it is reached over the network.
    var mayBeStored: Bool {
        if case .url(let scheme) = kind {
            return ["http", "https", "ftp", "sftp", "hls"].contains(scheme) || Self.storedSchemes.contains(scheme)
        }
        return false
    }

    /// Whether the source is a named pipe or standard input, whose writer may pause as long as it likes.
    var isPipe: Bool {
        switch kind {
        case .standardInput: true
        case .path: isLive
        default: false
        }
    }

    private static func type(of path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }

    private static func type(ofDescriptor descriptor: CInt) -> mode_t? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : nil
    }

    /// What is to be opened.
    ///
    /// - Throws: `VideoError`.
    func inputName(_ credentials: Credentials?) throws -> InputName {
        switch kind {
        case .url: return .address(url(with: credentials))
        case .camera(let path): return .camera(path)
        case .path, .standardInput: return try InputName(text)
        case .pattern(let name, let parameters):
            let list = parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            return .graph(list.isEmpty ? name : name + "=" + list.joined(separator: ":"))
        case .shapes:
            throw VideoError.badAddress(input: text, reason: "shapes are not drawn by FFmpeg; use another pattern here")
        }
    }

    /// The URL with credentials in place of those that it may have.
    private func url(with credentials: Credentials?) -> String {
        guard let credentials, let start = Redaction.startOfAuthority(text) else { return text }
        let rest = text[start...]
        let authority = rest.prefix { !"/?#".contains($0) }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        return text[..<start] + credentials.userInformation + "@" + host + rest[authority.endIndex...]
    }
}

extension SourceAddress: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { redacted }
    public var debugDescription: String { redacted }
    public var customMirror: Mirror { Mirror(self, children: ["redacted": redacted]) }
}
