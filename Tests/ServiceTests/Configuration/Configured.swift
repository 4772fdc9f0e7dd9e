import Configuration
import Foundation
import Testing

@testable import Service

/// Reads a configuration's text as if it lay in the file `c.yaml` of an empty folder.
func configured(
    _ text: String, environment: [String: String] = [:],
    overrides: ServiceConfiguration.Overrides = ServiceConfiguration.Overrides(), folder: String = "/nowhere",
    isWorldReadable: Bool = false
) throws -> ServiceConfiguration {
    try ServiceConfiguration.read(
        Array(text.utf8), file: "\(folder)/c.yaml", environment: environment, overrides: overrides,
        isWorldReadable: isWorldReadable)
}

/// The only stream of a configuration with these lines beside name and source.
func stream(_ lines: String, environment: [String: String] = [:]) throws -> StreamSettings {
    let text = "streams:\n- name: a\n  source: test:shapes\n" + indented(lines)
    return try #require(try configured(text, environment: environment).streams.first)
}

/// The messages about a stream with these lines, which begin in line 4, without the file's name.
func complaints(_ lines: String, environment: [String: String] = [:]) -> [String] {
    complaintsOfFile("streams:\n- name: a\n  source: test:shapes\n" + indented(lines), environment: environment)
}

/// The messages about a file, as LINE:COLUMN: MESSAGE.
func complaintsOfFile(_ text: String, environment: [String: String] = [:]) -> [String] {
    do {
        _ = try configured(text, environment: environment)
        return []
    } catch let error as ConfigurationError {
        return error.issues.map { issue in
            issue.description.replacingOccurrences(of: "/nowhere/c.yaml:", with: "")
                .trimmingCharacters(in: .whitespaces)
        }
    } catch {
        return ["not a ConfigurationError: \(error)"]
    }
}

private func indented(_ lines: String) -> String {
    lines.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)\n" }.joined()
}

/// A folder that vanishes with its test.
final class TemporaryFolder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)").path

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ text: String, to name: String, mode: Int = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        return file
    }
}
