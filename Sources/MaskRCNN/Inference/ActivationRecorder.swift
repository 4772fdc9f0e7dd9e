import Synchronization
import Tensors

/// Learns the ranges of what layers are given while a network runs in single precision.
public final class ActivationRecorder: Sendable {
    private let histograms = Mutex([String: ActivationHistogram]())

    public init() {}

    func record(_ input: Tensor, layer: String) {
        histograms.withLock { $0[layer, default: ActivationHistogram()].add(input) }
    }

    /// What was learnt of the layers that are computed with fewer bits.
    ///
    /// - Parameter frames: The pictures that were looked at.
    /// - Throws: `Calibration.Failure` for layers that were given nothing, or numbers that no range holds.
    public func calibration(of network: Network, frames: Int) throws -> Calibration {
        let histograms = histograms.withLock { $0 }
        var ranges: [String: ActivationRange] = [:]
        for name in network.narrowLayers.sorted() {
            guard let histogram = histograms[name] else { throw Calibration.Failure.missingLayer(name) }
            guard !histogram.hasNonFinite else { throw Calibration.Failure.unusableActivations(layer: name) }
            ranges[name] = histogram.range
        }
        let calibration = Calibration(frames: frames, ranges: ranges)
        try calibration.validate(for: network)
        return calibration
    }
}
