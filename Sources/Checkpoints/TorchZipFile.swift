import Files

/// The form that torch.save has written since PyTorch 1.6: a zip archive of a pickle and one stored entry a storage.
enum TorchZipFile {
    /// The longest pickle that is read, bytes; a model with optimizer state needs less than a hundredth.
    private static let maximumPickleLength = 64 << 20

    /// Reads the archive's pickle and describes the model's tensors; the data stays on disk.
    ///
    /// - Throws: `CheckpointError`.
    static func read(_ file: MappedFile) throws -> Checkpoint {
        let path = file.path
        func malformed(_ what: String) -> CheckpointError { .malformed(path: path, what: what) }
        let tensors = try file.withUnsafeBytes { bytes in
            let archive: ZipArchive
            do throws(ZipArchive.Failure) {
                archive = try ZipArchive(bytes)
            } catch {
                throw malformed(error.what)
            }
            // The root is the name that the file was first saved under, so it says nothing.
            let pickles = archive.entries.keys.filter {
                $0.hasSuffix("/data.pkl")
                    && $0.utf8.lastIndex(of: UInt8(ascii: "/")) == $0.utf8.firstIndex(of: UInt8(ascii: "/"))
            }
            guard pickles.count == 1, let pickleName = pickles.first, let pickle = archive.entries[pickleName] else {
                throw malformed("a zip archive without one data.pkl; torch.save did not write it")
            }
            let root = pickleName.dropLast("data.pkl".count)
            if archive.entries["\(root)constants.pkl"] != nil {
                throw CheckpointError.unsupported(
                    path: path, what: "a TorchScript program is not supported; save model.state_dict() instead")
            }
            if let order = archive.entries["\(root)byteorder"], !bytes[order].elementsEqual("little".utf8) {
                throw CheckpointError.unsupported(
                    path: path,
                    what: "its byte order is not little-endian; load it in PyTorch and save it again on this machine")
            }
            guard pickle.count <= maximumPickleLength else { throw malformed("its pickle has \(pickle.count) bytes") }

            var machine = PickleMachine(ByteReader(bytes, range: pickle))
            let result: PickleValue
            do throws(PickleMachine.Failure) {
                result = try machine.run()
            } catch {
                throw CheckpointError(error, path: path)
            }
            let state = try StateDictionary(result, in: machine.heap, path: path)
            var regions: [String: Range<Int>] = [:]
            for tensor in state.tensors.values {
                let key = tensor.storage.key
                regions[key] = archive.entries["\(root)data/\(key)"]
            }
            return try state.located(in: file, regions: regions)
        }
        return Checkpoint(path: path, format: .torchZip, tensors: tensors)
    }
}
