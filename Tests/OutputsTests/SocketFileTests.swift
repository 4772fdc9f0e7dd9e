import Foundation
import Testing

@testable import Outputs

@Suite("The file of a socket")
struct SocketFileTests {
    let folder: WriterTests.Folder
    let path: String

    init() throws {
        folder = try WriterTests.Folder()
        path = folder.path + "/door.sock"
    }

    private func mode(_ path: String) throws -> mode_t {
        var status = stat()
        try #require(stat(path, &status) == 0)
        return status.st_mode & 0o777
    }

    /// Leaves a socket's file as a killed process does.
    private func leaveStaleFile() throws {
        let descriptor = try SocketAddress.makeSocket(for: path)
        let code = try SocketAddress.with(path: path) { bind(descriptor, $0, $1) }
        try #require(code == 0)
        close(descriptor)
    }

    @Test("the mode is the one that was asked for, whatever the process's mask")
    func modes() throws {
        var options = SocketOptions()
        do {
            let file = try SocketFile(path: path, options: options)
            #expect(try mode(path) == 0o660)
            file.removeName()
            close(file.descriptor)
        }
        options.mode = 0o606
        options.owner = "\(getuid())"
        options.group = "\(getgid())"
        let file = try SocketFile(path: path, options: options)
        defer { close(file.descriptor) }
        #expect(try mode(path) == 0o606)
        #expect(try folder.names == ["door.sock"])
    }

    @Test("names of users and groups are looked up")
    func accounts() throws {
        #expect(try SocketOptions.userID("root") == 0)
        #expect(try SocketOptions.groupID("root") == 0)
        #expect(try SocketOptions.userID("12") == 12)
        #expect(throws: OutputError.unknownAccount(kind: "user", name: "no such user")) {
            try SocketOptions.userID("no such user")
        }
        #expect(throws: OutputError.unknownAccount(kind: "group", name: "-1")) { try SocketOptions.groupID("-1") }
    }

    @Test("a file that a killed process left is taken over")
    func stale() throws {
        try leaveStaleFile()
        let output = try SocketOutput(path: path)
        output.setHello(Sample.hello("door"))
        #expect(try LineClient(path).fields()["type"] as? String == "hello")
        #expect(try folder.names == ["door.sock"])
        output.finish(within: .seconds(30))
        #expect(try folder.names.isEmpty)
    }

    @Test("a socket on which somebody listens is left alone")
    func inUse() throws {
        let output = try SocketOutput(path: path)
        #expect(throws: OutputError.inUse(path: path)) { try SocketOutput(path: path) }
        output.setHello(Sample.hello("door"))
        #expect(try LineClient(path).fields()["type"] as? String == "hello")
        #expect(try folder.names == ["door.sock"])
    }

    @Test("of many that want a stale file at once, one gets it")
    func race() throws {
        try leaveStaleFile()
        let (results, path) = (NSLock(), path)
        nonisolated(unsafe) var (opened, refused): ([SocketOutput], Int) = ([], 0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            let result = Result { try SocketOutput(path: path) }
            results.withLock {
                switch result {
                case .success(let output): opened.append(output)
                case .failure(let error): refused += error as? OutputError == .inUse(path: path) ? 1 : 0
                }
            }
        }
        #expect(opened.count == 1 && refused == 7)
        #expect(try folder.names == ["door.sock"])
    }

    @Test("what is not a socket is never removed")
    func notASocket() throws {
        try Data("notes".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: OutputError.notASocket(path: path)) { try SocketOutput(path: path) }
        #expect(try folder.content("door.sock") == "notes")
        let link = folder.path + "/link.sock"
        try #require(symlink(path, link) == 0)
        #expect(throws: OutputError.notASocket(path: link)) { try SocketOutput(path: link) }
        #expect(throws: OutputError.notASocket(path: folder.path)) { try SocketOutput(path: folder.path) }
    }

    @Test("a socket of datagrams is not replaced")
    func otherKind() throws {
        let other = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
        defer { close(other) }
        let code = try SocketAddress.with(path: path) { bind(other, $0, $1) }
        try #require(code == 0)
        #expect(throws: OutputError.self) { try SocketOutput(path: path) }
        #expect(try folder.names == ["door.sock"])
    }

    @Test("a name that another daemon has taken meanwhile is not removed at the end")
    func replaced() throws {
        let output = try SocketOutput(path: path)
        try #require(unlink(path) == 0)
        let other = try SocketOutput(path: path)
        output.finish(within: .seconds(30))
        #expect(try folder.names == ["door.sock"])
        other.finish(within: .seconds(30))
        #expect(try folder.names.isEmpty)
    }

    @Test("names that cannot be are refused in words")
    func names() throws {
        let missing = folder.path + "/run/door.sock"
        #expect(throws: OutputError.noFolder(path: missing, folder: folder.path + "/run")) {
            try SocketOutput(path: missing)
        }
        let long = folder.path + "/" + String(repeating: "x", count: 100)
        #expect(throws: OutputError.nameTooLong(path: long, limit: 107)) { try SocketOutput(path: long) }
        #expect(throws: OutputError.self) { try SocketOutput(path: "") }
        #expect(throws: OutputError.self) { try SocketOutput(path: folder.path + "/a\0b") }
    }

    @Test("sockets that systemd opened are found by their path and their names stay")
    func activation() throws {
        let file = try SocketFile(path: path, options: SocketOptions())
        let environment = ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "segmentd.socket"]
        let activation = SocketActivation(environment: environment, first: file.descriptor)
        // The name under which it was bound, before it got its own.
        let bound = try #require(activation.sockets.first?.path)
        #expect(activation.sockets.first?.name == "segmentd.socket")
        #expect(activation.descriptor(forPath: bound) == file.descriptor)
        #expect(activation.descriptor(forPath: folder.path + "/other.sock") == nil)
        let output = try SocketOutput(inherited: file.descriptor)
        output.setHello(Sample.hello("door"))
        #expect(try LineClient(path).fields()["type"] as? String == "hello")
        output.finish(within: .seconds(30))
        #expect(try folder.names == ["door.sock"])
        // A reload serves it anew; who came in between has waited.
        let waiting = try LineClient(path)
        let again = try SocketOutput(inherited: #require(activation.descriptor(forPath: bound)))
        again.setHello(Sample.hello("yard"))
        #expect(try waiting.fields()["stream"] as? String == "yard")
        again.finish(within: .seconds(30))
        close(file.descriptor)
    }

    @Test("what is handed to another process, or is no socket, is not taken")
    func notActivated() throws {
        let environment = ["LISTEN_PID": "1", "LISTEN_FDS": "1"]
        #expect(SocketActivation(environment: environment, process: 2).sockets.isEmpty)
        #expect(SocketActivation(environment: [:]).sockets.isEmpty)
        #expect(SocketActivation(environment: ["LISTEN_PID": "x", "LISTEN_FDS": "-1"]).sockets.isEmpty)
        let null = open("/dev/null", O_RDONLY)
        defer { close(null) }
        #expect(throws: OutputError.self) { try SocketOutput(inherited: null) }
        let unheard = try SocketAddress.makeSocket(for: path)
        defer { close(unheard) }
        #expect(throws: OutputError.self) { try SocketOutput(inherited: unheard) }
    }
}
