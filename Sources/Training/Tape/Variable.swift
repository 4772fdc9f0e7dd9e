import Tensors

/// A tensor that a tape has seen, and its gradient while the tape runs backwards.
public final class Variable {
    public let value: Tensor
    /// Whether anything that it was made of learns.
    let needsGradient: Bool
    /// The gradient of the loss so far; others may hold the same tensor unless `ownsGradient` is set.
    private(set) var gradient: Tensor?
    private var ownsGradient = false

    init(_ value: Tensor, needsGradient: Bool = false) {
        self.value = value
        self.needsGradient = needsGradient
    }

    /// Adds a part of the gradient, which is not written to.
    func add(_ part: Tensor, _ compute: Compute) {
        guard needsGradient else { return }
        guard gradient != nil else {
            gradient = part
            return
        }
        compute.add(part, to: ownGradient(compute))
    }

    /// Replaces the gradient by one that holds it as a part.
    func replaceGradient(_ sum: Tensor) {
        gradient = sum
        ownsGradient = false
    }

    /// The gradient so far, to be added to in place.
    func ownGradient(_ compute: Compute) -> Tensor {
        if let gradient, ownsGradient { return gradient }
        let own = compute.zeros(value.shape)
        if let gradient { compute.add(gradient, to: own) }
        (gradient, ownsGradient) = (own, true)
        return own
    }

    /// Gives the gradient away.
    func takeGradient() -> Tensor? {
        defer { (gradient, ownsGradient) = (nil, false) }
        return gradient
    }
}
