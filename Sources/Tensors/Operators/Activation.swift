/// What follows a layer's sum.
public enum Activation: Sendable {
    case none
    case relu
}
