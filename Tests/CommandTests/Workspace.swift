import Foundation
import MaskRCNN
import Testing

@testable import Checkpoints

/// A folder with a model, in which a test makes its files; it vanishes with the test.
final class Workspace {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)").path
    /// A small network with random weights: what it finds means nothing, but with a threshold of 0 it finds something.
    let model: String

    init() throws {
        model = "\(path)/model.safetensors"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Self.network().write(to: model)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// All files, hidden ones too.
    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }

    /// The path of a file in the folder.
    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: self(name)))) }

    func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

    @discardableResult
    func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: self(name)))
        return self(name)
    }

    func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: self(name), withIntermediateDirectories: true)
    }

    /// A moving test picture of 96x64, encoded by FFmpeg.
    ///
    /// - Parameter options: What `ffmpeg` is told beside, split at spaces.
    @discardableResult
    func video(
        _ name: String, frames: Int = 10, size: String = "96x64", _ options: String = "-c:v libx264 -bf 2"
    ) throws -> String {
        try ffmpeg("-f lavfi -i testsrc=size=\(size):rate=25 -frames:v \(frames) \(options)", self(name))
        return self(name)
    }

    /// A folder of images, from 1 on.
    @discardableResult
    func images(_ name: String, count: Int = 3) throws -> String {
        try makeFolder(name)
        try ffmpeg("-f lavfi -i testsrc=size=96x64:rate=25 -frames:v \(count)", self("\(name)/img%d.png"))
        return self(name)
    }

    /// The network that the parity fixture holds under `weights/`.
    private static func network() throws -> Model {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Fixtures/parity/backbone_basic_v1.safetensors").standardized
        let fixture = try Checkpoint.open(url.path)
        let prefix = "weights/"
        let stored = fixture.tensors.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        let names = TensorNames(stored: stored)
        var tensors: [String: StoredTensor] = [:]
        for name in stored {
            guard let current = names.current(for: name), var tensor = fixture.tensors[prefix + name] else { continue }
            tensor.name = current
            tensors[current] = tensor
        }
        let configuration = try ModelConfiguration(json: #require(fixture.metadata[Model.metadataKey]))
        return try Model(
            configuration, weights: Checkpoint(path: fixture.path, format: .safetensors, tensors: tensors))
    }
}

/// Runs a command that is a tool of the tests and returns what it prints.
@discardableResult
func tool(_ command: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [command] + arguments
    let output = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw Complaint("\(command) \(arguments.joined(separator: " ")) failed")
    }
    return text
}

/// `ffmpeg ARGUMENTS OUTPUT`, the arguments split at spaces.
func ffmpeg(_ arguments: String, _ output: String) throws {
    try tool("ffmpeg", ["-v", "error", "-y"] + arguments.split(separator: " ").map(String.init) + [output])
}

/// What ffprobe says, a line an entry.
func probe(_ path: String, _ entries: String, stream: String = "v:0") throws -> [String] {
    try tool("ffprobe", ["-v", "error", "-select_streams", stream, "-show_entries", entries, "-of", "csv=p=0", path])
        .split(separator: "\n").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: ", \r")) }
        .filter { !$0.isEmpty }
}

/// The presentation time of every frame that FFmpeg decodes, seconds.
func times(_ path: String) throws -> [Double] { try probe(path, "frame=pts_time").compactMap(Double.init) }

/// Whether two lists of times are the same but for rounding.
func isClose(_ found: [Double], _ expected: [Double], within tolerance: Double) -> Bool {
    found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) <= tolerance }
}
