/// The region proposal network's head (arXiv 1506.01497), the same for every level.
public struct ProposalHead: Sendable {
    /// What the head says of one level.
    public struct Output<Value> {
        /// `[height, width, anchors]`.
        public var objectness: Value
        /// `[height, width, 4 * anchors]`: dx, dy, dw, dh of the first anchor, then of the next.
        public var deltas: Value

        public init(objectness: Value, deltas: Value) {
            self.objectness = objectness
            self.deltas = deltas
        }
    }

    let hidden: [ConvolutionLayer]
    let objectness: ConvolutionLayer
    let deltas: ConvolutionLayer

    /// - Parameter anchors: At every place.
    public init(
        _ configuration: ModelConfiguration.Proposals, channels: Int, anchors: Int, name: String = "rpn.head"
    ) {
        hidden = (0..<configuration.convolutions).map {
            ConvolutionLayer(
                name: "\(name).conv.\($0).0", inputChannels: channels, outputChannels: channels, kernel: 3, padding: 1,
                activation: .relu)
        }
        objectness = ConvolutionLayer(
            name: "\(name).cls_logits", inputChannels: channels, outputChannels: anchors, kernel: 1)
        deltas = ConvolutionLayer(
            name: "\(name).bbox_pred", inputChannels: channels, outputChannels: 4 * anchors, kernel: 1)
    }

    var convolutions: [ConvolutionLayer] { hidden + [objectness, deltas] }

    public func callAsFunction<E: Executor>(_ level: E.Value, _ executor: E) -> Output<E.Value> {
        var value = level
        for layer in hidden { value = executor.convolution(value, layer) }
        return Output(
            objectness: executor.convolution(value, objectness), deltas: executor.convolution(value, deltas))
    }
}
