"""Compares what `segmentd detect` finds with what torchvision finds, detection by detection, for whole models with random weights.

The weights are such that a hundred detections differ from one another (see random_weights.py), and the score threshold is 0. segmentd runs
on each instruction set that the processor has, and all are held to the same limits. Without --segmentd, torchvision in double precision
takes segmentd's place, which shows how far apart rounding alone brings two right answers.
"""

import argparse
import copy
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import numpy as np
import torch
import torchvision
from PIL import Image
from pycocotools import mask as coco_mask
from torch import nn
from torchvision.models import detection
from torchvision.models.detection.backbone_utils import BackboneWithFPN, resnet_fpn_backbone
from torchvision.models.detection.roi_heads import expand_boxes
from torchvision.ops import box_iou

import pictures
from random_weights import randomize

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from option_types import positive  # noqa: E402


def on_backbone(name):
    return lambda **options: detection.MaskRCNN(resnet_fpn_backbone(backbone_name=name, weights=None), 91, **options)


def from_scratch(make):
    return lambda **options: make(weights=None, weights_backbone=None, **options)


def on_vgg(make):
    """What goes into the third, fourth and fifth pool, and what comes out of the fifth, as the pyramid's inputs."""

    def built(**options):
        features = make(weights=None).features
        pools = [place for place, module in enumerate(features) if isinstance(module, nn.MaxPool2d)]
        outputs = {str(place): str(i) for i, place in enumerate([*(pool - 1 for pool in pools[2:]), pools[4]])}
        return detection.MaskRCNN(BackboneWithFPN(features, outputs, [256, 512, 512, 512], 256), 91, **options)

    return built


def with_group_norm(**options):
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=lambda channels: nn.GroupNorm(32, channels))
    return detection.MaskRCNN(backbone, 91, **options)


MODELS = {
    "resnet50_v1": from_scratch(detection.maskrcnn_resnet50_fpn),
    "resnet50_v2": from_scratch(detection.maskrcnn_resnet50_fpn_v2),
    "resnet18": on_backbone("resnet18"),
    "resnext50": on_backbone("resnext50_32x4d"),
    "vgg16": on_vgg(torchvision.models.vgg16),
    "vgg19_bn": on_vgg(torchvision.models.vgg19_bn),
    "resnet50_gn": with_group_norm,
}
# Of weights and pictures. With others rounding decides a suppression here and there, in torchvision, too: without --segmentd the same
# pictures then differ.
SEED, SEEDS = 1, {"resnet50_gn": 3}
# The values of SEGMENTD_SIMD, the best first.
SIMD = ("avx512bf16", "avx512vnni", "avx512", "avxvnni", "avx2", "portable", "openblas")
# What the file of weights does not say.
CONFIGURATION = {"backbone": {"batch_norm_epsilon": 1e-5}, "box_head": {"score_threshold": 0}}

# Of a picture's detections, so many may have no counterpart: where two scores or overlaps are equal but for rounding, either may win.
MISSES = 0.01
BOX = 0.05  # pixels
SCORE = 1e-4
MASK = 0.995  # intersection over union ...
PIXELS = 1  # ... unless no more than this many pixels differ, as in masks of a few pixels one is more than that.
DECIMALS = 1e-3  # pixels, of a box in the results


@dataclass
class Found:
    """The detections of one picture, best first."""

    boxes: torch.Tensor  # [N, 4], float64, x0 y0 x1 y1 in pixels
    scores: torch.Tensor  # [N], float64
    labels: torch.Tensor  # [N]
    masks: list  # of N masks in COCO's run-length encoding


def encode(mask):
    return coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))


def of_torchvision(model, picture, double=False):
    image = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
    with torch.inference_mode():
        output = model([image.double() if double else image])[0]
    masks = [encode((mask[0] > 0.5).numpy()) for mask in output["masks"]]
    return Found(output["boxes"].double(), output["scores"].double(), output["labels"], masks)


def of_results(results, image_id):
    """One picture's part of an array of COCO results."""
    chosen = sorted((one for one in results if one["image_id"] == image_id), key=lambda one: -one["score"])
    boxes = torch.tensor([one["bbox"] for one in chosen], dtype=torch.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return Found(
        boxes, torch.tensor([one["score"] for one in chosen], dtype=torch.float64),
        torch.tensor([one["category_id"] for one in chosen], dtype=torch.int64), [one["segmentation"] for one in chosen])


def overlaps(a, b):
    """[N, M] intersections over unions, 0 between different labels."""
    return box_iou(a.boxes, b.boxes) * (a.labels[:, None] == b.labels[None])


def match(expected, found):
    """Pairs of indices, one to one, best overlap first; none below a half, as that is what non-maximum suppression leaves."""
    shared = overlaps(expected, found)
    pairs = []
    while shared.numel() and shared.max() > 0.5:
        i, j = divmod(int(shared.argmax()), shared.shape[1])
        pairs.append((i, j))
        shared[i], shared[:, j] = 0, 0
    return pairs


def pixels_differing(a, b):
    """The intersection over union of two masks, and how many pixels are in one of them only."""
    both = coco_mask.area(coco_mask.merge([a, b], intersect=True))
    either = coco_mask.area(coco_mask.merge([a, b]))
    return (float(both) / float(either) if either else 1.0), int(either) - int(both)


def edge_margin(box):
    """How far a mask's edges are from a whole number of pixels; there they jump, since torchvision drops the fraction."""
    edges = expand_boxes(box[None].float(), 30 / 28)[0].double()
    return float((edges - edges.round()).abs().min())


def explain(what, one, i, other, last):
    """Why a detection has no counterpart: how near it is to the last score kept, and what of the other side overlaps it."""
    nearest = float(overlaps(one, other)[i].max()) if len(other.scores) else 0.0
    score = float(one.scores[i])
    return (
        f"    {what}: label {int(one.labels[i])}, score {score:.6f}, {score - last:.6f} above the last one kept; "
        f"overlaps the other side's by {nearest:.4f}")


def compare(expected, found):
    """A row of figures, whether they are good, and lines about what has no counterpart."""
    pairs = match(expected, found)
    rows, columns = [i for i, _ in pairs], [j for _, j in pairs]
    box = float((expected.boxes[rows] - found.boxes[columns]).abs().max()) if pairs else 0.0
    score = float((expected.scores[rows] - found.scores[columns]).abs().max()) if pairs else 0.0
    worst, lines = 1.0, []
    for i, j in pairs:
        overlap, pixels = pixels_differing(expected.masks[i], found.masks[j])
        margin = edge_margin(expected.boxes[i])
        if overlap >= MASK or pixels <= PIXELS:
            continue
        if margin <= float((expected.boxes[i] - found.boxes[j]).abs().max()) + DECIMALS:
            lines.append(f"    mask at another pixel: {margin:.5f} from one, IoU {overlap:.4f}")
        else:
            worst = min(worst, overlap)
            lines.append(f"    mask: {pixels} pixels of {int(coco_mask.area(expected.masks[i]))} differ, IoU {overlap:.4f}")
    count = len(expected.scores)
    good = (
        len(found.scores) == count and count - len(pairs) <= MISSES * count and box <= BOX and score <= SCORE and worst >= MASK)
    last = float(min([*expected.scores[-1:], *found.scores[-1:]], default=0.0))
    lines += [explain("not found", expected, i, found, last) for i in range(count) if i not in rows]
    lines += [explain("not expected", found, j, expected, last) for j in range(len(found.scores)) if j not in columns]
    return f"{len(pairs):4} of {count:3} {box:9.5f} {score:10.7f} {worst:8.5f}", good, lines


def compare_blank(expected, found):
    """Likewise for a picture that is the same everywhere.

    Scores are equal in many places, and which of those are kept is left to rounding, among the region proposals too; so only the number
    of detections is checked. The best score's difference is shown.
    """
    best = float((expected.scores[:1] - found.scores[:1]).abs().sum())
    good = len(expected.scores) == len(found.scores) and bool(found.boxes.isfinite().all() and found.scores.isfinite().all())
    return f"{len(found.scores):4} of {len(expected.scores):3} {'':9} {best:10.7f} {'':8}", good, []


def run(*words, simd=None):
    """What a command prints; segmentd with this instruction set, or with the best one."""
    environment = {name: value for name, value in os.environ.items() if name != "SEGMENTD_SIMD"}
    if simd:
        environment["SEGMENTD_SIMD"] = simd
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


def available(segmentd, simd):
    """Whether segmentd runs on an instruction set here: it takes the best one where the processor does not have what is asked for."""
    return json.loads(run(segmentd, "bench", "--size", "32x32", "--repeat", 1, "--json", simd=simd))["simd"] == simd


def import_model(segmentd, model, folder):
    """The path of a model's weights as segmentd reads them."""
    checkpoint, imported = folder / "model.pth", folder / "model.safetensors"
    configuration = folder / "configuration.json"
    torch.save(model.state_dict(), checkpoint)
    configuration.write_text(json.dumps(CONFIGURATION))
    run(segmentd, "model", "import", checkpoint, "--output", imported, "--configuration", configuration)
    return imported


def detect(segmentd, simd, model, paths, folder):
    """What segmentd finds on an instruction set: its detections in each picture."""
    results = folder / "results.json"
    run(segmentd, "detect", *paths, "--model", model, "--threshold", 0, "--output", results, simd=simd)
    found = json.loads(results.read_text())
    return [of_results(found, i + 1) for i in range(len(paths))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", type=pathlib.Path, help="the program to compare")
    parser.add_argument("--seed", type=int, help="of weights and pictures; each model's own if not given")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument(
        "--simd", nargs="+", choices=SIMD, help="instruction sets of segmentd (SEGMENTD_SIMD); all that the processor has if not given")
    parser.add_argument("--threads", type=positive, default=2, help="of torchvision")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    simds = ["double"]
    if options.segmentd:
        segmentd = options.segmentd.resolve()
        wanted = options.simd or SIMD
        simds = [simd for simd in wanted if available(segmentd, simd)]
        if missing := [simd for simd in wanted if simd not in simds]:
            print(f"not on this processor: {', '.join(missing)}")
            if options.simd:
                sys.exit("--simd asks for these")
    elif options.simd:
        sys.exit("--simd is of segmentd; give --segmentd, too")
    print(f"{'model':12} {'ran in':11} {'picture':11} {'matched':>11} {'box px':>9} {'score':>10} {'mask IoU':>8}")

    good = True
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in options.models:
            seed = SEEDS.get(name, SEED) if options.seed is None else options.seed
            paths = pictures.write(folder, seed)
            images = {kind: Image.open(path).convert("RGB") for kind, path in paths.items()}
            calibration = torch.from_numpy(np.array(pictures.draw("landscape", seed + 1000))).permute(2, 0, 1).float() / 255
            torch.manual_seed(seed)
            model = MODELS[name](box_score_thresh=0)
            randomize(model, [calibration], seed)
            expected = {kind: of_torchvision(model, image) for kind, image in images.items()}
            if options.segmentd:
                imported = import_model(segmentd, model, folder)
                found = {simd: detect(segmentd, simd, imported, paths.values(), folder) for simd in simds}
            else:
                precise = copy.deepcopy(model).double()
                found = {"double": [of_torchvision(precise, image, double=True) for image in images.values()]}
                del precise
            for simd in simds:
                for kind, one in zip(images, found[simd]):
                    row, fine, lines = (compare_blank if kind == "blank" else compare)(expected[kind], one)
                    good &= fine
                    print(f"{name:12} {simd:11} {kind:11} {row}{'' if fine else '  DIFFERENT'}", *lines, sep="\n", flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
