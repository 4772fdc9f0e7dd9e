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
    /// Takes the memory back where it is not the picture's own.
    private let release: (@Sendable () -> Void)?

    /// Allocates a black picture.
    public init(width: Int, height: Int) {
        precondition(width > 0 && height > 0, "a picture has at least one pixel")
        self.width = width
        self.height = height
        storage = .allocate(capacity: width * height * 3)
        storage.initialize(repeating: 0)
        release = nil
    }

    /// Borrows memory, such as a pool's; its samples stay as they are.
    ///
    /// - Parameters:
    ///   - samples: `width * height * 3` initialised bytes that nothing else touches until `release`.
    ///   - release: Called once, by whichever thread drops the picture last.
    public init(
        width: Int, height: Int, samples: UnsafeMutableBufferPointer<UInt8>, release: @escaping @Sendable () -> Void
    ) {
        precondition(width > 0 && height > 0, "a picture has at least one pixel")
        precondition(samples.count == width * height * 3, "a picture has three samples a pixel")
        self.width = width
        self.height = height
        storage = samples
        self.release = release
    }

    deinit {
        if let release { release() } else { storage.deallocate() }
    }

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
