import Foundation
import Testing

@testable import Files

@Suite("A file that appears only when it is whole")
struct AtomicFileTests {
    /// A folder that vanishes with the test.
    final class Folder {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)").path
        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }
        var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
        func content(_ name: String) -> String? { try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
    }

    let folder: Folder

    init() throws { folder = try Folder() }

    @Test("a commit gives the name to all that was written, and leaves nothing else")
    func commit() throws {
        let file = try AtomicFile(path: folder.path + "/a.txt")
        try file.write(Array("one ".utf8))
        #expect(folder.content("a.txt") == nil)
        try file.write(Array("two".utf8))
        try file.commit()
        #expect(folder.content("a.txt") == "one two")
        #expect(try folder.names == ["a.txt"])
    }

    @Test("without a commit the earlier file stays as it was")
    func cancel() throws {
        try "before".write(toFile: folder.path + "/a.txt", atomically: true, encoding: .utf8)
        do {
            let file = try AtomicFile(path: folder.path + "/a.txt")
            try file.write(Array("after".utf8))
        }
        #expect(folder.content("a.txt") == "before")
        #expect(try folder.names == ["a.txt"])
    }

    @Test("an earlier file keeps its permissions and its symbolic link")
    func link() throws {
        let manager = FileManager.default
        try "before".write(toFile: folder.path + "/real", atomically: true, encoding: .utf8)
        try manager.setAttributes([.posixPermissions: 0o640], ofItemAtPath: folder.path + "/real")
        try manager.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: "real")
        let file = try AtomicFile(path: folder.path + "/link")
        try file.write(Array("after".utf8))
        try file.commit()
        #expect(folder.content("real") == "after")
        #expect(try manager.destinationOfSymbolicLink(atPath: folder.path + "/link") == "real")
        let mode = try manager.attributesOfItem(atPath: folder.path + "/real")[.posixPermissions] as? Int
        #expect(mode == 0o640)
    }

    @Test("a full disk is named as such")
    func diskFull() throws {
        let file = try AtomicFile(path: "/dev/full")
        #expect(throws: FileError.diskFull(path: "/dev/full")) { try file.write([1]) }
    }

    @Test("a device is written straight and not replaced")
    func device() throws {
        let file = try AtomicFile(path: "/dev/null")
        try file.write([1, 2, 3])
        try file.commit()
        var status = stat()
        #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    }

    @Test("a folder and a missing folder are told apart")
    func folders() {
        #expect(throws: FileError.isDirectory(path: folder.path)) { _ = try AtomicFile(path: folder.path) }
        #expect(throws: FileError.noFolder(path: folder.path + "/no/a.txt", folder: folder.path + "/no")) {
            _ = try AtomicFile(path: folder.path + "/no/a.txt")
        }
    }

    @Test("a name of 255 bytes can be written")
    func longName() throws {
        let name = String(repeating: "ä", count: 127) + "x"
        let file = try AtomicFile(path: folder.path + "/" + name)
        try file.write([65])
        try file.commit()
        #expect(try folder.names == [name])
    }

    @Test("a mapped file has the file's bytes, an empty one none")
    func mapped() throws {
        for text in ["", "hello"] {
            try text.write(toFile: folder.path + "/m", atomically: true, encoding: .utf8)
            let file = try MappedFile(path: folder.path + "/m")
            #expect(file.withUnsafeBytes { Array($0) } == Array(text.utf8))
        }
    }

    @Test("mapping what is missing, a folder or a device says which")
    func unmappable() {
        #expect(throws: FileError.missing(path: folder.path + "/no")) { _ = try MappedFile(path: folder.path + "/no") }
        #expect(throws: FileError.isDirectory(path: folder.path)) { _ = try MappedFile(path: folder.path) }
        #expect(throws: FileError.notRegular(path: "/dev/null")) { _ = try MappedFile(path: "/dev/null") }
    }
}
