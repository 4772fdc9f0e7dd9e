import Files
import Foundation
import Instances
import Testing

@testable import Video

@Suite("Image files")
struct ImageFileTests {
    let folder: Folder

    init() throws { folder = try Folder() }

    /// A picture whose colours change slowly, with an odd size.
    private func gradient() -> RGBImage {
        let image = RGBImage(width: 75, height: 41)
        image.withMutableSamples { samples in
            for y in 0..<41 {
                for x in 0..<75 {
                    let index = (y * 75 + x) * 3
                    (samples[index], samples[index + 1], samples[index + 2]) = (UInt8(x * 3), UInt8(y * 6), 90)
                }
            }
        }
        return image
    }

    @Test("a PNG comes back as it was")
    func png() throws {
        try ImageFile.write(gradient(), to: folder("a.png"))
        let image = try ImageFile.read(folder("a.png"))
        #expect(image.width == 75 && image.height == 41)
        #expect(image.samples == gradient().samples)
        #expect(try folder.names == ["a.png"])
    }

    @Test("a JPEG comes back almost as it was")
    func jpeg() throws {
        try ImageFile.write(gradient(), to: folder("a.jpg"), quality: 2)
        let image = try ImageFile.read(folder("a.jpg"))
        #expect(image.width == 75 && image.height == 41)
        // Quantisation at the best quality moves a smooth picture by a few steps.
        #expect(difference(image.samples, gradient().samples).mean < 3)
    }

    @Test("the bytes in memory are those of the file")
    func memory() throws {
        try ImageFile.write(gradient(), to: folder("a.png"))
        try ImageFile.write(gradient(), to: folder("a.jpg"))
        #expect(try ImageFile.png(gradient()) == folder.bytes("a.png"))
        #expect(try ImageFile.jpeg(gradient()) == folder.bytes("a.jpg"))
    }

    @Test("any other suffix is refused")
    func suffix() {
        #expect(throws: VideoError.unknownContainer(path: folder("a.txt"))) {
            try ImageFile.write(gradient(), to: folder("a.txt"))
        }
    }

    @Test("a missing folder is named")
    func missingFolder() {
        #expect(throws: FileError.noFolder(path: folder("x/a.png"), folder: folder("x"))) {
            try ImageFile.write(gradient(), to: folder("x/a.png"))
        }
    }
}
