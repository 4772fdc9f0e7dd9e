/// The head that classifies regions and refines their boxes (He et al. 2017, section 3).
public struct BoxHead: Sendable {
    /// What the head says of the regions.
    public struct Output<Value> {
        /// `[regions, classes]`.
        public var logits: Value
        /// `[regions, 4 * classes]`: dx, dy, dw, dh of the first class, then of the next.
        public var deltas: Value

        public init(logits: Value, deltas: Value) {
            self.logits = logits
            self.deltas = deltas
        }
    }

    /// Side of the pooled regions, pixels.
    public static let poolSize = 7

    /// Whether the layers see the mean of a region's pixels instead of all of them.
    let isAveraged: Bool
    let convolutions: [ConvolutionLayer]
    let hidden: [LinearLayer]
    let logits: LinearLayer
    let deltas: LinearLayer

    public init(
        _ configuration: ModelConfiguration.BoxHead, channels: Int, classes: Int, isAveraged: Bool = false,
        name: String = "roi_heads"
    ) {
        self.isAveraged = isAveraged
        var channels = channels
        convolutions = configuration.convolutions.enumerated().map { index, outputs in
            defer { channels = outputs }
            return .normalized(
                "\(name).box_head.\(index)", inputs: channels, outputs: outputs, configuration.normalization)
        }
        // torchvision numbers the layer after the convolutions and a flattening; alone, the layers are fc6 and fc7.
        let names =
            convolutions.isEmpty
            ? ["\(name).box_head.fc6", "\(name).box_head.fc7"] : ["\(name).box_head.\(convolutions.count + 1)"]
        var inputs = isAveraged ? channels : channels * Self.poolSize * Self.poolSize
        var pooled: (channels: Int, side: Int)? = isAveraged ? nil : (channels, Self.poolSize)
        hidden = zip(names, configuration.fullyConnected).map { layer, outputs in
            defer { (inputs, pooled) = (outputs, nil) }
            return LinearLayer(name: layer, inputs: inputs, outputs: outputs, pooled: pooled, activation: .relu)
        }
        logits = LinearLayer(name: "\(name).box_predictor.cls_score", inputs: inputs, outputs: classes)
        deltas = LinearLayer(name: "\(name).box_predictor.bbox_pred", inputs: inputs, outputs: 4 * classes)
    }

    var linears: [LinearLayer] { hidden + [logits, deltas] }

    /// - Parameter regions: `[regions, 7, 7, channels]`.
    public func callAsFunction<E: Executor>(_ regions: E.Value, _ executor: E) -> Output<E.Value> {
        var value = regions
        for layer in convolutions { value = executor.convolution(value, layer) }
        if isAveraged { value = executor.averagePool(value) }
        for layer in hidden { value = executor.linear(value, layer) }
        return Output(logits: executor.linear(value, logits), deltas: executor.linear(value, deltas))
    }
}

extension ConvolutionLayer {
    /// A 3x3 convolution with ReLU as the heads have it: torchvision's `Conv2dNormActivation`.
    static func normalized(
        _ name: String, inputs: Int, outputs: Int, _ normalization: ModelConfiguration.Normalization
    ) -> ConvolutionLayer {
        ConvolutionLayer(
            name: "\(name).0", norm: normalization == .none ? nil : "\(name).1",
            normalization: normalization.ofLayer, inputChannels: inputs, outputChannels: outputs, kernel: 3,
            padding: 1, activation: .relu)
    }
}
