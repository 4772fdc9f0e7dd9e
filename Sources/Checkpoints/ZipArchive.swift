/// The directory of a zip archive whose entries are stored without compression, as torch.save writes them.
///
/// Follows PKWARE's APPNOTE 6.3.9, sections 4.3 and 4.5.3 (zip64). Only the central directory is believed, each local header
/// is checked against it, and entries may not share bytes.
struct ZipArchive {
    /// How the first entry begins.
    static let magic: [UInt8] = [0x50, 0x4b, 0x03, 0x04]

    /// Why an archive could not be read.
    struct Failure: Error {
        let what: String
    }

    /// The bytes of each entry in the archive, by name.
    let entries: [String: Range<Int>]

    private static let maximumEntries = 1_000_000
    private static let all32 = UInt64(UInt32.max)

    private struct Directory {
        var count: UInt64
        var size: UInt64
        var offset: UInt64
        /// Where the record lies that describes the directory: the directory must end before it.
        var end: Int
    }

    init(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        let directory = try Self.findDirectory(bytes)
        guard let start = Int(exactly: directory.offset), let size = Int(exactly: directory.size),
            start <= directory.end, size <= directory.end - start
        else { throw Failure(what: "the zip directory lies outside of the file; it may be truncated") }
        guard directory.count <= Self.maximumEntries else {
            throw Failure(what: "the zip directory claims \(directory.count) entries")
        }

        var reader = ByteReader(bytes, range: start..<(start + size))
        var entries: [String: Range<Int>] = [:]
        var occupied: [Range<Int>] = []
        for _ in 0..<directory.count {
            let (name, header, data) = try Self.readEntry(&reader, bytes, dataEnd: start)
            guard entries.updateValue(data, forKey: name) == nil else {
                throw Failure(what: "the zip entry \(printable(name)) stands twice")
            }
            occupied.append(header..<data.upperBound)
        }
        occupied.sort { $0.lowerBound < $1.lowerBound }
        for (first, second) in zip(occupied, occupied.dropFirst()) where first.upperBound > second.lowerBound {
            throw Failure(what: "two zip entries share bytes")
        }
        self.entries = entries
    }

    /// Finds the end record from the back: it is 22 bytes long and a comment of at most 65535 may follow.
    private static func findDirectory(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> Directory {
        let lowest = max(0, bytes.count - 22 - 65535)
        var position = bytes.count - 22
        while position >= lowest {
            var reader = ByteReader(bytes, range: position..<bytes.count)
            if reader.integer(UInt32.self) == 0x0605_4b50,
                let disk = reader.integer(UInt16.self), let directoryDisk = reader.integer(UInt16.self),
                let countHere = reader.integer(UInt16.self), let count = reader.integer(UInt16.self),
                let size = reader.integer(UInt32.self), let offset = reader.integer(UInt32.self),
                let comment = reader.integer(UInt16.self), Int(comment) == reader.remaining
            {
                if let wide = try findZip64Directory(bytes, before: position) { return wide }
                guard disk == 0, directoryDisk == 0, countHere == count else {
                    throw Failure(what: "the zip archive is one part of several")
                }
                return Directory(count: UInt64(count), size: UInt64(size), offset: UInt64(offset), end: position)
            }
            position -= 1
        }
        throw Failure(what: "the zip archive has no directory at its end; it is truncated")
    }

    private static func findZip64Directory(
        _ bytes: UnsafeRawBufferPointer, before endRecord: Int
    ) throws(Failure) -> Directory? {
        guard endRecord >= 20 else { return nil }
        var locator = ByteReader(bytes, range: (endRecord - 20)..<endRecord)
        guard locator.integer(UInt32.self) == 0x0706_4b50 else { return nil }
        guard locator.integer(UInt32.self) == 0, let offset = locator.integer(UInt64.self),
            let position = Int(exactly: offset), position <= endRecord - 20
        else { throw Failure(what: "the zip64 locator points outside of the file") }

        var reader = ByteReader(bytes, range: position..<(endRecord - 20))
        guard reader.integer(UInt32.self) == 0x0606_4b50, reader.integer(UInt64.self) != nil,
            reader.integer(UInt32.self) != nil, let disk = reader.integer(UInt32.self),
            let directoryDisk = reader.integer(UInt32.self), let countHere = reader.integer(UInt64.self),
            let count = reader.integer(UInt64.self), let size = reader.integer(UInt64.self),
            let directoryOffset = reader.integer(UInt64.self)
        else { throw Failure(what: "the zip64 end record is damaged") }
        guard disk == 0, directoryDisk == 0, countHere == count else {
            throw Failure(what: "the zip archive is one part of several")
        }
        return Directory(count: count, size: size, offset: directoryOffset, end: position)
    }

    /// Reads one entry of the directory, and the local header that it points to.
    private static func readEntry(
        _ reader: inout ByteReader, _ bytes: UnsafeRawBufferPointer, dataEnd: Int
    ) throws(Failure) -> (name: String, header: Int, data: Range<Int>) {
        guard reader.integer(UInt32.self) == 0x0201_4b50, reader.integer(UInt32.self) != nil,
            let flags = reader.integer(UInt16.self), let method = reader.integer(UInt16.self),
            reader.take(8) != nil,  // time, date, CRC: torch.save may be told not to compute the CRC
            let packed32 = reader.integer(UInt32.self), let size32 = reader.integer(UInt32.self),
            let nameLength = reader.integer(UInt16.self), let extraLength = reader.integer(UInt16.self),
            let commentLength = reader.integer(UInt16.self), reader.take(8) != nil,
            let offset32 = reader.integer(UInt32.self),
            let nameBytes = reader.take(Int(nameLength)), let extra = reader.take(Int(extraLength)),
            reader.take(Int(commentLength)) != nil
        else { throw Failure(what: "the zip directory is damaged") }
        guard let name = String(validating: nameBytes, as: UTF8.self) else {
            throw Failure(what: "a zip entry's name is not UTF-8")
        }
        guard flags & 0x2041 == 0 else { throw Failure(what: "the zip entry \(printable(name)) is encrypted") }
        guard method == 0 else {
            throw Failure(
                what: "the zip entry \(printable(name)) is compressed (method \(method)); "
                    + "torch.save stores without compression, so write the file with it again")
        }

        var (packed, size, offset) = (UInt64(packed32), UInt64(size32), UInt64(offset32))
        try widen(extra, size: &size, packed: &packed, offset: &offset, name: name)
        guard packed == size, let header = Int(exactly: offset), let count = Int(exactly: size), header <= dataEnd
        else {
            throw Failure(what: "the zip entry \(printable(name)) lies outside of the file")
        }

        var local = ByteReader(bytes, range: header..<dataEnd)
        guard local.integer(UInt32.self) == 0x0403_4b50, local.take(4) != nil,
            local.integer(UInt16.self) == 0, local.take(16) != nil,
            let localNameLength = local.integer(UInt16.self), let localExtraLength = local.integer(UInt16.self),
            let localName = local.take(Int(localNameLength)), local.take(Int(localExtraLength)) != nil,
            localName.elementsEqual(nameBytes)
        else { throw Failure(what: "the zip entry \(printable(name)) and its local header disagree") }
        guard count <= local.remaining else {
            throw Failure(what: "the zip entry \(printable(name)) lies outside of the file")
        }
        return (name, header, local.position..<(local.position + count))
    }

    /// Replaces the 32-bit fields that are all ones by the zip64 extra field's values, which stand there in this order.
    private static func widen(
        _ extra: UnsafeRawBufferPointer, size: inout UInt64, packed: inout UInt64, offset: inout UInt64, name: String
    ) throws(Failure) {
        guard size == all32 || packed == all32 || offset == all32 else { return }
        var fields = ByteReader(extra, range: 0..<extra.count)
        while let identifier = fields.integer(UInt16.self), let length = fields.integer(UInt16.self),
            let content = fields.take(Int(length))
        {
            guard identifier == 0x0001 else { continue }
            var values = ByteReader(content, range: 0..<content.count)
            var complete = true
            func replace(_ field: inout UInt64) {
                guard field == all32 else { return }
                guard let value = values.integer(UInt64.self) else { return complete = false }
                field = value
            }
            replace(&size)
            replace(&packed)
            replace(&offset)
            guard complete else { break }
            return
        }
        throw Failure(what: "the zip entry \(printable(name)) lacks its zip64 sizes")
    }
}
