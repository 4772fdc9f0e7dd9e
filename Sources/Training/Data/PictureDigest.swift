/// A number that other pictures, other objects in them, or the same in another order, have hardly ever (FNV-1a of Fowler, Noll and Vo, 64 bits).
struct PictureDigest {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    /// Takes a picture's name into account.
    mutating func add(_ name: String) {
        for byte in name.utf8 { mix(byte) }
        // No name contains this byte, so that it keeps names apart.
        mix(0xff)
    }

    /// Takes a number into account, by its bits.
    mutating func add(_ number: Double) {
        let bits = number.bitPattern
        for shift in stride(from: 0, to: UInt64.bitWidth, by: 8) { mix(UInt8(truncatingIfNeeded: bits >> shift)) }
    }

    private mutating func mix(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
}
