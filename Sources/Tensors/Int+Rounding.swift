extension Int {
    /// How many parts of `size` cover the number.
    func parts(of size: Int) -> Int { (self + size - 1) / size }

    /// The smallest multiple of `step` that is not below the number.
    func roundedUp(to step: Int) -> Int { parts(of: step) * step }
}
