import Foundation
import Instances
import Outputs
import Testing

@testable import Service

@Suite("Sockets that streams share")
struct SharedSocketsTests {
    private let folder: TemporaryFolder
    private let path: String
    private let sockets = SharedSockets(activation: .take()) { _ in }

    init() throws {
        folder = try TemporaryFolder()
        path = "\(folder.path)/s.sock"
    }

    private func settings(mode: UInt32 = 0o660, queue: Int = 256) -> StreamOutput.Socket {
        var settings = StreamOutput.Socket(path: path)
        settings.mode = mode
        settings.queue = queue
        return settings
    }

    private func open(_ settings: StreamOutput.Socket, stream: String) throws -> any RecordOutput {
        try sockets.socket(settings, hello: .init(program: "segmentd", stream: stream, categories: []))
    }

    /// Mode and inode of the socket's file; nil where there is none.
    private var file: [UInt64]? {
        var status = stat()
        return stat(path, &status) == 0 ? [UInt64(status.st_mode & 0o777), UInt64(status.st_ino)] : nil
    }

    @Test("a reload that keeps the settings keeps the socket")
    func kept() throws {
        let old = try open(settings(), stream: "a")
        let before = try #require(file)
        let hold = sockets.hold([.socket(settings()), .socket(settings())])
        old.finish(within: .seconds(30))
        #expect(file == before)
        let new = try open(settings(), stream: "a")
        hold.release()
        #expect(file == before)
        new.finish(within: .seconds(30))
        #expect(file == nil)
    }

    @Test("a reload that changes the settings opens the socket anew")
    func changed() throws {
        let old = try open(settings(), stream: "a")
        #expect(file?[0] == 0o660)
        let hold = sockets.hold([.socket(settings(mode: 0o600))])
        old.finish(within: .seconds(30))
        #expect(file == nil)
        let new = try open(settings(mode: 0o600), stream: "a")
        hold.release()
        #expect(file?[0] == 0o600)
        new.finish(within: .seconds(30))
    }

    @Test("settings that cannot be applied since a stream still uses the old ones are refused in words")
    func refused() throws {
        let old = try open(settings(), stream: "a")
        let hold = sockets.hold([.socket(settings(queue: 9))])
        #expect {
            try open(settings(queue: 9), stream: "b")
        } throws: { error in
            "\(error)".contains("s.sock: cannot apply the new settings: a stream that has not stopped still uses")
        }
        hold.release()
        // The refused stream has left no trace in the count of users.
        old.finish(within: .seconds(30))
        #expect(file == nil)
    }
}
