import Foundation
import Testing

@testable import Outputs

@Suite("Reading lines from a socket")
struct SocketReaderTests {
    let folder: WriterTests.Folder
    let path: String

    init() throws {
        folder = try WriterTests.Folder()
        path = folder.path + "/door.sock"
    }

    /// What a reader makes of a server that sends these pieces, one after the other, and closes.
    private func lines(_ pieces: [String], limit: Int = 1 << 20) throws -> [String] {
        let file = try SocketFile(path: path, options: SocketOptions())
        defer {
            file.removeName()
            close(file.descriptor)
        }
        let reader = try SocketReader(path: path, maxLine: limit)
        let connection = accept(file.descriptor, nil, nil)
        try #require(connection >= 0)
        Thread.detachNewThread {
            for piece in pieces {
                var rest = Array(piece.utf8)[...]
                while !rest.isEmpty {
                    let sent = rest.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
                    guard sent > 0 else { break }
                    rest = rest.dropFirst(sent)
                }
            }
            close(connection)
        }
        var lines: [String] = []
        while let line = try reader.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        return lines
    }

    @Test("lines come whole, however they were sent, and one that is cut does not come")
    func pieces() throws {
        #expect(try lines(["a\nbc\n", "d", "e", "\n\n", "cut"]) == ["a\n", "bc\n", "de\n", "\n"])
        let long = String(repeating: "x", count: 500_000) + "\n"
        #expect(try lines(["short\n" + long, long + "end\n"]) == ["short\n", long, long, "end\n"])
        #expect(try lines([]) == [])
    }

    @Test("a line without an end is refused before it fills the memory")
    func endless() throws {
        #expect(throws: OutputError.lineTooLong(path: path, limit: 100_000)) {
            try lines(["ok\n", String(repeating: "x", count: 1_000_000)], limit: 100_000)
        }
    }

    @Test("what is not there, is not a socket or has nobody behind it is told apart")
    func refusals() throws {
        #expect(throws: OutputError.missing(path: path)) { try SocketReader(path: path) }
        #expect(throws: OutputError.notASocket(path: folder.path)) { try SocketReader(path: folder.path) }
        let file = try SocketFile(path: path, options: SocketOptions())
        close(file.descriptor)
        #expect(throws: OutputError.nobodyListens(path: path)) { try SocketReader(path: path) }
    }
}
