/// The parameters of a group normalisation (Wu and He 2018, arXiv 1803.08494).
public struct GroupNormalization: Sendable {
    public let groups: Int
    /// What is added to the variances before the root is taken.
    public let epsilon: Float
    /// By channel.
    let scales: Tensor
    let shifts: Tensor

    /// - Parameters:
    ///   - scales: `[channels]`, a multiple of `groups`.
    ///   - shifts: `[channels]`.
    public init(scales: [Float], shifts: [Float], groups: Int, epsilon: Float = 1e-5) {
        precondition(
            scales.count == shifts.count && scales.count.isMultiple(of: groups), "whole groups of channels")
        self.groups = groups
        self.epsilon = epsilon
        self.scales = Tensor(scales, shape: [scales.count])
        self.shifts = Tensor(shifts, shape: [shifts.count])
    }
}
