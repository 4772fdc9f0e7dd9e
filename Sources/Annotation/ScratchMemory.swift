/// Memory that is used again for every object, so that drawing allocates nothing once it has grown.
final class ScratchMemory<Element: BitwiseCopyable> {
    private var storage = UnsafeMutableBufferPointer<Element>.allocate(capacity: 0)

    deinit { storage.deallocate() }

    /// At least `count` elements, all set to `value`; valid until the next call.
    func cleared(_ count: Int, to value: Element) -> UnsafeMutablePointer<Element> {
        let memory = uncleared(count, value)
        memory.update(repeating: value, count: count)
        return memory
    }

    /// At least `count` elements of whatever was there before; valid until the next call.
    func uncleared(_ count: Int, _ filler: Element) -> UnsafeMutablePointer<Element> {
        if storage.count < count || storage.baseAddress == nil {
            storage.deallocate()
            storage = .allocate(capacity: max(64, count))
            storage.initialize(repeating: filler)
        }
        return storage.baseAddress!
    }
}
