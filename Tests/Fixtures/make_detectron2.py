#!/usr/bin/env python3
"""Writes tiny Detectron2 checkpoints and what Detectron2's rules make of them, into detectron2/ beside this script.

Needs what make_parity.py needs, and numpy and pillow. Detectron2 itself is no package that can be installed, so this file states its
rules a second time, after its documentation and sources (v0.6): ResizeShortestEdge, preprocess_image, ResNet and FPN,
DefaultAnchorGenerator, find_top_rpn_proposals, ROIPooler and assign_boxes_to_levels, fast_rcnn_inference, detector_postprocess and
paste_masks_in_image, under the names of its modules. RoIAlign and non-maximum suppression are torchvision's, as there.

NAME.pkl           the weights, as Detectron2's model zoo has them: {'model': {name: array}, '__author__': text}.
NAME.safetensors   a picture and the outputs of every stage; "configuration" in the metadata is what tensors do not tell.
"""

import json
import math
import pickle

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torchvision.ops import FrozenBatchNorm2d, batched_nms, roi_align

import make_parity
from make_parity import HERE, picture, seeded
from random_weights import randomize

CASES = {
    # Caffe's networks: stride on the first 1x1, unscaled pictures. Protocol 2 and NumPy's old module names.
    "r50_fpn": dict(
        layers=[2, 1, 1, 1], widths=[4, 6, 8, 10], groups=1, classes=3, picture=(68, 49), sizes=(64, 80), c4=False, protocol=2,
        std=[1.0, 1.0, 1.0], agnostic=False),
    # COCO's 80 classes, boxes that all classes share.
    "x101_fpn": dict(
        layers=[1, 2, 1, 1], widths=[4, 6, 8, 10], groups=4, classes=80, picture=(61, 95), sizes=(48, 64), c4=False, protocol=4,
        std=[57.375, 57.12, 58.395], agnostic=True),
    "gn_fpn": dict(
        layers=[1, 1, 1, 1], widths=[32, 32, 32, 32], groups=1, classes=3, picture=(45, 53), sizes=(40, 64), c4=False, protocol=4,
        std=[1.0, 1.0, 1.0], agnostic=False, group=True),
    "r50_c4": dict(
        layers=[1, 1, 2, 1], widths=[4, 6, 8, 8], groups=1, classes=3, picture=(61, 79), sizes=(70, 100), c4=True, protocol=5,
        std=[1.0, 1.0, 1.0], agnostic=False),
}
MEAN = [103.53, 116.28, 123.675]
RATIOS = [0.5, 1.0, 2.0]
# What all tiny models have in common; `stem` is the first convolution's channels, `levels` the pyramid's, `hidden` and `features` the heads'.
TINY = dict(
    anchors=[8, 16, 24, 40, 64], pre_nms=60, post_nms=40, score=0.01, detections=5, stem=8, levels=6, hidden=8, features=16, masks=2)
TINY_GROUP = {**TINY, "stem": 32, "levels": 32, "hidden": 32}
CLAMP = math.log(1000.0 / 16)


class Conv(nn.Conv2d):
    """A convolution with its normalisation and ReLU inside, as Detectron2's wrapper has them."""

    def __init__(self, ins, outs, kernel, stride=1, groups=1, norm=None, relu=False):
        super().__init__(ins, outs, kernel, stride, kernel // 2, groups=groups, bias=norm is None)
        if norm:
            self.norm = nn.GroupNorm(32, outs) if norm == "GN" else FrozenBatchNorm2d(outs)
        self.relu = relu

    def whole(self, x):
        x = self(x)
        x = self.norm(x) if hasattr(self, "norm") else x
        return F.relu(x) if self.relu else x


class Block(nn.Module):
    def __init__(self, ins, inner, outs, stride, groups, stride_in_1x1, norm):
        super().__init__()
        if ins != outs or stride != 1:
            self.shortcut = Conv(ins, outs, 1, stride, norm=norm)
        first, second = (stride, 1) if stride_in_1x1 else (1, stride)
        self.conv1 = Conv(ins, inner, 1, first, norm=norm, relu=True)
        self.conv2 = Conv(inner, inner, 3, second, groups, norm=norm, relu=True)
        self.conv3 = Conv(inner, outs, 1, norm=norm)
        self.conv3.norm.ends_branch = True

    def forward(self, x):
        short = self.shortcut.whole(x) if hasattr(self, "shortcut") else x
        return F.relu(self.conv3.whole(self.conv2.whole(self.conv1.whole(x))) + short)


class Stem(nn.Module):
    def __init__(self, outs, norm):
        super().__init__()
        self.conv1 = Conv(3, outs, 7, 2, norm=norm, relu=True)

    def forward(self, x):
        return F.max_pool2d(self.conv1.whole(x), 3, 2, 1)


class ResNet(nn.Module):
    def __init__(self, case):
        super().__init__()
        norm = "GN" if case.get("group") else "FrozenBN"
        ins = case["stem"]
        self.stem = Stem(ins, norm)
        self.stages = []
        for i, (count, width) in enumerate(zip(case["layers"], case["widths"])):
            inner = width if case["groups"] == 1 else int(width * case.get("group_width", 32) / 64) * case["groups"]
            blocks = []
            for k in range(count):
                stride_in_1x1 = case["groups"] == 1 and not case.get("group")
                blocks.append(Block(ins, inner, width * 4, 2 if i and not k else 1, case["groups"], stride_in_1x1, norm))
                ins = width * 4
            self.stages.append(nn.Sequential(*blocks))
            if not (case["c4"] and i == 3):
                setattr(self, f"res{i + 2}", self.stages[-1])

    def forward(self, x):
        outputs = []
        x = self.stem(x)
        for name in ("res2", "res3", "res4", "res5"):
            if hasattr(self, name):
                x = getattr(self, name)(x)
                outputs.append(x)
        return outputs


class FPN(nn.Module):
    def __init__(self, bottom_up, ins, outs, norm):
        super().__init__()
        self.bottom_up = bottom_up
        for i, channels in enumerate(ins):
            setattr(self, f"fpn_lateral{i + 2}", Conv(channels, outs, 1, norm=norm))
            setattr(self, f"fpn_output{i + 2}", Conv(outs, outs, 3, norm=norm))

    def forward(self, image):
        stages = self.bottom_up(image)
        levels, above = [], None
        for i in (3, 2, 1, 0):
            inner = getattr(self, f"fpn_lateral{i + 2}").whole(stages[i])
            if above is not None:
                inner = inner + F.interpolate(above, scale_factor=2.0, mode="nearest")
            levels.insert(0, getattr(self, f"fpn_output{i + 2}").whole(inner))
            above = inner
        return [*levels, F.max_pool2d(levels[-1], 1, 2, 0)]


class RPNHead(nn.Module):
    def __init__(self, channels, anchors):
        super().__init__()
        self.conv = Conv(channels, channels, 3)
        self.objectness_logits = Conv(channels, anchors, 1)
        self.anchor_deltas = Conv(channels, 4 * anchors, 1)

    def forward(self, x):
        x = F.relu(self.conv(x))
        return self.objectness_logits(x), self.anchor_deltas(x)


class Holder(nn.Module):
    pass


class RoIHeads(nn.Module):
    def __init__(self, case, channels, res5):
        super().__init__()
        classes, norm = case["classes"], "GN" if case.get("group") else None
        self.box_head, self.box_predictor, self.mask_head = Holder(), Holder(), Holder()
        features = channels
        self.is_c4 = res5 is not None
        hidden = case["hidden"]
        self.convolutions = ["conv1", "conv2"] if norm else []
        if self.is_c4:
            self.res5 = res5
            features = case["widths"][3] * 4
        else:
            for name in self.convolutions:
                setattr(self.box_head, name, Conv(channels, hidden, 3, norm=norm, relu=True))
                channels = hidden
            self.box_head.fc1 = nn.Linear(channels * 49, case["features"])
            if not norm:
                self.box_head.fc2 = nn.Linear(case["features"], case["features"])
        inputs = features if self.is_c4 else case["features"]
        self.box_predictor.cls_score = nn.Linear(inputs, classes + 1)
        self.box_predictor.bbox_pred = nn.Linear(inputs, 4 if case["agnostic"] else 4 * classes)
        self.masks_count = 0 if self.is_c4 else case["masks"]
        if not self.is_c4:
            for i in range(1, self.masks_count + 1):
                setattr(self.mask_head, f"mask_fcn{i}", Conv(features if i == 1 else hidden, hidden, 3, norm=norm, relu=True))
            features = hidden
        self.mask_head.deconv = nn.ConvTranspose2d(features, hidden, 2, 2)
        self.mask_head.predictor = Conv(hidden, classes, 1)

    def boxes(self, x):
        if self.is_c4:
            x = self.res5(x).mean(dim=[2, 3])
        else:
            for name in self.convolutions:
                x = getattr(self.box_head, name).whole(x)
            x = F.relu(self.box_head.fc1(x.flatten(1)))
            if hasattr(self.box_head, "fc2"):
                x = F.relu(self.box_head.fc2(x))
        return self.box_predictor.cls_score(x), self.box_predictor.bbox_pred(x)

    def masks(self, x):
        if self.is_c4:
            x = self.res5(x)
        else:
            for i in range(1, self.masks_count + 1):
                x = getattr(self.mask_head, f"mask_fcn{i}").whole(x)
        return self.mask_head.predictor(F.relu(self.mask_head.deconv(x)))


def apply_deltas(deltas, boxes, weights):
    """[N, K * 4] differences of [N, 4] boxes: Box2BoxTransform."""
    deltas = deltas.reshape(len(boxes), -1, 4)
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    x, y = boxes[:, 0] + 0.5 * widths, boxes[:, 1] + 0.5 * heights
    dx, dy, dw, dh = (deltas[..., i] / weights[i] for i in range(4))
    dw, dh = dw.clamp(max=CLAMP), dh.clamp(max=CLAMP)
    cx, cy = dx * widths[:, None] + x[:, None], dy * heights[:, None] + y[:, None]
    w, h = torch.exp(dw) * widths[:, None], torch.exp(dh) * heights[:, None]
    return torch.stack([cx - 0.5 * w, cy - 0.5 * h, cx + 0.5 * w, cy + 0.5 * h], -1)


def clip(boxes, size):
    return torch.stack([
        boxes[..., 0].clamp(0, size[1]), boxes[..., 1].clamp(0, size[0]), boxes[..., 2].clamp(0, size[1]),
        boxes[..., 3].clamp(0, size[0])], -1)


def nonempty(boxes):
    return (boxes[..., 2] - boxes[..., 0] > 0) & (boxes[..., 3] - boxes[..., 1] > 0)


class Model(nn.Module):
    """GeneralizedRCNN in evaluation mode."""

    def __init__(self, case):
        super().__init__()
        self.case = case
        net = ResNet(case)
        channels = [width * 4 for width in case["widths"]]
        norm = "GN" if case.get("group") else None
        outs = case["levels"]
        self.backbone = net if case["c4"] else FPN(net, channels, outs, norm)
        self.strides = [16] if case["c4"] else [4, 8, 16, 32, 64]
        level_channels = channels[2] if case["c4"] else outs
        self.proposal_generator = Holder()
        self.proposal_generator.rpn_head = RPNHead(level_channels, len(RATIOS) * (len(case["anchors"]) if case["c4"] else 1))
        self.roi_heads = RoIHeads(case, level_channels, net.stages[3] if case["c4"] else None)

    def preprocess(self, pixels, dtype):
        """uint8 RGB [H, W, 3] to BGR [1, 3, H', W'], padded, and its size."""
        low, high = self.case["sizes"]
        h, w = pixels.shape[:2]
        scale = low * 1.0 / min(h, w)
        newh, neww = (low, scale * w) if h < w else (scale * h, low)
        if max(newh, neww) > high:
            scale = high * 1.0 / max(newh, neww)
            newh, neww = newh * scale, neww * scale
        newh, neww = int(newh + 0.5), int(neww + 0.5)
        resized = np.asarray(Image.fromarray(pixels.numpy()[:, :, ::-1].copy()).resize((neww, newh), Image.BILINEAR))
        image = torch.from_numpy(resized.astype("float32").transpose(2, 0, 1).copy()).to(dtype)
        mean, std = (torch.tensor(values, dtype=dtype)[:, None, None] for values in (MEAN, self.case["std"]))
        image = (image - mean) / std
        if not self.case["c4"]:
            image = F.pad(image, [0, -neww % 32, 0, -newh % 32])
        return image[None], (newh, neww)

    def cell_anchors(self, sizes):
        cells = []
        for size in sizes:
            for ratio in RATIOS:
                w = math.sqrt(size**2.0 / ratio)
                h = ratio * w
                cells.append([-w / 2.0, -h / 2.0, w / 2.0, h / 2.0])
        return torch.tensor(cells)

    def anchors(self, level, height, width, dtype):
        cells = self.cell_anchors(self.case["anchors"] if self.case["c4"] else [self.case["anchors"][level]]).to(dtype)
        stride = self.strides[level]
        y, x = torch.meshgrid(torch.arange(0, height * stride, stride), torch.arange(0, width * stride, stride), indexing="ij")
        shifts = torch.stack((x.reshape(-1), y.reshape(-1), x.reshape(-1), y.reshape(-1)), 1).to(dtype)
        return (shifts.view(-1, 1, 4) + cells.view(1, -1, 4)).reshape(-1, 4)

    def propose(self, heads, size):
        boxes, scores, levels = [], [], []
        for level, (logits, deltas) in enumerate(heads):
            _, count, h, w = logits.shape
            logits = logits.permute(0, 2, 3, 1).flatten()
            deltas = deltas.view(1, -1, 4, h, w).permute(0, 3, 4, 1, 2).reshape(-1, 4)
            every = apply_deltas(deltas, self.anchors(level, h, w, logits.dtype), (1, 1, 1, 1))[:, 0]
            best, places = logits.topk(min(self.case["pre_nms"], len(logits)))
            boxes.append(every[places])
            scores.append(best)
            levels.append(torch.full((len(best),), level))
        boxes, scores, levels = clip(torch.cat(boxes), size), torch.cat(scores), torch.cat(levels)
        keep = nonempty(boxes)
        boxes, scores, levels = boxes[keep], scores[keep], levels[keep]
        return boxes[batched_nms(boxes, scores, levels, 0.7)[:self.case["post_nms"]]]

    def pool(self, levels, boxes, side):
        if self.case["c4"]:
            return roi_align(levels[0], [boxes], side, 1 / 16, 0, True)
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        assigned = torch.floor(4 + torch.log2(torch.sqrt(area) / 224 + 1e-8)).clamp(2, 5).long() - 2
        out = torch.zeros(len(boxes), levels[0].shape[1], side, side, dtype=boxes.dtype)
        for level in range(4):
            chosen = (assigned == level).nonzero()[:, 0]
            out[chosen] = roi_align(levels[level], [boxes[chosen]], side, 1 / self.strides[level], 0, True)
        return out

    def detect(self, logits, deltas, proposals, size):
        boxes = clip(apply_deltas(deltas, proposals, (10, 10, 5, 5)), size)
        scores = F.softmax(logits, -1)[:, :-1]
        mask = scores > self.case["score"]
        places = mask.nonzero()
        boxes = boxes[places[:, 0], 0] if self.case["agnostic"] else boxes[mask]
        scores = scores[mask]
        keep = batched_nms(boxes, scores, places[:, 1], 0.5)[:self.case["detections"]]
        return boxes[keep], scores[keep], places[keep, 1]

    def paste(self, masks, boxes, height, width):
        x0, y0, x1, y1 = boxes.split(1, 1)
        y = (torch.arange(height, dtype=boxes.dtype) + 0.5 - y0) / (y1 - y0) * 2 - 1
        x = (torch.arange(width, dtype=boxes.dtype) + 0.5 - x0) / (x1 - x0) * 2 - 1
        grid = torch.stack([x[:, None].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], 3)
        return F.grid_sample(masks[:, None], grid, align_corners=False)[:, 0]

    @torch.no_grad()
    def run(self, pixels, dtype=torch.float32):
        found = {}
        image, size = self.preprocess(pixels, dtype)
        levels = self.backbone(image)
        if self.case["c4"]:
            levels = levels[-1:]
        # Our input is red, green, blue.
        found |= {"transformed": image.flip(1), "transformed_size": torch.tensor(size)}
        found |= {f"levels/{i}": level for i, level in enumerate(levels)}
        heads = [self.proposal_generator.rpn_head(level) for level in levels]
        proposals = self.propose(heads, size)
        side = 14 if self.case["c4"] else 7
        pooled = self.pool(levels, proposals, side)
        logits, deltas = self.roi_heads.boxes(pooled)
        boxes, scores, labels = self.detect(logits, deltas, proposals, size)
        masks = self.roi_heads.masks(self.pool(levels, boxes, 14))[torch.arange(len(labels)), labels].sigmoid()
        found |= {"proposals": proposals, "pooled": pooled[:4], "detections/boxes": boxes, "detections/masks": masks}
        h, w = pixels.shape[:2]
        scale = torch.tensor([w / size[1], h / size[0]] * 2, dtype=dtype)
        boxes = clip(boxes * scale, (h, w))
        keep = nonempty(boxes)
        boxes, scores, labels, masks = boxes[keep], scores[keep], labels[keep], masks[keep]
        found |= {
            "output/boxes": boxes, "output/scores": scores, "output/labels": labels,
            "output/masks": (self.paste(masks, boxes, h, w) >= 0.5).to(torch.uint8)}
        return found

    def forward(self, pictures):
        """What randomize asks for: all layers once, on pictures of uint8."""
        for pixels in pictures:
            self.run(pixels)


def configuration(case):
    low, high = case["sizes"]
    given = {
        "transform": {"min_size": low, "max_size": high},
        "proposals": {"pre_nms_top_n": case["pre_nms"], "post_nms_top_n": case["post_nms"]},
        "box_head": {"score_threshold": case["score"], "detections_per_image": case["detections"]},
    }
    if not case["c4"]:
        given["proposals"]["anchor_sizes"] = case["anchors"]
    return given


def write(name, case):
    for seed in range(7000, 7200):
        torch.manual_seed(seed)
        generator = seeded(seed)
        pixels = picture(*case["picture"], generator)
        model = Model(case).eval()
        randomize(model, [picture(*case["picture"], generator)], seed)
        found = model.run(pixels)
        precise = model.double().run(pixels, torch.float64)
        model.float()
        if any(found[key].shape != precise[key].shape for key in found) or len(found["output/labels"]) < case["detections"]:
            continue
        chosen = ("proposals", "detections/boxes", "output/labels", "output/boxes")
        differing = (found["output/masks"] != precise["output/masks"]).sum()
        if max((found[key] - precise[key]).abs().max().item() for key in chosen) < 2e-3 and differing == 0:
            break
    else:
        raise SystemExit(f"{name}: no seed gives the same boxes in double precision")
    weights = {key: value.numpy() for key, value in model.state_dict().items()}
    if case["c4"]:
        # Old checkpoints have these beside the weights.
        weights["proposal_generator.anchor_generator.cell_anchors.0"] = model.cell_anchors(case["anchors"]).numpy()
        weights["pixel_mean"] = np.array(MEAN, dtype=np.float32).reshape(3, 1, 1)
        weights["pixel_std"] = np.array(case["std"], dtype=np.float32).reshape(3, 1, 1)
    content = pickle.dumps({"model": weights, "__author__": "make_detectron2.py"}, protocol=case["protocol"])
    if case["protocol"] == 2:
        content = content.replace(b"numpy._core.", b"numpy.core.")
    folder = HERE / "detectron2"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.pkl").write_bytes(content)
    make_parity.save(f"../detectron2/{name}", {"image": pixels, **found}, configuration=configuration(case))
    print(f"{name}: seed {seed}, labels {found['output/labels'].tolist()}, scores {found['output/scores'].tolist()}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, case in CASES.items():
        write(name, {**(TINY_GROUP if case.get("group") else TINY), **case})
