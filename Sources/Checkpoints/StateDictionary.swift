import Files

/// Finds the tensors of a model in what a torch.save pickle holds.
struct StateDictionary {
    /// The tensors by their stored names.
    let tensors: [String: PickleTensor]

    /// The keys under which training programs keep the model beside optimizer and epoch.
    private static let wrappers = ["model", "state_dict", "model_state_dict"]

    /// Takes the pickle's result: a state dictionary, or a training checkpoint that holds one.
    ///
    /// - Throws: `CheckpointError.malformed` where there are no named tensors.
    init(_ root: PickleValue, in heap: PickleHeap, path: String) throws {
        guard let fields = heap.fields(root) else {
            throw CheckpointError.malformed(
                path: path, what: "it holds no dictionary of tensors; save model.state_dict()")
        }
        var found = Self.tensors(fields, in: heap)
        if found.isEmpty {
            for wrapper in Self.wrappers {
                guard let value = fields[wrapper], let inner = heap.fields(value) else { continue }
                found = Self.tensors(inner, in: heap)
                if !found.isEmpty { break }
            }
        }
        guard !found.isEmpty else {
            let keys = fields.keys.sorted().prefix(10).map { printable($0) }.joined(separator: ", ")
            throw CheckpointError.malformed(
                path: path,
                what: "no tensors by name, neither at the top (\(keys)) nor under "
                    + Self.wrappers.joined(separator: ", "))
        }
        tensors = found
    }

    private static func tensors(_ fields: [String: PickleValue], in heap: PickleHeap) -> [String: PickleTensor] {
        var tensors: [String: PickleTensor] = [:]
        for case (let name, .tensor(let index)) in fields { tensors[name] = heap.tensors[index] }
        return tensors
    }

    /// Checks every tensor against the bytes of its storage.
    ///
    /// - Parameter regions: The bytes of each storage in the file, by key.
    func located(in file: MappedFile, regions: [String: Range<Int>]) throws -> [String: StoredTensor] {
        var located: [String: StoredTensor] = [:]
        located.reserveCapacity(tensors.count)
        for (name, tensor) in tensors {
            let storage = tensor.storage
            guard let region = regions[storage.key] else {
                throw CheckpointError.malformed(
                    path: file.path,
                    what: "\(printable(name)) lies in the storage \(printable(storage.key)), which is missing")
            }
            let size = storage.scalarType.byteCount
            guard region.count == storage.count * size else {
                throw CheckpointError.malformed(
                    path: file.path,
                    what: "the storage of \(printable(name)) has \(region.count) bytes; "
                        + "\(storage.count) elements of \(storage.scalarType.rawValue) were announced")
            }
            let first = region.lowerBound + storage.start * size
            let part = first..<(first + storage.length * size)
            do throws(StoredTensor.Failure) {
                located[name] = try StoredTensor(
                    name: name, shape: tensor.shape, strides: tensor.strides, offset: tensor.offset,
                    scalarType: storage.scalarType, region: part, file: file)
            } catch {
                throw CheckpointError.malformed(path: file.path, what: "\(printable(name)): \(error)")
            }
        }
        return located
    }
}

extension CheckpointError {
    /// A pickle's failure with the file's name.
    init(_ failure: PickleMachine.Failure, path: String) {
        switch failure {
        case .malformed(let what): self = .malformed(path: path, what: what)
        case .refusedGlobal(let name): self = .refusedGlobal(path: path, name: name)
        }
    }
}
