import Files

/// The form that torch.save wrote before PyTorch 1.6: five pickles, then for every storage a count and its bytes.
///
/// The pickles are a magic number, the protocol version 1001, facts about the machine, the object, and the storages' keys in the order
/// in which they follow.
enum TorchLegacyFile {
    /// A pickled 0x1950a86a20f9469cfc6c without its protocol header.
    private static let magicNumber: [UInt8] = [
        0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
    ]

    static func isRecognized(_ magic: [UInt8]) -> Bool {
        magic.count > 2 && magic[0] == 0x80 && magic.dropFirst(2).starts(with: magicNumber)
    }

    /// Reads the pickles, walks over the storages and describes the model's tensors; the data stays on disk.
    ///
    /// - Throws: `CheckpointError`.
    static func read(_ file: MappedFile) throws -> Checkpoint {
        let path = file.path
        func malformed(_ what: String) -> CheckpointError { .malformed(path: path, what: what) }
        let tensors = try file.withUnsafeBytes { bytes in
            var position = 0
            func nextPickle() throws -> (PickleValue, PickleHeap) {
                var machine = PickleMachine(ByteReader(bytes, range: position..<bytes.count))
                do throws(PickleMachine.Failure) {
                    let value = try machine.run()
                    position = machine.position
                    return (value, machine.heap)
                } catch {
                    throw CheckpointError(error, path: path)
                }
            }

            _ = try nextPickle()
            guard case .integer(1001) = try nextPickle().0 else { throw malformed("its legacy version is not 1001") }
            let (system, systemHeap) = try nextPickle()
            guard case .bool(true) = systemHeap.fields(system)?["little_endian"] else {
                throw CheckpointError.unsupported(
                    path: path,
                    what: "its byte order is not little-endian; load it in PyTorch and save it again on this machine")
            }
            let (object, heap) = try nextPickle()
            let state = try StateDictionary(object, in: heap, path: path)
            let (keys, keyHeap) = try nextPickle()
            guard case .list(let list) = keys else { throw malformed("the list of storages is missing") }

            var announced: [String: PickleStorage] = [:]
            for storage in heap.storages {
                if let other = announced[storage.key],
                    other.count != storage.count || other.scalarType != storage.scalarType
                {
                    throw malformed("the storage \(printable(storage.key)) is announced in two ways")
                }
                announced[storage.key] = storage
            }
            var reader = ByteReader(bytes, range: position..<bytes.count)
            var regions: [String: Range<Int>] = [:]
            for case let element in keyHeap.sequences[list] {
                guard case .string(let key) = element, let storage = announced[key] else {
                    throw malformed("a storage is listed that nothing uses")
                }
                guard let count = reader.integer(Int64.self), count == storage.count,
                    reader.take(storage.count * storage.scalarType.byteCount) != nil
                else {
                    throw malformed("the storage \(printable(key)) is truncated or has another length than announced")
                }
                let size = storage.count * storage.scalarType.byteCount
                guard regions.updateValue((reader.position - size)..<reader.position, forKey: key) == nil else {
                    throw malformed("the storage \(printable(key)) is listed twice")
                }
            }
            guard reader.remaining == 0 else { throw malformed("\(reader.remaining) bytes follow the last storage") }
            return try state.located(in: file, regions: regions)
        }
        return Checkpoint(path: path, format: .torchLegacy, tensors: tensors)
    }
}
