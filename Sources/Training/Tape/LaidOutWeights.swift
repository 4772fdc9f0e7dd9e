import MaskRCNN
import Tensors

/// The layers' weights in the layouts of their products, made when they are first asked for.
///
/// What does not learn stays; everything else goes with the next step of the weights.
final class LaidOutWeights {
    private let parameters: ParameterStore
    private let compute: Compute
    private var convolutions: [String: ConvolutionWeights] = [:]
    private var transposedConvolutions: [String: ConvolutionWeights] = [:]
    private var linears: [String: LinearWeights] = [:]
    private var transposedLinears: [String: LinearWeights] = [:]
    private var deconvolutions: [String: DeconvolutionWeights] = [:]
    private var scales: [String: Tensor] = [:]

    init(_ parameters: ParameterStore, _ compute: Compute) {
        self.parameters = parameters
        self.compute = compute
    }

    /// Forgets what has learned.
    func forget() {
        func forget<Weights>(_ weights: inout [String: Weights]) {
            weights = weights.filter { !parameters[$0.key].isTrainable }
        }
        forget(&convolutions)
        forget(&transposedConvolutions)
        forget(&linears)
        forget(&transposedLinears)
        forget(&deconvolutions)
    }

    /// Whether a layer's normalisation is a constant map.
    func isFolded(_ layer: ConvolutionLayer) -> Bool {
        layer.norm != nil && layer.normalization == .batch && parameters.freezing.batchNorm
    }

    /// A layer's weights, with a constant normalisation folded in.
    func convolution(_ layer: ConvolutionLayer) -> ConvolutionWeights {
        if let known = convolutions[layer.name] { return known }
        let entry = parameters[layer.name]
        var (rows, bias) = (entry.weight.value, entry.bias?.value)
        if isFolded(layer), let norm = entry.norm, let mean = norm.mean {
            let scale = scale(layer)
            rows = compute.scaledColumns(rows, scale.elements)
            // Of VGG's layers the convolution has a bias as well.
            let biases = bias?.elements ?? [Float](repeating: 0, count: layer.outputChannels)
            let (means, scales, norms) = (mean.value.elements, scale.elements, norm.bias.value.elements)
            let shifts = biases.indices.map {
                Float(Double(norms[$0]) + (Double(biases[$0]) - Double(means[$0])) * Double(scales[$0]))
            }
            bias = Tensor(shifts, shape: [layer.outputChannels])
        }
        // Memory of its own for what stays: the pool is for what comes and goes.
        let weights = ConvolutionWeights(
            rows: rows, bias: bias, layer.shape, compute: entry.isTrainable ? compute : nil)
        convolutions[layer.name] = weights
        return weights
    }

    /// What a constant normalisation multiplies each of a layer's outputs by.
    func scale(_ layer: ConvolutionLayer) -> Tensor {
        if let known = scales[layer.name] { return known }
        guard let norm = parameters[layer.name].norm, let variance = norm.variance else {
            preconditionFailure("a layer with batch normalisation")
        }
        let values = zip(norm.weight.value.elements, variance.value.elements).map {
            Float(Double($0) / (Double($1) + Double(layer.epsilon)).squareRoot())
        }
        let scale = Tensor(values, shape: [layer.outputChannels])
        scales[layer.name] = scale
        return scale
    }

    func transposed(_ layer: ConvolutionLayer) -> ConvolutionWeights {
        if let known = transposedConvolutions[layer.name] { return known }
        let weights = compute.transposedWeights(parameters[layer.name].weight.value, layer.shape)
        transposedConvolutions[layer.name] = weights
        return weights
    }

    func linear(_ layer: LinearLayer) -> LinearWeights {
        if let known = linears[layer.name] { return known }
        let entry = parameters[layer.name]
        let weights = LinearWeights(rows: entry.weight.value, bias: entry.bias?.value, compute: compute)
        linears[layer.name] = weights
        return weights
    }

    /// Of a fully connected layer or a transposed convolution.
    func transposed(linear name: String) -> LinearWeights {
        if let known = transposedLinears[name] { return known }
        let weights = compute.transposedWeights(parameters[name].weight.value)
        transposedLinears[name] = weights
        return weights
    }

    func deconvolution(_ layer: DeconvolutionLayer) -> DeconvolutionWeights {
        if let known = deconvolutions[layer.name] { return known }
        let entry = parameters[layer.name]
        let weights = DeconvolutionWeights(
            rows: entry.weight.value, bias: entry.bias?.value.elements ?? [], compute: compute)
        deconvolutions[layer.name] = weights
        return weights
    }
}
