import MaskRCNN

/// The backbones that a training's configuration may name, under torchvision's names.
public enum BackboneName: String, CaseIterable, Sendable {
    case resnet18, resnet34, resnet50, resnet101, resnet152
    case resnext50 = "resnext50_32x4d"
    case resnext101 = "resnext101_32x8d"

    /// A Mask R-CNN with this backbone, and all else as torchvision has it by default.
    public var configuration: ModelConfiguration {
        var configuration = ModelConfiguration()
        let backbone: (block: ModelConfiguration.Backbone.Block, layers: [Int], groups: Int, widthPerGroup: Int) =
            switch self {
            case .resnet18: (.basic, [2, 2, 2, 2], 1, 64)
            case .resnet34: (.basic, [3, 4, 6, 3], 1, 64)
            case .resnet50: (.bottleneck, [3, 4, 6, 3], 1, 64)
            case .resnet101: (.bottleneck, [3, 4, 23, 3], 1, 64)
            case .resnet152: (.bottleneck, [3, 8, 36, 3], 1, 64)
            case .resnext50: (.bottleneck, [3, 4, 6, 3], 32, 4)
            case .resnext101: (.bottleneck, [3, 4, 23, 3], 32, 8)
            }
        configuration.backbone.block = backbone.block
        configuration.backbone.layers = backbone.layers
        configuration.backbone.groups = backbone.groups
        configuration.backbone.widthPerGroup = backbone.widthPerGroup
        return configuration
    }
}
