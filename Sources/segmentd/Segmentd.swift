import ArgumentParser
import Configuration
import Foundation
import Service

@main
struct Segmentd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "segmentd", abstract: "Segments object instances in video, on the CPU.",
        version: "0.2.0",
        subcommands: [
            RunCommand.self, CheckCommand.self, ListenCommand.self, AnnotateCommand.self, DetectCommand.self,
            EvaluateCommand.self, ModelCommand.self, TrainCommand.self, BenchCommand.self, TrackCommand.self,
            SynthesizeCommand.self,
        ])

    /// Runs the command line; what goes wrong while a command runs is one line on standard error.
    static func main() async {
        // Whoever stops reading a pipe makes the write fail, which ends the program in order and with a reason.
        signal(SIGPIPE, SIG_IGN)
        var command: any ParsableCommand
        do { command = try parseAsRoot() } catch { exit(withError: error) }
        do {
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as ConfigurationError {
            // A line a fault, as compilers write them, for editors that jump to the places.
            Terminal.note(error.description)
            exit(withError: ExitCode.failure)
        } catch {
            exit(withError: inOneLine(error))
        }
    }

    /// A failure in one line, whatever names of files or words of libraries are in it.
    private static func inOneLine(_ error: any Error) -> any Error {
        // Help and wrong calls, which have other codes, are texts of several lines.
        guard exitCode(for: error) == .failure else { return error }
        let lines = message(for: error).split(whereSeparator: \.isNewline)
        return lines.count < 2 ? error : CommandFailure(lines.joined(separator: " "))
    }
}
