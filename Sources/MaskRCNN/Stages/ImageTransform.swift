import Foundation
import Instances
import Tensors

/// Brings a picture to the network's input, and boxes back (torchvision's `GeneralizedRCNNTransform`, Detectron2's `ResizeShortestEdge`
/// and `preprocess_image`).
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
    private let rules: ModelConfiguration.Rules
    /// The normalised value of every byte in every channel, `[3, 256]`.
    private let table: [Float]

    public init(_ configuration: ModelConfiguration.Transform, rules: ModelConfiguration.Rules = .torchvision) {
        self.configuration = configuration
        self.rules = rules
        table = (0..<3).flatMap { channel in
            (0..<256).map { (Float($0) / 255 - configuration.mean[channel]) / configuration.std[channel] }
        }
    }

    /// The size that a picture is resized to.
    ///
    /// - Parameter minSize: What its shorter side becomes, as far as `maxSize` lets it; the configuration's where nil.
    public func resizedSize(_ size: Size, minSize: Int? = nil) -> Size {
        guard rules == .torchvision else { return roundedSize(size) }
        let (short, long) = (Double(min(size.height, size.width)), Double(max(size.height, size.width)))
        let scale = min(Double(minSize ?? configuration.minSize) / short, Double(configuration.maxSize) / long)
        // A picture a thousand times longer than high still has a row.
        func scaled(_ side: Int) -> Int { max(1, Int((Double(side) * scale).rounded(.down))) }
        return Size(height: scaled(size.height), width: scaled(size.width))
    }

    /// The size as Detectron2 rounds it: two scales one after the other, then to the nearest whole numbers.
    private func roundedSize(_ size: Size) -> Size {
        let (minSize, maxSize) = (Double(configuration.minSize), Double(configuration.maxSize))
        let scale = minSize / Double(min(size.height, size.width))
        var (height, width) =
            size.height < size.width
            ? (minSize, scale * Double(size.width)) : (scale * Double(size.height), minSize)
        if max(height, width) > maxSize {
            let scale = maxSize / max(height, width)
            (height, width) = (height * scale, width * scale)
        }
        return Size(height: max(1, Int(height + 0.5)), width: max(1, Int(width + 0.5)))
    }

    public func callAsFunction(_ image: RGBImage, _ compute: Compute) -> Input {
        let original = Size(height: image.height, width: image.width)
        let size = resizedSize(original)
        let tensor = resized(image, to: size, padded: padded(size), into: nil, compute)
        return Input(tensor: tensor, size: size, originalSize: original)
    }

    /// Brings pictures to one input of the network: each is resized for itself, and padded to the greatest height and width.
    ///
    /// - Parameter sizes: What each is resized to, see `resizedSize`.
    /// - Returns: `[pictures, height, width, 3]`.
    public func batch(_ images: [RGBImage], sizes: [Size], _ compute: Compute) -> Tensor {
        let whole = padded(Size(height: sizes.map(\.height).max() ?? 0, width: sizes.map(\.width).max() ?? 0))
        let batch = compute.pool.tensor([images.count, whole.height, whole.width, 3])
        for (index, image) in images.enumerated() {
            _ = resized(image, to: sizes[index], padded: whole, into: batch.part(index), compute)
        }
        return batch
    }

    /// A size with sides that are multiples of what the configuration asks for.
    private func padded(_ size: Size) -> Size {
        let divisor = configuration.sizeDivisor
        func padded(_ side: Int) -> Int { (side + divisor - 1) / divisor * divisor }
        return Size(height: padded(size.height), width: padded(size.width))
    }

    private func resized(
        _ image: RGBImage, to size: Size, padded: Size, into target: Tensor?, _ compute: Compute
    ) -> Tensor {
        /// Normalises a picture of any size after resizing it.
        func normalized(_ pixels: UnsafeBufferPointer<UInt8>, _ source: Size) -> Tensor {
            compute.resizeNormalized(
                pixels, height: source.height, width: source.width, table: table, size: (size.height, size.width),
                padded: (padded.height, padded.width), into: target)
        }
        let original = Size(height: image.height, width: image.width)
        return image.withSamples { pixels in
            switch rules {
            case .torchvision: return normalized(pixels, original)
            case .detectron2:
                // Detectron2 resizes 8-bit pictures with Pillow, and normalises then.
                var tensor: Tensor?
                PictureResampling(from: original, to: size)(pixels, compute) { tensor = normalized($0, size) }
                guard let tensor else { preconditionFailure("a picture has pixels") }
                return tensor
            }
        }
    }

    /// Brings a box in the network's input back to the original picture.
    public static func restored(_ box: Box, _ input: Input) -> Box {
        let x = Float(input.originalSize.width) / Float(input.size.width)
        let y = Float(input.originalSize.height) / Float(input.size.height)
        return Box(x0: box.x0 * x, y0: box.y0 * y, x1: box.x1 * x, y1: box.y1 * y)
    }
}
