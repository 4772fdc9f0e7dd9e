#!/usr/bin/env python3
"""Writes what torchvision's Mask R-CNN answers at every stage, into parity/ beside this script, for the tests of MaskRCNN and Tensors.

Needs torch, torchvision and safetensors in the versions of Tests/Parity/requirements.txt. Every number comes from torchvision's own
classes, in single precision on one thread. Tensors keep torch's layout (NCHW); settings are strings in the files' metadata, most of
them JSON. Where an answer hangs on a comparison (non-maximum suppression, the best n), the random inputs are such that no comparison
is close, except where a test is about just that.

transform.safetensors    GeneralizedRCNNTransform on pictures of several sizes, and a table of sizes before and after resizing.
anchors.safetensors      AnchorGenerator: cell anchors of two configurations, and all anchors of one pyramid.
proposals.safetensors    RegionProposalNetwork from its head's raw outputs to proposals, two cases.
nms.safetensors          batched_nms: both of its branches, ties, and overlaps exactly at the threshold.
roi_align.safetensors    MultiScaleRoIAlign on four levels, 7x7 and 14x14, and its choice of levels.
detections.safetensors   RoIHeads.postprocess_detections: many candidates, few, none.
paste.safetensors        paste_masks_in_image, boxes outside, tiny and huge among them.
operators.safetensors    Convolutions, pooling, upsampling and linear layers of odd sizes.
backbone_*.safetensors   Tiny whole networks with their weights and the outputs of every stage; "rounding" in the metadata is how far each
                         output is from the same network's in double precision.
"""

import argparse
import json
import math
import pathlib
import sys
from collections import OrderedDict

import torch
from safetensors.torch import save as serialize
from torch import nn
from torch.nn import functional as F
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads, paste_masks_in_image
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign, batched_nms, box_iou
from torchvision.ops import roi_align as torchvision_roi_align
from torchvision.ops.poolers import LevelMapper

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent), str(HERE.parent / "Parity")]
from random_weights import randomize  # noqa: E402
from scaled_mask_rcnn import build, make_body, read_configuration  # noqa: E402

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def save(name, tensors, **metadata):
    tensors = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    path = HERE / "parity" / f"{name}.safetensors"
    content = serialize(tensors, metadata=text)
    # The library writes metadata in another order every time.
    length = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:length])
    header["__metadata__"] = text
    written = json.dumps(header, separators=(",", ":")).encode()
    written += b" " * (-len(written) % 8)
    path.write_bytes(len(written).to_bytes(8, "little") + written + content[length:])
    print(f"{path.name:32} {path.stat().st_size:8}")


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def smooth(channels, height, width, generator, coarse=5):
    """[C, H, W] in 0...1, without sharp edges."""
    noise = torch.rand(1, channels, coarse, coarse, generator=generator)
    return F.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)[0]


def picture(height, width, generator):
    """uint8 [H, W, 3]: a smooth ground with some noise."""
    values = smooth(3, height, width, generator) * 0.8 + 0.2 * torch.rand(3, height, width, generator=generator)
    return (values * 255).round().to(torch.uint8).permute(1, 2, 0)


def as_input(pixels):
    """What torchvision's own to_tensor makes of a picture: float32 [3, H, W] in 0...1."""
    return pixels.permute(2, 0, 1).float() / 255


def clear_of(boxes, groups, threshold):
    """Whether no two boxes of one group overlap so near the threshold that rounding could decide."""
    near = (box_iou(boxes, boxes).double() - threshold).abs() < 2e-6
    return not (near & (groups[:, None] == groups[None])).any()


def first_seed(make, start):
    """The first seed from which `make` makes inputs that decide every comparison clearly."""
    for seed in range(start, start + 200):
        made = make(seeded(seed))
        if made is not None:
            return made
    raise SystemExit("no seed makes inputs without close comparisons")


def transform():
    generator = seeded(1)
    tensors, cases = {}, []
    # (height, width, min_size, max_size): up and down, each side the limiting one, and products that fall short of a whole number.
    for i, (height, width, low, high) in enumerate([
        (29, 43, 31, 64), (27, 70, 32, 50), (61, 30, 32, 48), (32, 32, 32, 64), (13, 11, 30, 60),
    ]):
        pixels = picture(height, width, generator)
        model = GeneralizedRCNNTransform(low, high, MEAN, STD).eval()
        images, _ = model([as_input(pixels)])
        tensors[f"{i}/image"] = pixels
        tensors[f"{i}/output"] = images.tensors
        tensors[f"{i}/size"] = torch.tensor(images.image_sizes[0])
        cases.append({"min_size": low, "max_size": high})
    # Tensors without contents: only their shapes pass through the transform.
    model = GeneralizedRCNNTransform(800, 1333, MEAN, STD).eval()
    sizes = [(161, 200), (200, 161), (720, 1280), (1280, 720), (480, 640), (640, 480), (1080, 1920), (2160, 3840), (1, 1), (5, 4000)]
    sizes += torch.randint(4, 2200, (190, 2), generator=generator).tolist()
    resized = [model.resize(torch.empty(3, *size, device="meta"))[0].shape[1:] for size in sizes]
    tensors["sizes/original"] = torch.tensor(sizes)
    tensors["sizes/resized"] = torch.tensor([list(size) for size in resized])
    save(
        "transform", tensors, cases=cases, mean=MEAN, std=STD, size_divisible=32,
        sizes={"min_size": 800, "max_size": 1333})


def grids(height, width):
    """The sizes of a pyramid's levels over a padded picture."""
    return [(math.ceil(height / s), math.ceil(width / s)) for s in (4, 8, 16, 32, 64)]


def anchors():
    ratios = [0.5, 1.0, 2.0]
    configurations = {"default": [32, 64, 128, 256, 512], "shapes": [20, 32, 52, 84, 128]}
    tensors = {}
    for name, sizes in configurations.items():
        maker = AnchorGenerator(tuple((size,) for size in sizes), (tuple(ratios),) * 5)
        tensors |= {f"cells/{name}/{i}": cells for i, cells in enumerate(maker.cell_anchors)}
        if name == "default":
            height, width = 64, 96
            features = [torch.zeros(1, 1, *grid) for grid in grids(height, width)]
            tensors["anchors"] = maker(ImageList(torch.zeros(1, 3, height, width), [(61, 90)]), features)[0]
    save("anchors", tensors, sizes=configurations, aspect_ratios=ratios, padded=[64, 96], grids=grids(64, 96))


class Given(nn.Module):
    """A head that answers with what it was given."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = answers

    def forward(self, features):
        return tuple(list(answer) for answer in self.answers)


def proposals():
    tensors, cases = {}, []
    settings = [
        {"padded": [32, 64], "size": [29, 61], "pre_nms_top_n": 100, "post_nms_top_n": 60, "nms_threshold": 0.7},
        {"padded": [64, 96], "size": [64, 67], "pre_nms_top_n": 1200, "post_nms_top_n": 1000, "nms_threshold": 0.7},
    ]
    for i, case in enumerate(settings):
        height, width = case["padded"]
        levels = grids(height, width)
        count = sum(h * w for h, w in levels) * 3
        maker = AnchorGenerator(tuple((size,) for size in (16, 32, 64, 128, 256)), ((0.5, 1.0, 2.0),) * 5)

        def make(generator):
            # Equally spaced logits: none are close.
            order = torch.randperm(count, generator=generator)
            flat = torch.linspace(-4, 4, count)[order]
            logits, deltas, start = [], [], 0
            for h, w in levels:
                logits.append(flat[start : start + 3 * h * w].reshape(1, 3, h, w))
                start += 3 * h * w
                values = 0.6 * torch.randn(1, 12, h, w, generator=generator)
                # Some go far outside the picture, some are too large for exp, some too small to be kept.
                some = torch.rand(values.shape, generator=generator)
                values[some < 0.02] *= 20
                deltas.append(values)
            network = RegionProposalNetwork(
                maker, Given(logits, deltas), 0.7, 0.3, 256, 0.5, {"testing": case["pre_nms_top_n"]},
                {"testing": case["post_nms_top_n"]}, case["nms_threshold"]).eval()
            features = OrderedDict((str(k), torch.zeros(1, 1, h, w)) for k, (h, w) in enumerate(levels))
            seen = []
            original = network.filter_proposals

            def filter_proposals(boxes, *rest):
                seen.append(boxes[0])
                return original(boxes, *rest)

            network.filter_proposals = filter_proposals
            boxes, _ = network(ImageList(torch.zeros(1, 3, height, width), [tuple(case["size"])]), features)
            # The scores are asked for apart, as the network returns boxes only.
            every = torch.cat([a.permute(0, 2, 3, 1).reshape(1, -1) for a in logits], 1)
            _, scores = original(seen[0][None], every, [tuple(case["size"])], [3 * h * w for h, w in levels])
            candidates = seen[0].clone()
            candidates[:, 0::2].clamp_(0, case["size"][1])
            candidates[:, 1::2].clamp_(0, case["size"][0])
            level = torch.cat([torch.full((3 * h * w,), k) for k, (h, w) in enumerate(levels)])
            sides = candidates[:, 2:] - candidates[:, :2]
            if not clear_of(candidates, level, case["nms_threshold"]) or ((sides - 1e-3).abs() < 1e-5).any():
                return None
            return logits, deltas, boxes[0], scores[0]

        logits, deltas, boxes, scores = first_seed(make, 10 * i)
        for k, (a, b) in enumerate(zip(logits, deltas)):
            tensors[f"{i}/logits/{k}"], tensors[f"{i}/deltas/{k}"] = a, b
        tensors[f"{i}/boxes"], tensors[f"{i}/scores"] = boxes, scores
        cases.append({**case, "anchor_sizes": [16, 32, 64, 128, 256], "aspect_ratios": [0.5, 1.0, 2.0], "min_side": 1e-3})
    save("proposals", tensors, cases=cases)


def random_boxes(count, height, width, generator, smallest=4.0, largest=40.0):
    centre = torch.rand(count, 2, generator=generator) * torch.tensor([width, height])
    half = (smallest + (largest - smallest) * torch.rand(count, 2, generator=generator)) / 2
    return torch.cat([centre - half, centre + half], 1)


def nms():
    tensors, cases = {}, {}
    for i, (name, count, extent) in enumerate([("trick", 280, 80.0), ("loop", 1080, 130.0)]):
        def make(generator):
            boxes = random_boxes(count, extent, extent, generator).clamp(0, extent)
            labels = torch.randint(0, 5, (count,), generator=generator)
            scores = torch.linspace(0.05, 0.95, count)[torch.randperm(count, generator=generator)]
            # Moved boxes are what the trick compares; both must be clear.
            moved = boxes + (labels * (boxes.max() + 1))[:, None]
            if not clear_of(boxes, labels, 0.5) or not clear_of(moved, labels, 0.5):
                return None
            return boxes, scores, labels

        boxes, scores, labels = first_seed(make, 100 * (i + 1))
        # The same boxes again: with the same score in the same class, with the same score in another, with another score.
        # The loop's last sort is not stable, so that there the order of equal scores in different classes means nothing.
        again = torch.arange(0, 60, 3)
        number = torch.arange(len(again))
        boxes = torch.cat([boxes, boxes[again]])
        labels = torch.cat([labels, (labels[again] + number % 2) % 5])
        lower = (number % 3 == 2) | ((number % 2 == 1) & (name == "loop"))
        scores = torch.cat([scores, scores[again] - 0.0137 * lower])
        tensors |= {f"{name}/boxes": boxes, f"{name}/scores": scores, f"{name}/labels": labels}
        tensors[f"{name}/kept"] = batched_nms(boxes, scores, labels, 0.5)
        cases[name] = {"threshold": 0.5}
    # Pairs whose overlap is exactly 1/2, or the float next to the decimal fraction; whole coordinates, so nothing rounds.
    heights = torch.tensor([10.0, 5, 10, 6, 10, 4, 10, 3, 10, 7])
    top = torch.tensor([0.0, 0, 20, 20, 40, 40, 60, 60, 80, 80])
    boxes = torch.stack([torch.zeros(10), top, torch.full((10,), 10.0), top + heights], 1)
    scores = torch.linspace(0.9, 0.1, 10)
    tensors |= {"edge/boxes": boxes, "edge/scores": scores, "edge/labels": torch.zeros(10, dtype=torch.int64)}
    for tenths in (3, 4, 5, 6, 7):
        tensors[f"edge/kept/0.{tenths}"] = batched_nms(boxes, scores, torch.zeros(10, dtype=torch.int64), tenths / 10)
    cases["edge"] = {"thresholds": [0.3, 0.4, 0.5, 0.6, 0.7]}
    tensors |= {
        "empty/boxes": torch.zeros(0, 4), "empty/scores": torch.zeros(0), "empty/labels": torch.zeros(0, dtype=torch.int64),
        "empty/kept": batched_nms(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), 0.5),
    }
    cases["empty"] = {"threshold": 0.5}
    save("nms", tensors, cases=cases)


def roi_align():
    generator = seeded(1000)
    size, levels = (62, 90), grids(64, 96)[:4]
    features = OrderedDict((str(k), torch.randn(1, 6, h, w, generator=generator)) for k, (h, w) in enumerate(levels))
    boxes = torch.tensor([
        [3.3, 4.7, 40.2, 51.9], [0, 0, 90, 62], [10, 10, 10.5, 10.25], [20.1, 30.2, 20.1, 30.2], [-12.5, -7, 20, 15],
        [70, 50, 104, 80], [-40, -40, 72, 72], [0, 0, 111.9, 112], [-60, -100, 164, 124], [-200, -190, 248, 258],
        [85.5, 1, 90, 61.75], [0.25, 55.5, 90, 62],
    ])
    tensors = {f"features/{k}": value for k, value in features.items()}
    tensors["boxes"] = boxes
    for side in (7, 14):
        pool = MultiScaleRoIAlign(["0", "1", "2", "3"], side, 2)
        tensors[f"pooled/{side}"] = pool(features, [boxes], [size])
        # With as many samples as it takes, and coordinates of pixels' centres.
        tensors[f"aligned/{side}"] = torchvision_roi_align(features["0"], [boxes], side, 0.25, 0, True)
    tensors["levels"] = pool.map_levels([boxes])
    scales = pool.scales
    # Sides at the levels' borders and near them, but further than a rounding of the logarithm.
    sides = torch.tensor([1e-3, 1, 55.9, 56, 111.99, 112, 112.01, 223.99, 224, 224.01, 447.99, 448, 448.1, 896, 1333, 4000])
    wide = torch.stack([torch.zeros(16), torch.zeros(16), sides * 2, sides / 2], 1)
    square = torch.stack([torch.full((16,), 8.0)] * 2 + [sides + 8.0] * 2, 1)[[1, 2, 3, 5, 8, 11, 13, 14]]
    table = torch.cat([wide, square, random_boxes(72, 800, 1066, generator, 2.0, 700.0)])
    tensors["mapper/boxes"], tensors["mapper/levels"] = table, LevelMapper(2, 5)([table])
    save(
        "roi_align", tensors, size=list(size), padded=[64, 96], scales=scales, sampling_ratio=2, canonical_scale=224,
        canonical_level=4)


def detections():
    tensors, cases = {}, {}
    classes, size = 6, (90, 120)
    settings = {
        "many": dict(count=290, spread=0.8, background=0.0, score_threshold=0.05, detections_per_image=100),
        "few": dict(count=60, spread=2.0, background=2.0, score_threshold=0.1, detections_per_image=100),
        "none": dict(count=12, spread=0.5, background=12.0, score_threshold=0.05, detections_per_image=100),
        "no_proposals": dict(count=0, spread=1.0, background=0.0, score_threshold=0.05, detections_per_image=100),
    }
    for i, (name, case) in enumerate(settings.items()):
        heads = RoIHeads(
            None, None, None, 0.5, 0.5, 512, 0.25, None, case["score_threshold"], 0.5, case["detections_per_image"]).eval()

        def make(generator):
            count = case["count"]
            logits = case["spread"] * torch.randn(count, classes, generator=generator)
            logits[:, 0] += case["background"]
            deltas = torch.randn(count, classes * 4, generator=generator)
            # Some shrink to nothing, some are too large for exp, some leave the picture.
            some = torch.rand(deltas.shape, generator=generator)
            deltas[some < 0.02] *= 40
            boxes = random_boxes(count, *size, generator)
            boxes[:, 0::2].clamp_(0, size[1])
            boxes[:, 1::2].clamp_(0, size[0])
            inputs = (logits, deltas, [boxes], [size])
            found = [one[0] for one in heads.postprocess_detections(*inputs)]
            precise = [one[0] for one in heads.postprocess_detections(
                logits.double(), deltas.double(), [boxes.double()], [size])]
            # One more than are kept: the last must not be close to the first that is not.
            heads.detections_per_img += 1
            scores = heads.postprocess_detections(*inputs)[1][0]
            heads.detections_per_img -= 1
            gaps = scores[:-1] - scores[1:]
            decoded = heads.box_coder.decode(deltas, [boxes])[:, 1:]
            decoded[..., 0::2].clamp_(0, size[1])
            decoded[..., 1::2].clamp_(0, size[0])
            label = torch.arange(1, classes).expand(count, classes - 1).reshape(-1)
            every = logits.softmax(1)[:, 1:]
            if (
                (gaps < 2e-6).any() or not torch.equal(found[2], precise[2])
                or ((every - case["score_threshold"]).abs() < 1e-5).any()
                or not clear_of(decoded.reshape(-1, 4), label, 0.5)
            ):
                return None
            candidates = int((every > case["score_threshold"]).sum())
            return (*inputs[:2], boxes, *found, candidates)

        logits, deltas, boxes, out, scores, labels, candidates = first_seed(make, 2000 + 100 * i)
        tensors |= {
            f"{name}/logits": logits, f"{name}/deltas": deltas, f"{name}/proposals": boxes,
            f"{name}/boxes": out, f"{name}/scores": scores, f"{name}/labels": labels,
        }
        cases[name] = {
            "size": list(size), "score_threshold": case["score_threshold"], "nms_threshold": 0.5,
            "detections_per_image": case["detections_per_image"], "candidates": candidates, "min_side": 1e-2,
        }
    save("detections", tensors, cases=cases, classes=classes)


def paste():
    generator = seeded(3000)
    size = (53, 71)
    boxes = torch.tensor([
        [11.3, 8.7, 48.9, 39.2], [-15.5, -9.25, 20, 31.5], [52.4, 30.6, 100, 80], [32.2, 18.1, 32.7, 18.4],
        [-150, -200, 300, 280], [0, 0, 71, 53], [65.5, -20, 80, 3.5], [25.5, 3.5, 29.5, 51.25],
    ])
    # Smooth ones as a network's, and two of pure noise.
    coarse = torch.randn(len(boxes), 1, 6, 6, generator=generator) * 3
    masks = F.interpolate(coarse, size=(28, 28), mode="bilinear", align_corners=False).sigmoid()
    masks[[0, 4]] = torch.rand(2, 1, 28, 28, generator=generator)
    pasted = paste_masks_in_image(masks, boxes, size)
    save("paste", {
        "boxes": boxes, "masks": masks[:, 0], "pasted/1": pasted[1, 0], "binary": (pasted[:, 0] > 0.5).to(torch.uint8),
        "sums": pasted.double().sum((1, 2, 3)).float(),
    }, size=list(size), threshold=0.5)


def operators():
    generator = seeded(4000)
    tensors, cases = {}, {}

    def case(name, kind, shape, weight=None, bias=0, **settings):
        x = torch.randn(shape, generator=generator)
        tensors[f"{name}/input"] = x
        arguments = []
        if weight:
            fan = math.prod(weight[1:])
            tensors[f"{name}/weight"] = torch.randn(weight, generator=generator) / fan**0.5
            tensors[f"{name}/bias"] = torch.randn(bias, generator=generator)
            arguments = [tensors[f"{name}/weight"], tensors[f"{name}/bias"]]
        function = {
            "convolution": F.conv2d, "transposed": F.conv_transpose2d, "max_pool": F.max_pool2d,
            "nearest": F.interpolate, "linear": F.linear,
        }[kind]
        tensors[f"{name}/output"] = function(x, *arguments, **settings)
        cases[name] = {"kind": kind, **settings}

    def convolution(name, height, width, ins, outs, kernel, stride, padding, groups=1):
        case(
            name, "convolution", (1, ins, height, width), (outs, ins // groups, kernel, kernel), outs, stride=stride,
            padding=padding, groups=groups)

    convolution("conv3x3", 13, 17, 5, 7, 3, 1, 1)
    convolution("conv3x3_channels", 9, 7, 24, 24, 3, 1, 1)
    convolution("conv3x3_one_pixel", 1, 1, 3, 4, 3, 1, 1)
    convolution("conv3x3_small", 2, 3, 16, 16, 3, 1, 1)
    convolution("conv3x3_stride2", 13, 18, 7, 12, 3, 2, 1)
    convolution("conv1x1", 3, 5, 48, 96, 1, 1, 0)
    convolution("conv1x1_stride2", 9, 11, 20, 33, 1, 2, 0)
    convolution("conv7x7_stride2", 23, 31, 3, 10, 7, 2, 3)
    convolution("grouped", 7, 9, 24, 24, 3, 1, 1, 4)
    convolution("grouped_stride2", 9, 12, 16, 16, 3, 2, 1, 4)
    case("transposed2x2", "transposed", (1, 12, 5, 7), (12, 10, 2, 2), 10, stride=2)
    case("max_pool", "max_pool", (1, 5, 15, 20), kernel_size=3, stride=2, padding=1)
    case("max_pool_2x2", "max_pool", (1, 5, 15, 20), kernel_size=2, stride=2)
    for name, shape in (("group_norm", (1, 12, 9, 13)), ("group_norm_wide", (3, 64, 5, 7))):
        # Far from 0, where squares would leave nothing of the variance.
        x = torch.randn(shape, generator=generator) + 40 * torch.randn(1, shape[1], 1, 1, generator=generator).sign() + 3
        scale, shift = torch.randn(shape[1], generator=generator), torch.randn(shape[1], generator=generator)
        groups = 4 if shape[1] == 12 else 32
        tensors |= {f"{name}/input": x, f"{name}/weight": scale, f"{name}/bias": shift}
        tensors[f"{name}/output"] = F.group_norm(x.double(), groups, scale.double(), shift.double(), 1e-5).float()
        cases[name] = {"kind": "group_norm", "groups": groups}
    case("nearest_odd", "nearest", (1, 4, 5, 7), size=[9, 13], mode="nearest")
    case("nearest_even", "nearest", (1, 4, 4, 6), size=[8, 12], mode="nearest")
    case("nearest_uneven", "nearest", (1, 4, 4, 6), size=[9, 11], mode="nearest")
    case("linear", "linear", (5, 37), (21, 37), 21)
    save("operators", tensors, cases=cases)


TINY = {
    "basic_v1": {
        "transform": {"min_size": 47, "max_size": 64},
        "backbone": {"block": "basic", "layers": [1, 2, 1, 1], "stem_width": 8, "widths": [8, 10, 12, 14]},
    },
    "bottleneck_v1": {
        "transform": {"min_size": 32, "max_size": 96},
        "backbone": {"block": "bottleneck", "layers": [2, 1, 1, 1], "stem_width": 8, "widths": [4, 6, 8, 10],
                     "batch_norm_epsilon": 0.0},
    },
    "resnext_v1": {
        "transform": {"min_size": 31, "max_size": 64},
        "backbone": {"block": "bottleneck", "layers": [1, 2, 1, 1], "stem_width": 8, "widths": [4, 6, 8, 10],
                     "groups": 4, "width_per_group": 32},
    },
    "bottleneck_v2": {
        "transform": {"min_size": 32, "max_size": 64},
        "backbone": {"block": "bottleneck", "layers": [1, 1, 2, 1], "stem_width": 8, "widths": [4, 6, 8, 10]},
        "pyramid": {"normalization": "batch"},
        "proposals": {"convolutions": 2},
        "box_head": {"convolutions": [8, 6], "fully_connected": [16], "normalization": "batch"},
        "mask_head": {"normalization": "batch"},
    },
}
TINY |= {
    "vgg": {
        "transform": {"min_size": 40, "max_size": 64},
        "backbone": {"kind": "vgg", "normalization": "none", "layers": [1, 1, 2, 1, 2], "widths": [6, 8, 10, 12, 12]},
    },
    "vgg_bn": {
        "transform": {"min_size": 47, "max_size": 64},
        "backbone": {"kind": "vgg", "layers": [2, 1, 1, 2, 1], "widths": [6, 8, 10, 12, 12]},
    },
    "group": {
        "transform": {"min_size": 32, "max_size": 64},
        "backbone": {"block": "basic", "normalization": "group", "layers": [1, 1, 1, 1], "stem_width": 32, "widths": [32] * 4},
        "pyramid": {"channels": 32, "normalization": "group"},
        "box_head": {"convolutions": [32], "fully_connected": [8], "normalization": "group"},
        "mask_head": {"convolutions": [32], "normalization": "group"},
    },
    "c4": {
        "architecture": "c4",
        "transform": {"min_size": 64, "max_size": 96},
        "backbone": {"block": "bottleneck", "layers": [1, 1, 2, 2], "stem_width": 8, "widths": [4, 6, 8, 8]},
        "proposals": {"anchor_sizes": [8, 12, 16, 24, 32]},
        "box_head": {"fully_connected": []},
        "mask_head": {"convolutions": []},
    },
}
PICTURES = {"vgg": (49, 65), "vgg_bn": (68, 49), "group": (37, 61), "c4": (61, 79), "basic_v1": (49, 65), "bottleneck_v1": (68, 29), "resnext_v1": (45, 23), "bottleneck_v2": (37, 61)}
COMMON = {
    "pyramid": {"channels": 6},
    "proposals": {"anchor_sizes": [8, 16, 24, 40, 64], "pre_nms_top_n": 60, "post_nms_top_n": 40},
    "box_head": {"fully_connected": [16, 16], "score_threshold": 0.02, "detections_per_image": 5},
    "mask_head": {"convolutions": [8, 8], "hidden": 8},
    "classes": 5,
    "categories": [{"id": i, "name": f"category {i}"} for i in range(1, 5)],
}


def tiny_configuration(name):
    given = {**COMMON, **TINY[name]}
    for part in ("pyramid", "proposals", "box_head", "mask_head"):
        given[part] = {**COMMON[part], **TINY[name].get(part, {})}
    return given


class Body(nn.Module):
    """A ResNet's first three stages as a backbone of one level."""

    def __init__(self, body):
        super().__init__()
        self.body = IntermediateLayerGetter(body, {"layer3": "0"})
        self.out_channels = body.channels[2]

    def forward(self, images):
        return self.body(images)


def build_c4(c):
    """The single-level Mask R-CNN of the paper: the last stage is both heads' beginning (He et al. 2017, figure 4, left)."""
    body = make_body(c["backbone"])
    last, channels, mask = body.layer4, body.channels[3], c["mask_head"]
    sizes, ratios = tuple(c["proposals"]["anchor_sizes"]), tuple(c["proposals"]["aspect_ratios"])
    full = {**c, "architecture": "fpn", "box_head": {**c["box_head"], "fully_connected": [8, 8]}, "mask_head": {**mask, "convolutions": [8]}}
    head = nn.Sequential(last, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = build(
        full, rpn_anchor_generator=AnchorGenerator((sizes,), (ratios,)),
        rpn_head=RPNHead(body.channels[2], len(sizes) * len(ratios)), box_roi_pool=MultiScaleRoIAlign(["0"], 14, 2),
        box_head=head, box_predictor=FastRCNNPredictor(channels, c["classes"]),
        mask_roi_pool=MultiScaleRoIAlign(["0"], 14, 2), mask_head=last,
        mask_predictor=MaskRCNNPredictor(channels, mask["hidden"], c["classes"]))
    model.backbone = Body(body)
    return model


def our_names(weights):
    """Weights of `build_c4` under segmentd's names: the last stage once, as roi_heads.layer4."""
    named = {}
    for key, value in weights.items():
        if not key.startswith("roi_heads.box_head."):
            named[key.replace("roi_heads.mask_head.", "roi_heads.layer4.")] = value
    return named


@torch.no_grad()
def stages(model, image):
    """The outputs of every stage of a model on one picture."""
    found, handles = {}, []

    def keep(module, name):
        def hook(module, inputs, output):
            found[name] = output
        handles.append(module.register_forward_hook(hook))

    original = model.rpn.filter_proposals, model.roi_heads.postprocess_detections

    def filter_proposals(*inputs):
        boxes, scores = original[0](*inputs)
        found["proposal_scores"] = scores[0]
        return boxes, scores

    model.rpn.filter_proposals = filter_proposals
    for name, module in {
        "transform": model.transform, "pyramid": model.backbone, "rpn_head": model.rpn.head, "rpn": model.rpn,
        "box_features": model.roi_heads.box_roi_pool, "predictions": model.roi_heads.box_predictor,
        "body": model.backbone.body,
        **{f"layer{i}": module for i in range(1, 5) if (module := getattr(model.backbone.body, f"layer{i}", None)) is not None},
    }.items():
        keep(module, name)
    # The heads' answer is scaled to the picture in place, so it is copied first.
    handles.append(model.roi_heads.register_forward_hook(
        lambda module, inputs, output: found.update(detections={k: v.clone() for k, v in output[0][0].items()})))
    output = model([image])[0]
    for handle in handles:
        handle.remove()
    del model.rpn.filter_proposals
    tensors = {"transformed": found["transform"][0].tensors, "transformed_size": torch.tensor(found["transform"][0].image_sizes[0])}
    if "layer1" not in found:
        found |= {f"layer{i + 1}": found["body"][str(i)] for i in range(4)}
    tensors |= {key: found[key] for key in sorted(found) if key.startswith("layer")}
    tensors |= {f"pyramid/{key}": value for key, value in found["pyramid"].items()}
    for k, (logits, deltas) in enumerate(zip(*found["rpn_head"])):
        tensors[f"rpn/logits/{k}"], tensors[f"rpn/deltas/{k}"] = logits, deltas
    tensors["proposals"], tensors["proposal_scores"] = found["rpn"][0][0], found["proposal_scores"]
    tensors["box_features"] = found["box_features"][:4]
    tensors["class_logits"], tensors["box_deltas"] = found["predictions"]
    tensors |= {f"detections/{key}": value for key, value in found["detections"].items()}
    tensors["detections/masks"] = tensors["detections/masks"][:, 0]
    tensors |= {f"output/{key}": value for key, value in output.items()}
    # The first two are enough of whole pictures.
    tensors["output/masks"] = (output["masks"][:2, 0] > 0.5).to(torch.uint8)
    return tensors


def backbone(name):
    configuration = read_configuration(json.dumps(tiny_configuration(name)))
    for seed in range(5000, 5100):
        torch.manual_seed(seed)
        generator = seeded(seed)
        pixels = picture(*PICTURES[name], generator)
        is_c4 = configuration.get("architecture") == "c4"
        model = (build_c4 if is_c4 else build)(configuration)
        randomize(model, [as_input(picture(*PICTURES[name], generator)) for _ in range(8)], seed)
        tensors = stages(model, as_input(pixels))
        # In double precision the same boxes must be chosen, in the same order.
        precise = stages(model.double(), as_input(pixels).double())
        if all(tensors[key].shape == precise[key].shape for key in tensors):
            rounding = {key: (tensors[key] - precise[key]).abs().max().item() for key in tensors}
            chosen = [rounding[key] for key in ("proposals", "detections/boxes", "detections/labels", "output/masks")]
            labels = tensors["detections/labels"].unique()
            full = len(tensors["detections/labels"]) == configuration["box_head"]["detections_per_image"]
            if full and len(labels) > 2 and max(chosen) < 2e-3:
                break
    else:
        raise SystemExit(f"{name}: no seed gives the same boxes in double precision")
    model.float()
    state = our_names(model.state_dict()) if is_c4 else model.state_dict()
    weights = {f"weights/{key}": value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    print(f"{name}: seed {seed}, {len(tensors['proposals'])} proposals, labels {tensors['output/labels'].tolist()}, scores "
          f"{[round(score, 3) for score in tensors['output/scores'].tolist()]}")
    rounding = {key: float(f"{value:.1e}") for key, value in rounding.items() if value}
    save(f"backbone_{name}", {"image": pixels, **tensors, **weights}, configuration=tiny_configuration(name), rounding=rounding)


def main():
    torch.set_num_threads(1)
    (HERE / "parity").mkdir(exist_ok=True)
    parser = argparse.ArgumentParser(description="Writes the fixtures.")
    parser.add_argument("--only", nargs="+", choices=TINY, help="these networks; all, and everything else, if not given")
    options = parser.parse_args()
    for make in () if options.only else (transform, anchors, proposals, nms, roi_align, detections, paste, operators):
        make()
    for name in TINY:
        if not options.only or name in options.only:
            backbone(name)


if __name__ == "__main__":
    main()
