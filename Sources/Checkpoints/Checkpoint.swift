import Files

/// The tensors of a checkpoint file, whatever its format, under today's torchvision or Detectron2 names.
public struct Checkpoint: Sendable {
    /// The formats that are read.
    public enum Format: String, Sendable {
        case safetensors = ".safetensors"
        case torchZip = ".pth, zip form"
        case torchLegacy = ".pth, legacy form"
        case numpyPickle = ".pkl, NumPy arrays"
    }

    /// Where the checkpoint came from; messages name it.
    public let path: String
    /// How it was stored.
    public let format: Format
    /// The tensors by name.
    public let tensors: [String: StoredTensor]
    /// The `__metadata__` of a `.safetensors` file; empty for other formats.
    public let metadata: [String: String]

    /// Puts tensors together, by their names.
    public init(path: String, format: Format, tensors: [String: StoredTensor], metadata: [String: String] = [:]) {
        self.path = path
        self.format = format
        self.tensors = tensors
        self.metadata = metadata
    }

    /// Opens a file, recognises its format by its first bytes, and normalises the names (`TensorNames`).
    ///
    /// The file is memory-mapped; the tensors' data is read when it is asked for. No code in a pickle is ever run.
    ///
    /// - Throws: `CheckpointError` for what is wrong inside, `FileError` where the file cannot be read.
    public static func open(_ path: String) throws -> Checkpoint {
        try read(MappedFile(path: path))
    }

    static func read(_ file: MappedFile) throws -> Checkpoint {
        let path = file.path
        let magic = file.withUnsafeBytes { Array($0.prefix(16)) }
        guard !magic.isEmpty else { throw CheckpointError.empty(path: path) }
        let checkpoint: Checkpoint
        if magic.starts(with: ZipArchive.magic) {
            checkpoint = try TorchZipFile.read(file)
        } else if TorchLegacyFile.isRecognized(magic) {
            checkpoint = try TorchLegacyFile.read(file)
        } else if file.withUnsafeBytes(SafetensorsFile.isRecognized) {
            checkpoint = try SafetensorsFile.read(file)
        } else if NumpyPickleFile.isRecognized(magic) {
            checkpoint = try NumpyPickleFile.read(file)
        } else if path.hasSuffix(".safetensors") {
            throw CheckpointError.malformed(path: path, what: "no JSON header follows the length")
        } else {
            throw CheckpointError.unknownFormat(path: path)
        }
        return try checkpoint.normalized()
    }

    private func normalized() throws -> Checkpoint {
        let names = TensorNames(stored: tensors.keys)
        var renamed: [String: StoredTensor] = [:]
        renamed.reserveCapacity(tensors.count)
        for (stored, tensor) in tensors {
            guard let name = names.current(for: stored) else { continue }
            var tensor = tensor
            tensor.name = name
            guard renamed.updateValue(tensor, forKey: name) == nil else {
                throw CheckpointError.malformed(
                    path: path, what: "\(printable(name)) is there twice, under its old name and its new one")
            }
        }
        return Checkpoint(path: path, format: format, tensors: renamed, metadata: metadata)
    }

    /// Refuses weights that are infinite or not a number.
    ///
    /// - Parameter names: The tensors to look at; all where nil.
    /// - Throws: `CheckpointError.nonFinite` for the first by name.
    public func requireFinite(_ names: [String]? = nil) throws {
        if let found = firstNonFinite(names) { throw found }
    }

    /// The first tensor by name that holds an infinite value or NaN, as the error that names it; nil where all are finite.
    public func firstNonFinite(_ names: [String]? = nil) -> CheckpointError? {
        for name in names ?? tensors.keys.sorted() {
            if let found = tensors[name]?.firstNonFinite() {
                return .nonFinite(path: path, tensor: printable(name), index: found.index, value: "\(found.value)")
            }
        }
        return nil
    }
}
