"""torchvision's Mask R-CNN at any scale, from the configuration that segmentd's models carry."""

import json

from torch import nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

# What a configuration may leave out.
DEFAULTS = {
    "transform": {"min_size": 800, "max_size": 1333, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "backbone": {
        "kind": "resnet", "normalization": "batch", "block": "bottleneck", "layers": [3, 4, 6, 3], "stem_width": 64, "widths": [64, 128, 256, 512],
        "groups": 1, "width_per_group": 64, "batch_norm_epsilon": 1e-5,
    },
    "pyramid": {"channels": 256, "normalization": "none"},
    "proposals": {
        "convolutions": 1, "anchor_sizes": [32, 64, 128, 256, 512], "aspect_ratios": [0.5, 1.0, 2.0],
        "pre_nms_top_n": 1000, "post_nms_top_n": 1000, "nms_threshold": 0.7,
    },
    "box_head": {
        "convolutions": [], "fully_connected": [1024, 1024], "normalization": "none",
        "score_threshold": 0.05, "nms_threshold": 0.5, "detections_per_image": 100,
    },
    "mask_head": {"convolutions": [256, 256, 256, 256], "hidden": 256, "normalization": "none"},
}



def group_norm(channels):
    return nn.GroupNorm(32, channels)


# What a part's "normalization" may be: torchvision's v1 models have none outside the backbone, its v2 models have "batch".
NORMALIZATIONS = {"none": None, "batch": nn.BatchNorm2d, "group": group_norm}


class ScaledResNet(ResNet):
    """A ResNet whose stem and stages have the widths asked for; the names are torchvision's."""

    def __init__(self, configuration):
        block = BasicBlock if configuration["block"] == "basic" else Bottleneck
        norm = NORMALIZATIONS[configuration["normalization"]]
        super().__init__(
            block, configuration["layers"], groups=configuration["groups"],
            width_per_group=configuration["width_per_group"], norm_layer=norm,
        )
        self.inplanes = configuration["stem_width"]
        self.conv1 = nn.Conv2d(3, self.inplanes, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm(self.inplanes)
        stages = zip(configuration["layers"], configuration["widths"])
        for i, (count, width) in enumerate(stages):
            setattr(self, f"layer{i + 1}", self._make_layer(block, width, count, stride=1 if i == 0 else 2))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                module.eps = configuration["batch_norm_epsilon"]
        self.channels = [width * block.expansion for width in configuration["widths"]]
        self.outputs = [f"layer{i}" for i in range(1, 5)]


class ScaledVGG(nn.Sequential):
    """The features of a VGG of any widths, as torchvision's `vgg16().features` has them.

    Its outputs are what goes into the third, fourth and fifth pool, and what comes out of the fifth: strides of 4, 8, 16 and 32 pixels.
    """

    def __init__(self, configuration):
        modules, pools, inputs = [], [], 3
        for count, width in zip(configuration["layers"], configuration["widths"]):
            for _ in range(count):
                modules.append(nn.Conv2d(inputs, width, 3, padding=1))
                if norm := NORMALIZATIONS[configuration["normalization"]]:
                    modules.append(norm(width))
                modules.append(nn.ReLU(inplace=True))
                inputs = width
            pools.append(len(modules))
            modules.append(nn.MaxPool2d(2, 2))
        super().__init__(*modules)
        for module in self:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                module.eps = configuration["batch_norm_epsilon"]
        self.channels = [*configuration["widths"][2:], configuration["widths"][4]]
        self.outputs = [str(place) for place in (pools[2] - 1, pools[3] - 1, pools[4] - 1, pools[4])]


def make_body(backbone):
    return ScaledVGG(backbone) if backbone["kind"] == "vgg" else ScaledResNet(backbone)


def read_configuration(path_or_text):
    """Reads a configuration, from a file's path or from JSON text, and fills in the defaults."""
    if path_or_text.lstrip().startswith("{"):
        given = json.loads(path_or_text)
    else:
        with open(path_or_text) as file:
            given = json.load(file)
    return {**given, **{part: {**values, **given.get(part, {})} for part, values in DEFAULTS.items()}}


def make_box_head(box, channels):
    """Two fully connected layers as in torchvision's v1, or convolutions and any number of such layers as in v2."""
    if box["convolutions"]:
        return FastRCNNConvFCHead(
            (channels, 7, 7), box["convolutions"], box["fully_connected"], NORMALIZATIONS[box["normalization"]])
    hidden, again = box["fully_connected"]
    if hidden != again:
        raise ValueError("a box head without convolutions has two fully connected layers of one size")
    return TwoMLPHead(channels * 49, hidden)


def build(c, **overrides):
    """Builds the model of a configuration; keyword arguments go to torchvision's MaskRCNN."""
    transform, proposals, box, mask = c["transform"], c["proposals"], c["box_head"], c["mask_head"]
    channels = c["pyramid"]["channels"]
    body = make_body(c["backbone"])
    backbone = BackboneWithFPN(
        body, {name: str(i) for i, name in enumerate(body.outputs)}, body.channels, channels,
        norm_layer=NORMALIZATIONS[c["pyramid"]["normalization"]])
    ratios = tuple(proposals["aspect_ratios"])
    arguments = dict(
        min_size=transform["min_size"], max_size=transform["max_size"],
        image_mean=transform["mean"], image_std=transform["std"],
        rpn_anchor_generator=AnchorGenerator(tuple((size,) for size in proposals["anchor_sizes"]), (ratios,) * 5),
        rpn_head=RPNHead(channels, len(ratios), conv_depth=proposals["convolutions"]),
        rpn_pre_nms_top_n_test=proposals["pre_nms_top_n"], rpn_post_nms_top_n_test=proposals["post_nms_top_n"],
        rpn_nms_thresh=proposals["nms_threshold"],
        box_head=make_box_head(box, channels),
        box_predictor=FastRCNNPredictor(box["fully_connected"][-1], c["classes"]),
        box_score_thresh=box["score_threshold"], box_nms_thresh=box["nms_threshold"],
        box_detections_per_img=box["detections_per_image"],
        mask_head=MaskRCNNHeads(channels, mask["convolutions"], 1, NORMALIZATIONS[mask["normalization"]]),
        mask_predictor=MaskRCNNPredictor(mask["convolutions"][-1], mask["hidden"], c["classes"]),
    )
    return MaskRCNN(backbone, **{**arguments, **overrides})
