import MaskRCNN

/// The backbones that a training's configuration may name, most of them under torchvision's names.
///
/// `_bn` and `_gn` stand for batch and group normalisation, `_c4` for the paper's single level instead of a feature pyramid.
public enum BackboneName: String, CaseIterable, Sendable {
    case resnet18, resnet34, resnet50, resnet101, resnet152
    case resnext50 = "resnext50_32x4d"
    case resnext101 = "resnext101_32x8d"
    case resnet50GN = "resnet50_gn"
    case resnet101GN = "resnet101_gn"
    case resnet50C4 = "resnet50_c4"
    case resnet101C4 = "resnet101_c4"
    case vgg16
    case vgg16BN = "vgg16_bn"
    case vgg19
    case vgg19BN = "vgg19_bn"

    /// A Mask R-CNN with this backbone, and all else as torchvision has it by default.
    public var configuration: ModelConfiguration {
        var configuration = ModelConfiguration()
        switch self {
        case .resnet18: configuration.backbone.setResNet(.basic, [2, 2, 2, 2])
        case .resnet34: configuration.backbone.setResNet(.basic, [3, 4, 6, 3])
        case .resnet50, .resnet50GN, .resnet50C4: configuration.backbone.setResNet(.bottleneck, [3, 4, 6, 3])
        case .resnet101, .resnet101GN, .resnet101C4: configuration.backbone.setResNet(.bottleneck, [3, 4, 23, 3])
        case .resnet152: configuration.backbone.setResNet(.bottleneck, [3, 8, 36, 3])
        case .resnext50: configuration.backbone.setResNet(.bottleneck, [3, 4, 6, 3], groups: 32, widthPerGroup: 4)
        case .resnext101: configuration.backbone.setResNet(.bottleneck, [3, 4, 23, 3], groups: 32, widthPerGroup: 8)
        case .vgg16: configuration.backbone.setVGG([2, 2, 3, 3, 3], .none)
        case .vgg16BN: configuration.backbone.setVGG([2, 2, 3, 3, 3], .batch)
        case .vgg19: configuration.backbone.setVGG([2, 2, 4, 4, 4], .none)
        case .vgg19BN: configuration.backbone.setVGG([2, 2, 4, 4, 4], .batch)
        }
        switch self {
        case .resnet50C4, .resnet101C4:
            configuration.architecture = .c4
            // The backbone's last stage is both heads'.
            configuration.boxHead.fullyConnected = []
            configuration.maskHead.convolutions = []
        case .resnet50GN, .resnet101GN:
            configuration.backbone.normalization = .group
            configuration.pyramid.normalization = .group
            configuration.maskHead.normalization = .group
        default: break
        }
        return configuration
    }
}

extension ModelConfiguration.Backbone {
    fileprivate mutating func setResNet(_ block: Block, _ layers: [Int], groups: Int = 1, widthPerGroup: Int = 64) {
        (self.block, self.layers, self.groups, self.widthPerGroup) = (block, layers, groups, widthPerGroup)
    }

    fileprivate mutating func setVGG(_ layers: [Int], _ normalization: ModelConfiguration.Normalization) {
        (kind, self.layers, self.normalization) = (.vgg, layers, normalization)
        widths = [64, 128, 256, 512, 512]
    }
}
