import Glibc

/// What an input's name stands for.
enum InputName: Equatable {
    case standardInput
    /// A regular file, or a device.
    case file(String)
    /// A named pipe, which can only be read once and from front to back.
    case pipe(String)
    /// Image files in their natural order, or a single one.
    case images([String])
    /// Anything FFmpeg opens by a scheme, or a numbered pattern such as `frame%04d.png`.
    case address(String)
    /// A camera's device, through Video4Linux2.
    case camera(String)
    /// A description of a filter graph whose only output is a video.
    case graph(String)

    /// The suffixes by which a folder's images are recognised.
    static let imageSuffixes = [
        "bmp", "exr", "gif", "jp2", "jpeg", "jpg", "jxl", "pbm", "pgm", "png", "pnm", "ppm", "tga", "tif", "tiff",
        "webp",
    ]

    /// Those among them that may hold more than one frame, and a file of which is a video.
    private static let movingSuffixes = ["gif", "jxl", "webp"]

    /// - Throws: `VideoError` where nothing has the name, or it cannot be a video.
    init(_ input: String) throws {
        if input == "-" {
            self = .standardInput
            return
        }
        if Self.hasScheme(input) {
            self = .address(input)
            return
        }
        var status = stat()
        guard stat(input, &status) == 0 else {
            if errno != ENOENT && errno != ENOTDIR { throw Self.unreadable(input) }
            if input.contains(where: { "*?[".contains($0) }) {
                self = .images(try Self.matches(input))
            } else if input.contains("%") && Self.imageSuffixes.contains(Self.suffix(input)) {
                self = .address(input)
            } else {
                throw VideoError.missing(path: input)
            }
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: self = .images(try Self.images(in: input))
        case S_IFIFO: self = .pipe(input)
        case S_IFREG:
            guard access(input, R_OK) == 0 else { throw Self.unreadable(input) }
            guard status.st_size > 0 else { throw VideoError.empty(input: input) }
            let isStill =
                Self.imageSuffixes.contains(Self.suffix(input)) && !Self.movingSuffixes.contains(Self.suffix(input))
            self = isStill ? .images([input]) : .file(input)
        default: self = .file(input)
        }
    }

    /// Whether the name begins as a URL does (RFC 3986, section 3.1).
    static func hasScheme(_ input: String) -> Bool {
        guard let colon = input.firstIndex(of: ":"), input[colon...].hasPrefix("://") else { return false }
        let scheme = input[..<colon]
        guard let first = scheme.first, first.isASCII && first.isLetter else { return false }
        return scheme.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
    }

    private static func unreadable(_ path: String) -> VideoError {
        .unreadable(input: path, reason: String(cString: strerror(errno)))
    }

    private static func images(in folder: String) throws -> [String] {
        guard let directory = opendir(folder) else { throw unreadable(folder) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") && imageSuffixes.contains(suffix(name)) { names.append(name) }
        }
        guard !names.isEmpty else { throw VideoError.noImages(folder: folder) }
        let prefix = folder.hasSuffix("/") ? folder : folder + "/"
        return names.sorted(by: precedes).map { prefix + $0 }
    }

    private static func matches(_ pattern: String) throws -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, GLOB_NOSORT, nil, &found) == 0, let paths = found.gl_pathv else {
            throw VideoError.noMatch(pattern: pattern)
        }
        let names = (0..<Int(found.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }
        return names.sorted(by: precedes)
    }

    private static func suffix(_ path: String) -> String {
        guard let dot = path.lastIndex(of: ".") else { return "" }
        return path[path.index(after: dot)...].lowercased()
    }

    /// Orders names so that numbers inside them count as numbers: `frame2` before `frame10`.
    static func precedes(_ left: String, _ right: String) -> Bool {
        let (a, b) = (Array(left.utf8), Array(right.utf8))
        var (i, j) = (0, 0)
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        func number(_ bytes: [UInt8], _ index: inout Int) -> ArraySlice<UInt8> {
            while index < bytes.count && bytes[index] == UInt8(ascii: "0") { index += 1 }
            let start = index
            while index < bytes.count && isDigit(bytes[index]) { index += 1 }
            return bytes[start..<index]
        }
        while i < a.count && j < b.count {
            if isDigit(a[i]) && isDigit(b[j]) {
                let (x, y) = (number(a, &i), number(b, &j))
                if x.count != y.count { return x.count < y.count }
                if x != y { return x.lexicographicallyPrecedes(y) }
            } else {
                if a[i] != b[j] { return a[i] < b[j] }
                i += 1
                j += 1
            }
        }
        // Only zeros or an ending tell these apart; any fixed order will do.
        return (a.count - i, left) < (b.count - j, right)
    }
}
