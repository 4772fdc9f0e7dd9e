import Foundation
import Instances
import Testing

@testable import Video

/// A folder that vanishes with the test.
final class Folder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("segmentd-\(UUID().uuidString)").path

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }

    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: self(name)))) }

    func write(_ bytes: [UInt8], to name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: self(name)))
    }
}

struct CommandFailure: Error, CustomStringConvertible {
    var description: String
}

/// Runs a command of FFmpeg's and returns what it prints.
@discardableResult
func run(_ command: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [command] + arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw CommandFailure(description: "\(command) \(arguments.joined(separator: " ")): \(complaint)")
    }
    return text
}

/// `ffmpeg -v error -y ARGUMENTS`, split at spaces.
func ffmpeg(_ arguments: String, _ output: String) throws {
    try run("ffmpeg", ["-v", "error", "-y"] + arguments.split(separator: " ").map(String.init) + [output])
}

/// FFmpeg's moving test picture; `testsrc2` is livelier, but rounds odd sizes down.
func pattern(_ source: String = "testsrc2", size: String = "192x128", rate: Int = 25, seconds: Double = 0.8) -> String {
    "-f lavfi -i \(source)=size=\(size):rate=\(rate):duration=\(seconds)"
}

/// What ffprobe says about each frame or stream, a line each.
func probe(_ path: String, _ entries: String, stream: String = "v:0", format: String = "csv=p=0") throws -> [String] {
    try run("ffprobe", ["-v", "error", "-select_streams", stream, "-show_entries", entries, "-of", format, path])
        .split(separator: "\n").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: ", \r")) }
        .filter { !$0.isEmpty }
}

/// All of a video's frames as FFmpeg itself converts them to RGB.
func referenceRGB(_ path: String, in folder: Folder) throws -> [UInt8] {
    try run(
        "ffmpeg",
        [
            "-v", "error", "-y", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt",
            "rgb24", folder("reference.rgb"),
        ])
    return try folder.bytes("reference.rgb")
}

/// Decodes to the end.
func frames(_ path: String, options: VideoSource.Options = .init()) throws -> [VideoFrame] {
    let source = try VideoSource(path, options: options)
    var frames: [VideoFrame] = []
    while let frame = try source.next() { frames.append(frame) }
    return frames
}

extension RGBImage {
    var samples: [UInt8] { withSamples { Array($0) } }
}

/// The largest and the mean difference of two runs of samples.
func difference(_ left: [UInt8], _ right: [UInt8]) -> (largest: Int, mean: Double) {
    var (largest, sum) = (0, 0)
    for (a, b) in zip(left, right) {
        let distance = abs(Int(a) - Int(b))
        largest = max(largest, distance)
        sum += distance
    }
    return (largest, left.isEmpty ? 0 : Double(sum) / Double(left.count))
}
