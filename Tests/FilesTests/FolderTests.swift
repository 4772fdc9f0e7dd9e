import Foundation
import Testing

@testable import Files

@Suite("Folders")
struct FolderTests {
    @Test("A folder is made with those above it, and once more without harm")
    func create() throws {
        let top = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: top) }
        for path in [top + "/a/b", top + "/a/b", top + "/c/d/"] { try Folder.create(path) }
        #expect(try Folder.isEmpty(top + "/a/b"))
        #expect(try !Folder.isEmpty(top))
        #expect(try Folder.isEmpty(top + "/c/d"))
    }

    @Test("What stands in the way is named")
    func refused() throws {
        let top = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: top) }
        try Data().write(to: URL(fileURLWithPath: top))
        #expect(throws: FileError.refused(action: "make the folder", path: top, reason: "a file has that name")) {
            try Folder.create(top)
        }
        #expect(throws: FileError.self) { try Folder.create(top + "/below") }
        #expect(throws: FileError.self) { try Folder.isEmpty(top) }
        #expect(throws: FileError.self) { try Folder.create("") }
    }
}
