/// Writes pickles and zip archives byte by byte, honest ones and others.
struct PickleBytes {
    private(set) var bytes: [UInt8] = [0x80, 2]

    static func + (left: PickleBytes, right: [UInt8]) -> PickleBytes {
        var sum = left
        sum.bytes += right
        return sum
    }

    static let emptyDictionary: [UInt8] = [0x7d]
    static let emptyList: [UInt8] = [0x5d]
    static let emptyTuple: [UInt8] = [0x29]
    static let mark: [UInt8] = [0x28]
    static let tuple: [UInt8] = [0x74]
    static let setItem: [UInt8] = [0x73]
    static let reduce: [UInt8] = [0x52]
    static let build: [UInt8] = [0x62]
    static let persistentID: [UInt8] = [0x51]
    static let append: [UInt8] = [0x61]
    static let none: [UInt8] = [0x4e]
    static let no: [UInt8] = [0x89]
    static let stop: [UInt8] = [0x2e]

    static func text(_ text: String) -> [UInt8] { [0x58] + little(UInt32(text.utf8.count)) + text.utf8 }
    static func integer(_ value: Int32) -> [UInt8] { [0x4a] + little(value) }
    /// A number of up to 64 bits (LONG1).
    static func long(_ value: Int) -> [UInt8] { [0x8a, 8] + little(Int64(value)) }
    static func global(_ module: String, _ name: String) -> [UInt8] { [0x63] + "\(module)\n\(name)\n".utf8 }
    static func integers(_ values: [Int]) -> [UInt8] { mark + values.flatMap { long($0) } + tuple }

    /// A tensor as torch.save describes it.
    static func tensor(
        key: String = "0", type: String = "FloatStorage", count: Int, offset: Int = 0, shape: [Int], strides: [Int]
    ) -> [UInt8] {
        var bytes = global("torch._utils", "_rebuild_tensor_v2") + mark + mark + text("storage")
        bytes += global("torch", type) + text(key) + text("cpu") + long(count) + tuple + persistentID
        bytes += long(offset) + integers(shape) + integers(strides) + no
        bytes += global("collections", "OrderedDict") + emptyTuple + reduce + tuple + reduce
        return bytes
    }

    /// A dictionary of one tensor named `w`.
    static func state(_ tensor: [UInt8]) -> [UInt8] {
        (PickleBytes() + emptyDictionary + text("w") + tensor + setItem + stop).bytes
    }
}

/// An entry of a zip archive under construction; fields that lie can be set.
struct ZipEntry {
    var name: String
    var bytes: [UInt8]
    var method: UInt16 = 0
    var flags: UInt16 = 0
    var claimedSize: UInt32?
    var claimedOffset: UInt32?
    var localName: String?
}

/// Lays out entries as a zip archive.
func zip(_ entries: [ZipEntry], comment: String = "", claimedCount: UInt16? = nil) -> [UInt8] {
    var (file, directory): ([UInt8], [UInt8]) = ([], [])
    for entry in entries {
        let offset = entry.claimedOffset ?? UInt32(file.count)
        let size = entry.claimedSize ?? UInt32(entry.bytes.count)
        let localName = entry.localName ?? entry.name
        file += little(UInt32(0x0403_4b50)) + little(UInt16(20)) + little(entry.flags) + little(entry.method)
        file += little(UInt32(0)) + little(UInt32(0)) + little(size) + little(size)
        file += little(UInt16(localName.utf8.count)) + little(UInt16(0)) + Array(localName.utf8) + entry.bytes
        directory += little(UInt32(0x0201_4b50)) + little(UInt16(20)) + little(UInt16(20)) + little(entry.flags)
        directory += little(entry.method) + little(UInt32(0)) + little(UInt32(0)) + little(size) + little(size)
        directory += little(UInt16(entry.name.utf8.count)) + little(UInt16(0)) + little(UInt16(0)) + little(UInt32(0))
        directory += little(UInt32(0)) + little(offset) + Array(entry.name.utf8)
    }
    let start = UInt32(file.count)
    let count = claimedCount ?? UInt16(entries.count)
    file += directory + little(UInt32(0x0605_4b50)) + little(UInt32(0)) + little(count) + little(count)
    file += little(UInt32(directory.count)) + little(start) + little(UInt16(comment.utf8.count)) + Array(comment.utf8)
    return file
}

/// A .pth file of a pickle and its storages.
func torchFile(_ pickle: [UInt8], storages: [String: [UInt8]] = [:], byteOrder: String? = "little") -> [UInt8] {
    var entries = [ZipEntry(name: "archive/data.pkl", bytes: pickle)]
    if let byteOrder { entries.append(ZipEntry(name: "archive/byteorder", bytes: Array(byteOrder.utf8))) }
    for (key, bytes) in storages.sorted(by: { $0.key < $1.key }) {
        entries.append(ZipEntry(name: "archive/data/\(key)", bytes: bytes))
    }
    return zip(entries)
}

/// The bytes of a number, least significant first.
func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// The bytes of single-precision numbers.
func floatBytes(_ values: [Float]) -> [UInt8] { values.flatMap { little($0.bitPattern) } }
