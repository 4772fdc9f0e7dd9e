import ArgumentParser
import Foundation
import Instances
import MaskRCNN

/// Options of all commands that detect.
struct ModelOptions: ParsableArguments {
    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The model, a .safetensors file of 'model import'; the sample model if not given.", valueName: "file"))
    var model: String?

    @Option(
        name: .customLong("classes"),
        help: ArgumentHelp("Report only these classes, by commas, such as person,car.", valueName: "names"))
    var classNames: String?

    @Option(help: ArgumentHelp("Threads of the detector; all processors if not given.", valueName: "number"))
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            """
            What products are computed in: fp32, bf16 or int8. bf16 needs a processor with AVX512-BF16 and is fp32 elsewhere; int8 needs \
            a model of 'model quantize'.
            """, valueName: "kind"))
    var precision = Precision.fp32

    /// Opens the model and lays out its weights.
    ///
    /// - Parameter adjust: Changes the model's configuration before.
    func detector(adjusting adjust: (inout ModelConfiguration) -> Void = { _ in }) throws -> Detector {
        try Self.requireThreads(threads)
        try Self.requireEngine()
        let model = try Model(path: SampleModel.path(or: model))
        var configuration = model.configuration
        adjust(&configuration)
        return try Detector(
            Model(configuration, weights: model.weights), threads: threads, precision: Self.supported(precision))
    }

    /// The precision asked for where the processor has instructions for it, or where the environment wants it in any case, to measure
    /// its accuracy; single precision otherwise.
    static func supported(_ precision: Precision) -> Precision {
        guard !precision.isNative else { return precision }
        if precision == .bf16, ProcessInfo.processInfo.environment["SEGMENTD_BF16"] == "emulated" { return precision }
        let needed = precision == .bf16 ? "the instructions AVX512-BF16" : "AVX2 or better"
        Terminal.note(
            "warning: precision \(precision) needs \(needed), which \(Detector.engine) has not; computing in fp32")
        return .fp32
    }

    /// The ids of the classes asked for; nil for all.
    func categories(of configuration: ModelConfiguration) throws -> Set<Int>? {
        try categories(among: configuration.categories, of: "the model")
    }

    /// The ids of the classes asked for among those that somebody knows; nil for all.
    ///
    /// - Parameter owner: Whose they are, for the message.
    func categories(among known: [Category], of owner: String) throws -> Set<Int>? {
        guard let classNames else { return nil }
        var ids = Set<Int>()
        for name in classNames.split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) }) {
            guard let category = known.first(where: { $0.name == name }) else {
                let shown = known.prefix(100).map(\.printableName).joined(separator: ", ")
                throw CommandFailure(
                    "--classes: \(owner) knows no '\(name)'; it knows \(known.isEmpty ? "no names" : shown)")
            }
            ids.insert(category.id)
        }
        guard !ids.isEmpty else { throw CommandFailure("--classes names no class") }
        return ids
    }

    /// - Throws: `CommandFailure` where so many threads make no sense.
    static func requireThreads(_ threads: Int?) throws {
        guard let threads, !(1...1024).contains(threads) else { return }
        throw CommandFailure("--threads is \(threads); give a number from 1 to 1024")
    }

    /// - Throws: `CommandFailure` where the environment asks for instructions that the processor has not.
    static func requireEngine() throws {
        guard let wanted = ProcessInfo.processInfo.environment["SEGMENTD_SIMD"], !wanted.isEmpty,
            !Detector.engines.contains(wanted)
        else { return }
        throw CommandFailure(
            "SEGMENTD_SIMD is '\(wanted)' in the environment, which this processor cannot run; "
                + "leave it out, or give one of \(Detector.engines.joined(separator: ", "))")
    }

    /// - Throws: `CommandFailure` where a score is none.
    static func requireFraction(_ value: Double, _ option: String) throws {
        guard (0...1).contains(value) else { throw CommandFailure("\(option) is \(value); give a number from 0 to 1") }
    }
}

extension Precision: ExpressibleByArgument {}

/// How much a command says.
struct VerbosityOptions: ParsableArguments {
    @Flag(name: [.short, .long], help: "Say nothing but errors.")
    var quiet = false

    @Flag(name: [.short, .long], help: "Say more.")
    var verbose = false

    func note(_ line: String) {
        if !quiet { Terminal.note(line) }
    }

    /// What was lost of an input is said even to those who want quiet.
    func warn(_ line: String) { Terminal.note("warning: \(line)") }
}
