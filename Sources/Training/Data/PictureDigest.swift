/// A number that other pictures, or the same ones in another order, have hardly ever (FNV-1a of Fowler, Noll and Vo, 64 bits).
struct PictureDigest {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    /// Takes a picture's name into account.
    mutating func add(_ name: String) {
        for byte in name.utf8 { add(byte) }
        // No name contains this byte, so that it keeps names apart.
        add(0xff)
    }

    private mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
}
