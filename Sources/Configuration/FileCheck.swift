import Files
import Glibc

/// What can be said about files before anything is opened.
package enum FileCheck {
    /// Why a path is no file that could be read; nil where it is. Whether this process may read it depends on who runs
    /// it, and shows when it is opened.
    package static func problem(ofFile path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return errno == ENOENT || errno == ENOTDIR
                ? "\(path): there is no such file" : "\(path): \(String(cString: strerror(errno)))"
        }
        return status.st_mode & S_IFMT == S_IFDIR ? "\(path): is a folder; name a file" : nil
    }

    /// Why a path is no folder; nil where it is.
    package static func problem(ofExistingFolder path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return errno == ENOENT || errno == ENOTDIR
                ? "\(path): there is no such folder" : "\(path): \(String(cString: strerror(errno)))"
        }
        return status.st_mode & S_IFMT == S_IFDIR ? nil : "\(path): is a file; name a folder"
    }

    /// Why nothing can be read under a name; nil where something can, or where the name is a pattern of names.
    package static func problem(ofInput path: String) -> String? {
        var status = stat()
        guard stat(path, &status) != 0 else { return nil }
        let isPattern = path.contains { "*?[%".contains($0) }
        return isPattern
            ? nil : "\(path): \(errno == ENOENT ? "there is no such file" : String(cString: strerror(errno)))"
    }

    /// Why no folder can be there or be made; nil where one can.
    package static func problem(ofFolder path: String) -> String? {
        var path = path[...]
        while true {
            var status = stat()
            if stat(String(path), &status) == 0 {
                return status.st_mode & S_IFMT == S_IFDIR ? nil : "\(path) is not a folder"
            }
            guard errno == ENOENT, let slash = path.lastIndex(of: "/") else {
                return errno == ENOTDIR ? "a part of \(path) is not a folder" : nil
            }
            path = slash == path.startIndex ? "/" : path[..<slash]
        }
    }

    /// Why no file can be written under a name; nil where one can.
    package static func problem(ofOutput path: String) -> String? {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return "\(path) is a folder; name a file" }
        return problem(ofFolder: Folder.containing(path))
    }

    /// Whether others than a file's owner and group may read it.
    package static func isWorldReadable(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IROTH != 0
    }

    /// A path from the root on; a relative one begins in the current folder.
    package static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return normal(path) }
        defer { free(folder) }
        return normal("\(String(cString: folder))/\(path)")
    }

    /// A path without `.`, `..` and doubled slashes, so that one file has one name. Links are not followed: they may
    /// not be there yet.
    package static func normal(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
