import Files

/// A pickled dictionary of NumPy arrays, such as Detectron2's `.pkl` files: `{'model': {name: array}, '__author__': text}`.
enum NumpyPickleFile {
    static func isRecognized(_ magic: [UInt8]) -> Bool {
        magic.count > 1 && magic[0] == 0x80 && (2...5).contains(magic[1])
    }

    /// Reads the pickle and describes its arrays; the data stays on disk where the pickle holds it as it is.
    ///
    /// - Throws: `CheckpointError`.
    static func read(_ file: MappedFile) throws -> Checkpoint {
        let path = file.path
        func malformed(_ what: String) -> CheckpointError { .malformed(path: path, what: what) }
        let (root, heap) = try file.withUnsafeBytes { bytes in
            var machine = PickleMachine(ByteReader(bytes, range: 0..<bytes.count), dialect: .numpy)
            do throws(PickleMachine.Failure) {
                return (try machine.run(), machine.heap)
            } catch {
                throw CheckpointError(error, path: path)
            }
        }
        guard let fields = heap.fields(root) else { throw malformed("the pickle holds no dictionary of arrays") }
        guard fields["blobs"] == nil else {
            throw CheckpointError.unsupported(
                path: path, what: "a Caffe2 model is not supported; load it in Detectron2 and save its state_dict()")
        }
        let model = fields["model"].flatMap(heap.fields) ?? fields
        var tensors: [String: StoredTensor] = [:]
        for case (let name, .array(let index)) in model {
            let array = heap.arrays[index]
            guard let type = array.type, let scalarType = type.scalarType else {
                throw malformed("\(printable(name)) has the type \(printable(array.type?.code ?? "of nothing"))")
            }
            guard !type.isBigEndian || scalarType.byteCount == 1 else {
                throw CheckpointError.unsupported(
                    path: path, what: "\(printable(name)) is not little-endian; save it again on this machine")
            }
            do {
                tensors[name] = try tensor(name, array, scalarType, file)
            } catch let error as StoredTensor.Failure {
                throw malformed("\(printable(name)): \(error)")
            }
        }
        guard !tensors.isEmpty else {
            let keys = fields.keys.sorted().prefix(10).map { printable($0) }.joined(separator: ", ")
            throw malformed("no arrays by name, neither at the top (\(keys)) nor under model")
        }
        return Checkpoint(path: path, format: .numpyPickle, tensors: tensors)
    }

    private static func tensor(
        _ name: String, _ array: PickleArray, _ scalarType: ScalarType, _ file: MappedFile
    ) throws -> StoredTensor {
        var strides: [Int]?
        if array.isColumnMajor {
            var columnMajor: [Int] = []
            var stride = 1
            for length in array.shape {
                columnMajor.append(stride)
                let (product, overflow) = stride.multipliedReportingOverflow(by: max(length, 1))
                if overflow { throw StoredTensor.Failure.overflow }
                stride = product
            }
            strides = columnMajor
        }
        switch array.content {
        case .bytes(let range), .text(let range):
            return try StoredTensor(
                name: name, shape: array.shape, strides: strides, scalarType: scalarType, region: range, file: file)
        case .copied(let bytes):
            return try StoredTensor(
                name: name, shape: array.shape, strides: strides, scalarType: scalarType, region: 0..<bytes.count,
                file: MappedFile(path: file.path, copying: bytes))
        }
    }
}
