import RandomNumbers
import Testing

@testable import Checkpoints

@Suite("Damaged files")
struct MutationTests {
    static let names = [
        "state-zip.pth", "state-legacy.pth", "types-zip.pth", "types-legacy.pth", "training-zip.pth",
        "training-legacy.pth", "types.safetensors", "arrays-2.pkl", "arrays-4.pkl", "arrays-5.pkl",
    ]

    /// Opens and reads everything; whatever is wrong must be an error of these modules.
    static func read(_ bytes: [UInt8]) throws -> Bool {
        do {
            let checkpoint = try Checkpoint.open(bytes: bytes)
            for tensor in checkpoint.tensors.values {
                #expect(tensor.floats().count == tensor.elementCount)
                _ = tensor.firstNonFinite()
            }
            return true
        } catch is CheckpointError {
            return false
        }
    }

    @Test("random changes either load or are refused", arguments: names)
    func flips(name: String) throws {
        let original = try Fixture.bytes(name)
        #expect(try Self.read(original))
        var generator = SplitMix64(seed: 2026)
        var refused = 0
        for _ in 0..<1500 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let position = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 1: bytes[position] = [0, 0x7f, 0x80, 0xff].randomElement(using: &generator) ?? 0
                case 2: bytes[position] = .random(in: 0...255, using: &generator)
                default:
                    // A word that is large, negative or zero, where a length may stand.
                    let words: [UInt32] = [.max, 0x8000_0000, 0x7fff_ffff, 0]
                    let word = words.randomElement(using: &generator) ?? 0
                    for (i, byte) in little(word).enumerated() where position + i < bytes.count {
                        bytes[position + i] = byte
                    }
                }
            }
            if try !Self.read(bytes) { refused += 1 }
        }
        #expect(refused > 100, "most changes hit structure, seed 2026")
    }

    @Test("every truncation is refused", arguments: names)
    func truncations(name: String) throws {
        let original = try Fixture.bytes(name)
        for length in stride(from: 0, to: original.count, by: 7) {
            #expect(try !Self.read(Array(original.prefix(length))), "cut to \(length) bytes")
        }
    }

    @Test("bytes that were moved within the file either load or are refused", arguments: names)
    func moves(name: String) throws {
        let original = try Fixture.bytes(name)
        var generator = SplitMix64(seed: 7)
        for _ in 0..<500 {
            var bytes = original
            let length = Int.random(in: 1...min(64, bytes.count / 2), using: &generator)
            let from = Int.random(in: 0...(bytes.count - length), using: &generator)
            let to = Int.random(in: 0...(bytes.count - length), using: &generator)
            bytes.replaceSubrange(to..<(to + length), with: original[from..<(from + length)])
            _ = try Self.read(bytes)
        }
    }
}
