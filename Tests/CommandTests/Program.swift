import Foundation
import Synchronization
import Testing

/// The built program, run as its users run it.
///
/// Not for two threads at once.
final class Program {
    /// What a finished program has left.
    struct Result {
        /// Its exit code, or the negated number of the signal that ended it.
        var status: Int32
        var output: String
        var errors: String

        /// The lines of standard error.
        var messages: [String] { errors.split(separator: "\n").map(String.init) }
    }

    /// What a thread of its own reads.
    private final class Collected: Sendable {
        let bytes = Mutex(Data())
        let isComplete = DispatchSemaphore(value: 0)
    }

    let process = Process()
    private let feeder: Process?
    private let watchdog: DispatchWorkItem
    private let output: FileHandle
    private let errors = Collected()
    /// Bytes of standard output that were read and not asked for yet.
    private var rest = Data()

    /// Starts the program.
    ///
    /// - Parameters:
    ///   - input: A file that comes to standard input through a pipe, as from `cat`; empty if nil.
    ///   - folder: Where the program runs; where the tests do if nil.
    ///   - environment: Variables beside those of the tests.
    init(
        _ arguments: [String], input: String? = nil, folder: String? = nil, environment: [String: String] = [:]
    ) throws {
        let (outputPipe, errorPipe) = (Self.pipe(), Self.pipe())
        output = outputPipe.fileHandleForReading
        process.executableURL = URL(fileURLWithPath: try Self.path)
        process.arguments = arguments
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        // A crash is reported by its exit code; a backtrace would take a minute.
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
            .merging(environment) { $1 }
        process.standardOutput = outputPipe
        process.standardError = errorPipe
        if let input {
            let (cat, pipe) = (Process(), Self.pipe())
            cat.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            cat.arguments = ["cat", input]
            cat.standardOutput = pipe
            cat.standardError = FileHandle.nullDevice
            process.standardInput = pipe
            feeder = cat
        } else {
            process.standardInput = FileHandle.nullDevice
            feeder = nil
        }
        try process.run()
        try feeder?.run()
        // A program that hangs fails its test instead of holding all of them up. The queue keeps even what was cancelled until its time,
        // which must not be the process with its pipes.
        watchdog = DispatchWorkItem { [weak process] in
            if let process, process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: watchdog)
        // Somebody always reads standard error, so that a full pipe never holds the program up.
        let (handle, errors) = (errorPipe.fileHandleForReading, errors)
        Thread.detachNewThread {
            let data = handle.readDataToEndOfFile()
            errors.bytes.withLock { $0 = data }
            errors.isComplete.signal()
        }
    }

    /// A pipe that programs which other tests start meanwhile do not take along: while one of them held an end, the other would not
    /// see it close.
    private static func pipe() -> Pipe {
        let pipe = Pipe()
        for end in [pipe.fileHandleForReading, pipe.fileHandleForWriting] {
            _ = fcntl(end.fileDescriptor, F_SETFD, FD_CLOEXEC)
        }
        return pipe
    }

    /// Runs the program to its end.
    static func run(_ arguments: String..., input: String? = nil) throws -> Result {
        try Program(arguments, input: input).finish()
    }

    /// The next line of standard output without its end; nil where there is none any more.
    func line() -> String? {
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                defer { rest.removeSubrange(...end) }
                return String(decoding: rest[..<end], as: UTF8.self)
            }
            let more = output.availableData
            if more.isEmpty { return nil }
            rest.append(more)
        }
    }

    /// Stops reading, as `head` does.
    func closeOutput() throws { try output.close() }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Reads what is left and waits for the end.
    func finish(readingOutput: Bool = true) -> Result {
        if readingOutput { rest.append(output.readDataToEndOfFile()) }
        errors.isComplete.wait()
        process.waitUntilExit()
        watchdog.cancel()
        feeder?.waitUntilExit()
        let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
        return Result(
            status: status, output: String(decoding: rest, as: UTF8.self),
            errors: String(decoding: errors.bytes.withLock { $0 }, as: UTF8.self))
    }

    /// Where the program is: named by SEGMENTD, or beside the tests in the build folder.
    static var path: String {
        get throws {
            if let named = ProcessInfo.processInfo.environment["SEGMENTD"] { return named }
            let starts = [CommandLine.arguments[0], Bundle.main.bundlePath, Bundle.main.executablePath ?? ""]
            for start in starts {
                var folder = URL(fileURLWithPath: start).resolvingSymlinksInPath()
                // On some systems the tests are a bundle of folders inside the build folder.
                for _ in 0..<4 where folder.path != "/" {
                    folder.deleteLastPathComponent()
                    let candidate = folder.appendingPathComponent("segmentd").path
                    var isFolder: ObjCBool = false
                    if FileManager.default.fileExists(atPath: candidate, isDirectory: &isFolder), !isFolder.boolValue,
                        FileManager.default.isExecutableFile(atPath: candidate)
                    {
                        return candidate
                    }
                }
            }
            throw Complaint("segmentd is not beside the tests in the build folder; name it with SEGMENTD")
        }
    }
}

/// Why a test could not be set up.
struct Complaint: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Expects one line about a failure, and nothing new in the folder.
///
/// - Parameter words: What the line has to say.
func expectRefusal(
    _ result: Program.Result, saying words: String..., in folder: Workspace, leaving before: [String],
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    #expect(result.status == 1, sourceLocation: sourceLocation)
    #expect(result.output == "", sourceLocation: sourceLocation)
    #expect(result.messages.count == 1, "\(result.errors)", sourceLocation: sourceLocation)
    #expect(result.errors.hasPrefix("Error: ") && result.errors.hasSuffix("\n"), sourceLocation: sourceLocation)
    for word in words {
        #expect(result.errors.contains(word), "\(result.errors)", sourceLocation: sourceLocation)
    }
    #expect(try folder.names == before, sourceLocation: sourceLocation)
}
