import Foundation

@testable import Checkpoints
@testable import Files

/// The files that Tests/Fixtures/make_checkpoints.py wrote, and room for files that a test writes itself.
enum Fixture {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/checkpoints").path

    static func path(_ name: String) -> String { "\(folder)/\(name)" }

    static func bytes(_ name: String) throws -> [UInt8] {
        try MappedFile(path: path(name)).withUnsafeBytes { Array($0) }
    }

    /// The numbers of the script's own rule.
    static func numbers(_ count: Int, start: Int = 0) -> [Float] {
        (0..<count).map { Float(start + $0) / 4 - 3 }
    }
}

/// A folder that vanishes with its last user.
final class TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }
}

extension Checkpoint {
    /// Opens bytes as if they were a file.
    static func open(bytes: [UInt8]) throws -> Checkpoint {
        try read(MappedFile(path: "memory", copying: bytes))
    }
}

/// The message of the error that the body throws, or "no error".
func message(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "no error"
    } catch {
        return "\(error)"
    }
}
