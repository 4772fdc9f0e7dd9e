import Glibc

/// The boxes of a fragmented MP4 (ISO/IEC 14496-12, sections 4.2 and 8.8).
enum FragmentedFile {
    /// The bytes up to the end of the last whole fragment; 0 where there is none, or no header before it.
    ///
    /// Looks at the boxes' headers only, and trusts none of them.
    static func wholeLength(descriptor: CInt) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return 0 }
        let size = Int(status.st_size)
        var (position, whole) = (0, 0)
        var (hasHeader, isInFragment) = (false, false)
        while let box = header(descriptor, at: position), box.size <= size - position {
            position += box.size
            switch box.type {
            case "moov": hasHeader = true
            case "moof": isInFragment = hasHeader
            case "mdat" where isInFragment:
                isInFragment = false
                whole = position
            // The index behind the last fragment.
            case "mfra" where whole > 0: whole = position
            default: break
            }
        }
        return whole
    }

    private static func header(_ descriptor: CInt, at position: Int) -> (type: String, size: Int)? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, position)
        guard count >= 8 else { return nil }
        func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        let type = String(decoding: bytes[4..<8], as: UTF8.self)
        switch number(0..<4) {
        case 1 where count == 16:
            guard let size = Int(exactly: number(8..<16)), size >= 16 else { return nil }
            return (type, size)
        case let size where size >= 8: return (type, Int(size))
        // 0 is a box up to the end of the file, which no fragment has; anything else is damage.
        default: return nil
        }
    }
}
