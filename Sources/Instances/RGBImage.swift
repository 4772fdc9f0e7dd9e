/// A picture `[height, width, 3]` of 8-bit sRGB samples, rows packed without padding.
///
/// It owns its memory, so that it can travel between threads and return to a pool without a copy.
// Sendable: a writer has the only reference until it passes the picture on, and readers never write.
public final class RGBImage: @unchecked Sendable {
    /// Width, pixels.
    public let width: Int
    /// Height, pixels.
    public let height: Int
    /// Bytes from one row to the next.
    public var bytesPerRow: Int { width * 3 }

    private let storage: UnsafeMutableBufferPointer<UInt8>

    /// Allocates a black picture.
    public init(width: Int, height: Int) {
        precondition(width > 0 && height > 0, "a picture has at least one pixel")
        self.width = width
        self.height = height
        storage = .allocate(capacity: width * height * 3)
        storage.initialize(repeating: 0)
    }

    deinit { storage.deallocate() }

    /// Reads the samples, row by row, red first.
    @inlinable
    public func withSamples<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        try withMutableSamples { try body(UnsafeBufferPointer($0)) }
    }

    /// Writes the samples; only while nothing else holds the picture.
    public func withMutableSamples<Result>(
        _ body: (UnsafeMutableBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result {
        try withExtendedLifetime(self) { try body(storage) }
    }
}
