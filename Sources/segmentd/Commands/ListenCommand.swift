import ArgumentParser
import Files
import Foundation
import Locks
import Outputs
import Video

/// `segmentd listen`: a consumer of a daemon's socket.
struct ListenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listen", abstract: "Prints what a running daemon sends to a socket.",
        discussion: """
            Each line is one JSON object: hello first, then frames and events, gap where this consumer was too slow, error, \
            and end when the stream ends. Without options every line is printed until the daemon or all of its streams end.
            """)

    /// Types of lines that can be asked for.
    private static let knownTypes = ["hello", "frame", "event", "gap", "error", "end"]

    @Argument(help: "The daemon's socket.")
    var socket: String

    @Option(
        name: .customLong("type"),
        help: ArgumentHelp(
            "Types of lines to print, separated by commas: \(Self.knownTypes.joined(separator: ", ")).",
            valueName: "types"))
    var types: String?

    @Option(help: ArgumentHelp("Print the lines of this stream only.", valueName: "name"))
    var stream: String?

    @Option(help: ArgumentHelp("End after so many lines.", valueName: "number"))
    var count: Int?

    @Flag(help: "Wait for the daemon, and connect again when it has gone.")
    var reconnect = false

    /// What a line says about itself.
    private struct Head: Decodable {
        var type: String
        var stream: String
    }

    /// Why listening is over for good.
    private enum Completion: Error { case complete }

    func validate() throws {
        if let types, let unknown = wantedTypes(types).first(where: { !Self.knownTypes.contains($0) }) {
            throw ValidationError(
                "'\(unknown)' is not a type of line; give some of \(Self.knownTypes.joined(separator: ", "))")
        }
        if let count, count < 1 { throw ValidationError("--count is \(count); give a number above 0") }
    }

    func run() throws {
        let output = AtomicFile.standardOutput()
        var printed = 0
        do {
            guard reconnect else { return try listen(to: SocketReader(path: socket), &printed, output) {} }
            try listenForever(&printed, output)
        } catch Completion.complete {
            return
        } catch FileError.readerGone {
            // As any filter does: `segmentd listen SOCKET | head` is not a failure.
            return
        }
    }

    /// Prints what one daemon after the other sends.
    private func listenForever(_ printed: inout Int, _ output: AtomicFile) throws -> Never {
        let backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(5))
        var generator = SystemRandomNumberGenerator()
        // In a row. Only a hello ends that: who just takes connections and closes them is asked more and more seldom, too.
        var failures = 0
        while true {
            var hasHeard = false
            var reason = "\(socket): closes the connection without a hello"
            do {
                try listen(to: SocketReader(path: socket), &printed, output) { hasHeard = true }
            } catch let error as OutputError {
                switch error {
                case .missing, .nobodyListens: reason = "\(error)"
                // Nothing of this passes by itself.
                default: throw error
                }
            }
            if hasHeard {
                failures = 0
            } else {
                if failures == 0 { FileHandle.standardError.write(Data("\(reason); waiting for it\n".utf8)) }
                failures += 1
            }
            let wait = backoff.delay(afterFailures: max(1, failures), using: &generator)
            Thread.sleep(forTimeInterval: wait.inSeconds)
        }
    }

    /// Prints until the connection's end.
    ///
    /// - Parameter onHello: Called for every stream that says hello.
    private func listen(
        to reader: SocketReader, _ printed: inout Int, _ output: AtomicFile, onHello: () -> Void
    ) throws {
        let wanted = types.map(wantedTypes)
        // What has said hello and not ended.
        var streams = Set<String>()
        while let line = try reader.next() {
            let head = try? JSONDecoder().decode(Head.self, from: Data(line))
            if matches(head, wanted) {
                try line.withUnsafeBytes { try output.write($0) }
                printed += 1
                if printed == count { throw Completion.complete }
            }
            if head?.type == "hello", let name = head?.stream {
                streams.insert(name)
                onHello()
            }
            guard head?.type == "end", let name = head?.stream, !reconnect else { continue }
            streams.remove(name)
            if streams.isEmpty || name == stream { throw Completion.complete }
        }
    }

    private func matches(_ head: Head?, _ wanted: [String]?) -> Bool {
        // A line of a later version may be of a form that is not known here: whoever asks for nothing special gets it.
        guard let head else { return wanted == nil && stream == nil }
        return wanted?.contains(head.type) != false && (stream == nil || head.stream == stream)
    }

    private func wantedTypes(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
}
