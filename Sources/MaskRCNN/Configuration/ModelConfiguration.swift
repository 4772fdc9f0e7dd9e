import Foundation
import Instances

/// Everything that makes a Mask R-CNN of a set of weights; a model's file carries it as JSON.
///
/// What a file leaves out has the value of torchvision's `maskrcnn_resnet50_fpn`, after which the defaults here are named.
public struct ModelConfiguration: Codable, Equatable, Sendable {
    /// Where two implementations of the same network differ between its layers; `Sources/README.md` lists it.
    public enum Rules: String, Codable, Sendable {
        case torchvision, detectron2
    }

    /// What the heads look at.
    public enum Architecture: String, Codable, Sendable {
        /// The levels of a feature pyramid.
        case fpn
        /// The third stage of a ResNet, whose fourth stage both heads begin with (He et al. 2017, figure 4, left).
        case c4

        /// Pixels of the network's input from one place of a level to the next, by level.
        public var strides: [Int] { self == .c4 ? [16] : [4, 8, 16, 32, 64] }
    }

    /// How a picture is brought to the network's input.
    public struct Transform: Codable, Equatable, Sendable {
        /// The shorter side after resizing, pixels, unless the longer would become longer than `maxSize`.
        public var minSize = 800
        /// The longest that the longer side may become, pixels.
        public var maxSize = 1333
        /// Mean of red, green and blue in 0...1.
        public var mean: [Float] = [0.485, 0.456, 0.406]
        /// Standard deviation of red, green and blue in 0...1.
        public var std: [Float] = [0.229, 0.224, 0.225]
        /// The input's sides are padded to multiples of this, pixels.
        public var sizeDivisor = 32
    }

    /// A ResNet or ResNeXt (arXiv 1512.03385, 1611.05431), or a VGG (arXiv 1409.1556).
    public struct Backbone: Codable, Equatable, Sendable {
        /// The family.
        public enum Kind: String, Codable, Sendable {
            case resnet, vgg
        }

        /// The residual block: two 3x3 convolutions, or 1x1, 3x3, 1x1 with four times the width at the end.
        public enum Block: String, Codable, Sendable {
            case basic, bottleneck

            /// Output channels over the block's width.
            var expansion: Int { self == .basic ? 1 : 4 }
        }

        public var kind = Kind.resnet
        /// Of a ResNet.
        public var block = Block.bottleneck
        /// Blocks in each of the four stages, or a VGG's convolutions before each of its five pools.
        public var layers = [3, 4, 6, 3]
        /// Channels of a ResNet's 7x7 convolution at the beginning.
        public var stemWidth = 64
        /// Width of each stage before the block's expansion, channels.
        public var widths = [64, 128, 256, 512]
        /// Whether the first 1x1 convolution of a bottleneck has the stride, as in the first paper; otherwise the 3x3 has it.
        public var stridesFirst = false
        public var normalization = Normalization.batch
        /// Groups of the 3x3 convolutions; more than one makes it a ResNeXt.
        public var groups = 1
        /// Channels of a group in the first stage, for a width of 64.
        public var widthPerGroup = 64
        /// What is added to the variances before the root is taken.
        public var batchNormEpsilon: Float = 1e-5

        /// Channels of what a ResNet's stage is given; stages count from 0.
        func inputChannels(ofStage stage: Int) -> Int { stage == 0 ? stemWidth : widths[stage - 1] * block.expansion }

        /// Channels inside a bottleneck block of a stage of some width.
        func innerWidth(_ width: Int) -> Int { Int(Double(width) * (Double(widthPerGroup) / 64)) * groups }
    }

    /// What stands between a convolution and its activation.
    public enum Normalization: String, Codable, Sendable {
        /// Nothing; the convolution has a bias.
        case none
        /// Batch normalisation; the convolution has no bias, except in a VGG.
        case batch
        /// Group normalisation (arXiv 1803.08494) in 32 groups, likewise.
        case group

        static let groups = 32

        /// The same of one layer that has any.
        var ofLayer: ConvolutionLayer.Normalization { self == .group ? .group(Self.groups) : .batch }
    }

    /// The feature pyramid (arXiv 1612.03144).
    public struct Pyramid: Codable, Equatable, Sendable {
        /// Channels of every level.
        public var channels = 256
        public var normalization = Normalization.none
    }

    /// The region proposal network (arXiv 1506.01497).
    public struct Proposals: Codable, Equatable, Sendable {
        /// 3x3 convolutions before the two outputs.
        public var convolutions = 1
        /// The sides of the square anchors, pixels of the network's input: one for each of a pyramid's five levels, all of them on
        /// the one level of C4.
        public var anchorSizes: [Float] = [32, 64, 128, 256, 512]
        /// Height over width of the anchors at every place.
        public var aspectRatios: [Float] = [0.5, 1, 2]
        /// Candidates that each level keeps before suppression.
        public var preNmsTopN = 1000
        /// Proposals that a picture keeps.
        public var postNmsTopN = 1000
        /// The IoU above which the lower of two candidates of one level is suppressed.
        public var nmsThreshold = 0.7
    }

    /// The head that classifies proposals and refines their boxes.
    public struct BoxHead: Codable, Equatable, Sendable {
        /// Output channels of 3x3 convolutions before the fully connected layers.
        public var convolutions: [Int] = []
        /// Output features of the fully connected layers.
        public var fullyConnected = [1024, 1024]
        public var normalization = Normalization.none
        /// The score that a detection must exceed, 0...1.
        public var scoreThreshold: Float = 0.05
        /// The IoU above which the lower of two detections of one class is suppressed.
        public var nmsThreshold = 0.5
        /// Detections that a picture keeps.
        public var detectionsPerImage = 100
    }

    /// The head that draws masks.
    public struct MaskHead: Codable, Equatable, Sendable {
        /// Output channels of the 3x3 convolutions.
        public var convolutions = [256, 256, 256, 256]
        /// Channels of the transposed convolution.
        public var hidden = 256
        public var normalization = Normalization.none
    }

    public var architecture = Architecture.fpn
    public var rules = Rules.torchvision
    public var transform = Transform()
    public var backbone = Backbone()
    public var pyramid = Pyramid()
    public var proposals = Proposals()
    public var boxHead = BoxHead()
    public var maskHead = MaskHead()
    /// Classes that the heads tell apart, with the background, which is class 0.
    public var classes = 91
    /// The categories; the heads' class is a category's id.
    public var categories: [Instances.Category] = []

    public init() {}

    /// Anchors at every place of a level.
    var anchorsAPlace: Int {
        proposals.aspectRatios.count * (architecture == .c4 ? proposals.anchorSizes.count : 1)
    }
}
