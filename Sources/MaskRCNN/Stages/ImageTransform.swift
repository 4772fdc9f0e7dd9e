import Foundation
import Instances
import Tensors

/// Brings a picture to the network's input, and boxes back (torchvision's `GeneralizedRCNNTransform`).
public struct ImageTransform: Sendable {
    /// A picture as the network takes it.
    public struct Input: Sendable {
        /// `[padded height, padded width, 3]`, normalised, zero where padded.
        public var tensor: Tensor
        /// Height and width without the padding, pixels.
        public var size: Size
        /// Height and width of the picture it was made of, pixels.
        public var originalSize: Size

        public init(tensor: Tensor, size: Size, originalSize: Size) {
            self.tensor = tensor
            self.size = size
            self.originalSize = originalSize
        }
    }

    /// Height and width, pixels.
    public struct Size: Hashable, Sendable {
        public var height: Int
        public var width: Int

        public init(height: Int, width: Int) {
            self.height = height
            self.width = width
        }
    }

    private let configuration: ModelConfiguration.Transform
    /// The normalised value of every byte in every channel, `[3, 256]`.
    private let table: [Float]

    /// The network's input has sides that are multiples of this, since the coarsest level has that stride.
    static let sizeDivisor = 32

    public init(_ configuration: ModelConfiguration.Transform) {
        self.configuration = configuration
        table = (0..<3).flatMap { channel in
            (0..<256).map { (Float($0) / 255 - configuration.mean[channel]) / configuration.std[channel] }
        }
    }

    /// The size that a picture is resized to.
    public func resizedSize(_ size: Size) -> Size {
        let (short, long) = (Double(min(size.height, size.width)), Double(max(size.height, size.width)))
        let scale = min(Double(configuration.minSize) / short, Double(configuration.maxSize) / long)
        // A picture a thousand times longer than high still has a row.
        func scaled(_ side: Int) -> Int { max(1, Int((Double(side) * scale).rounded(.down))) }
        return Size(height: scaled(size.height), width: scaled(size.width))
    }

    public func callAsFunction(_ image: RGBImage, _ compute: Compute) -> Input {
        let original = Size(height: image.height, width: image.width)
        let size = resizedSize(original)
        func padded(_ side: Int) -> Int { (side + Self.sizeDivisor - 1) / Self.sizeDivisor * Self.sizeDivisor }
        let tensor = image.withSamples { pixels in
            compute.resizeNormalized(
                pixels, height: image.height, width: image.width, table: table, size: (size.height, size.width),
                padded: (padded(size.height), padded(size.width)))
        }
        return Input(tensor: tensor, size: size, originalSize: original)
    }

    /// Brings a box in the network's input back to the original picture.
    public static func restored(_ box: Box, _ input: Input) -> Box {
        let x = Float(input.originalSize.width) / Float(input.size.width)
        let y = Float(input.originalSize.height) / Float(input.size.height)
        return Box(x0: box.x0 * x, y0: box.y0 * y, x1: box.x1 * x, y1: box.y1 * y)
    }
}
