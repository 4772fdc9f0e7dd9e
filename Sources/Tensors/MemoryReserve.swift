import Glibc

/// Address space of which memory is taken, from its beginning, as far as it is needed.
///
/// First fit: a range is given where the first gap is large enough, and gaps that touch become one. An inference asks for nearly the same
/// ranges in the same order for every frame, so that it gets the same places again; what is alive at once then lies close together, and
/// the memory that was ever touched, which is all that this costs, stays little above it.
///
/// Not for several threads at once.
struct MemoryReserve: ~Copyable {
    /// Every range begins at a multiple of this, bytes: a vector never straddles two cache lines.
    static let alignment = 64
    /// Memory is taken in steps of this, bytes.
    private static let step = 32 << 20
    /// Times that everything has come back before memory that was not needed meanwhile goes to the system.
    private static let patience = 32

    private let base: UnsafeMutableRawPointer
    /// Bytes of address space.
    private let length: Int
    /// Gaps below `end` by ascending offset; none touches the next, nor `end`.
    private var gaps: [Range<Int>] = []
    /// Everything from here on has never been given, or has come back.
    private var end = 0
    /// Bytes from the beginning that may be used.
    private(set) var taken = 0
    /// The largest `end` since memory was looked through for what nobody needs, and how often everything has come back since.
    private var highest = 0
    private var returns = 0
    /// How often memory was taken from the system.
    private(set) var growths = 0

    /// Reserves address space, which costs no memory; less where the system allows no more.
    init() {
        var length = 1 << 36
        var limit = rlimit()
        // The weights and everything else need some of what a process may have, too.
        if getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < rlim_t(length) * 4 {
            length = max(Self.step, Int(limit.rlim_cur) / 4 / Self.step * Self.step)
        }
        while true {
            let address = mmap(nil, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
            if let address, address != MAP_FAILED {
                (base, self.length) = (address, length)
                return
            }
            guard length > Self.step else { fatalError("out of memory: no address space is to be had") }
            length /= 2
        }
    }

    deinit { munmap(base, length) }

    /// A range of undefined bytes.
    mutating func take(_ bytes: Int) -> UnsafeMutableRawPointer {
        let size = max(bytes, 1).roundedUp(to: Self.alignment)
        if let index = gaps.firstIndex(where: { $0.count >= size }) {
            let start = gaps[index].lowerBound
            if gaps[index].count == size {
                gaps.remove(at: index)
            } else {
                gaps[index] = start + size..<gaps[index].upperBound
            }
            return base + start
        }
        let start = end
        end += size
        highest = max(highest, end)
        if end > taken { grow() }
        return base + start
    }

    /// Takes a range back. What is above `limit` bytes, and was not needed for several frames, goes back to the system.
    mutating func put(_ pointer: UnsafeMutableRawPointer, _ bytes: Int, keeping limit: Int) {
        let size = max(bytes, 1).roundedUp(to: Self.alignment)
        var range = pointer - base..<pointer - base + size
        // The place of the first gap behind the range.
        var (low, high) = (0, gaps.count)
        while low < high {
            let middle = (low + high) / 2
            if gaps[middle].lowerBound < range.lowerBound { low = middle + 1 } else { high = middle }
        }
        if low < gaps.count, gaps[low].lowerBound == range.upperBound {
            range = range.lowerBound..<gaps[low].upperBound
            gaps.remove(at: low)
        }
        if low > 0, gaps[low - 1].upperBound == range.lowerBound {
            range = gaps[low - 1].lowerBound..<range.upperBound
            gaps.remove(at: low - 1)
            low -= 1
        }
        guard range.upperBound == end else {
            gaps.insert(range, at: low)
            return
        }
        end = range.lowerBound
        guard end == 0 else { return }
        returns += 1
        guard returns == Self.patience else { return }
        shrink(to: max(highest, limit))
        (highest, returns) = (0, 0)
    }

    private mutating func grow() {
        let wanted = min(end.roundedUp(to: Self.step), length)
        guard end <= wanted, mprotect(base + taken, wanted - taken, PROT_READ | PROT_WRITE) == 0 else {
            fatalError("out of memory: \(end >> 20) MiB for tensors are not to be had")
        }
        // Large maps are read in many places at once, which small pages would make dear.
        madvise(base + taken, wanted - taken, MADV_HUGEPAGE)
        taken = wanted
        growths += 1
    }

    private mutating func shrink(to bytes: Int) {
        let kept = min(bytes.roundedUp(to: Self.step), taken)
        guard kept < taken else { return }
        madvise(base + kept, taken - kept, MADV_DONTNEED)
        mprotect(base + kept, taken - kept, PROT_NONE)
        taken = kept
    }
}
