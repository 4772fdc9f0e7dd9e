import Glibc
import Testing

@testable import Files

@Suite struct FileErrorTests {
    @Test func `the system's error numbers say what is meant by what was tried`() {
        func text(_ action: String, _ code: CInt) -> String { "\(FileError(action: action, path: "a/b", code: code))" }
        #expect(text("read", ENOENT) == "a/b: there is no such file")
        #expect(text("write", ENOENT) == "a/b: cannot write: the folder a does not exist; create it first")
        #expect(text("rename", ENOENT) == "a/b: cannot rename: No such file or directory")
        #expect(text("read", EISDIR) == "a/b: is a folder; name a file")
        #expect(text("remove", EISDIR) == "a/b: cannot remove: Is a directory")
        for code in [ENOSPC, EDQUOT] { #expect(text("make durable", code).contains("the disk is full")) }
        #expect(text("write", EPIPE) == "a/b: cannot write: the reader has closed its end")
    }

    @Test func `a folder that is not there is no file that is missing`() {
        let refusal = FileError.refused(
            action: "read the folder", path: "/none", reason: "No such file or directory")
        #expect(throws: refusal) { try Folder.isEmpty("/none") }
    }
}
