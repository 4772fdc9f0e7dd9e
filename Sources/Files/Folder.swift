import Glibc

/// Folders for many files.
public enum Folder {
    /// The folder that a path's last component lies in.
    public static func containing(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Makes a folder and those above it; one that is there already is left as it is.
    ///
    /// - Throws: `FileError`.
    public static func create(_ path: String) throws {
        if mkdir(path, 0o777) == 0 { return }
        switch errno {
        case EEXIST where isFolder(path): return
        case ENOENT where containing(path) != path && !isFolder(containing(path)):
            try create(containing(path))
            guard mkdir(path, 0o777) != 0, errno != EEXIST else { return }
            throw failure("make the folder", path, errno)
        case let code: throw failure("make the folder", path, code)
        }
    }

    /// Whether nothing lies in the folder.
    ///
    /// - Throws: `FileError`.
    public static func isEmpty(_ path: String) throws -> Bool {
        guard let entries = opendir(path) else { throw failure("read the folder", path, errno) }
        defer { closedir(entries) }
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { return false }
        }
        return true
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func failure(_ action: String, _ path: String, _ code: CInt) -> FileError {
        code == EEXIST
            ? .refused(action: action, path: path, reason: "a file has that name")
            : FileError(action: action, path: path, code: code)
    }
}
