"""Trains networks of every kind on eight pictures, and fails where one does not learn them by heart.

What is learned is measured by pycocotools, by masks. Two processors take hours for the published widths, so that channels are
those divided by --scale; the numbers of blocks, groups and convolutions are the published ones.

Pictures show ellipses and upright rectangles. Networks tell masks as grids of 28x28, C4's as 14x14: of crosses, stars and the like even
the known masks, brought to such a grid and back, have an AP of 0.92 and 0.85 only. Those of these shapes have 1.00 and 0.97.
"""

import argparse
import contextlib
import json
import os
import pathlib
import sys
import time

import numpy
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from average_precision import average_precision  # noqa: E402
from option_types import positive  # noqa: E402
from program import call, output_folder  # noqa: E402

PICTURES = 8
# Pixels of pictures and of the network's input. Masks are pasted to whole pixels, of which these objects have enough.
SIZE, SIDES = (512, 768), (256, 384)
# Cells of a picture, each with one object or none.
ROWS, COLUMNS = 2, 3
# The published widths.
RESNET, VGG = [64, 128, 256, 512], [64, 128, 256, 512, 512]
PYRAMID, HIDDEN = 256, 1024
ANCHORS = [32, 64, 96, 128, 192]


def resnet(block, layers, scale, groups=1, width_per_group=64):
    return {
        "block": block, "layers": layers, "stem_width": RESNET[0] // scale, "widths": [width // scale for width in RESNET],
        "groups": groups, "width_per_group": width_per_group,
    }


def vgg(layers, scale, normalization):
    return {"kind": "vgg", "layers": layers, "widths": [width // scale for width in VGG], "normalization": normalization}


# What each is, how many iterations it has and its learning rate.
NETWORKS = {
    "resnet18": (lambda scale: resnet("basic", [2, 2, 2, 2], scale), 400, 0.02),
    "resnet50": (lambda scale: resnet("bottleneck", [3, 4, 6, 3], scale), 400, 0.02),
    "resnext50_32x4d": (lambda scale: resnet("bottleneck", [3, 4, 6, 3], scale, 32, 4), 400, 0.02),
    "vgg16": (lambda scale: vgg([2, 2, 3, 3, 3], scale, "none"), 600, 0.01),
    "vgg16_bn": (lambda scale: vgg([2, 2, 3, 3, 3], scale, "batch"), 400, 0.02),
    "vgg19": (lambda scale: vgg([2, 2, 4, 4, 4], scale, "none"), 600, 0.01),
    "vgg19_bn": (lambda scale: vgg([2, 2, 4, 4, 4], scale, "batch"), 400, 0.02),
    "c4": (lambda scale: resnet("bottleneck", [3, 4, 6, 3], scale), 500, 0.02),
}


def model(name, scale):
    """The description of a network."""
    backbone, _, _ = NETWORKS[name]
    description = {
        "transform": {"min_size": SIDES[0], "max_size": SIDES[1]}, "backbone": backbone(scale),
        "proposals": {"anchor_sizes": ANCHORS, "pre_nms_top_n": 400, "post_nms_top_n": 200},
    }
    if name == "c4":
        return description | {"architecture": "c4", "box_head": {"fully_connected": []},
                              "mask_head": {"convolutions": [], "hidden": PYRAMID // scale}}
    return description | {
        "pyramid": {"channels": PYRAMID // scale}, "box_head": {"fully_connected": [HIDDEN // scale] * 2},
        "mask_head": {"convolutions": [PYRAMID // scale] * 4, "hidden": PYRAMID // scale},
    }


def configuration(name, options, folder):
    """Writes what one training is told; returns its path."""
    _, iterations, rate = NETWORKS[name]
    description = folder / f"{name}.json"
    description.write_text(json.dumps(model(name, options.scale)))
    path = folder / f"{name}.yaml"
    # What pictures look like is the same every time: they are to be known by heart.
    path.write_text(f"""\
model: {description}
train: {{annotations: {folder}/data/annotations.json, images: {folder}/data/images}}
output: {folder}/{name}
iterations: {options.iterations or iterations}
batch: 4
learning_rate: {rate}
schedule: cosine
clip: 5
sampling: {{anchors: 128, regions: 64, pre_nms: 400, post_nms: 200}}
augment: {{flip: 0}}
threads: {options.threads}
log_every: 50
checkpoint_every: 10000
keep: 1
""")
    return path


def draw(folder):
    """Makes the pictures and their annotations."""
    random = numpy.random.default_rng(1)
    (folder / "images").mkdir(parents=True)
    height, width = SIZE
    rows, columns = numpy.mgrid[:height, :width] + 0.5
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "ellipse"}, {"id": 2, "name": "rectangle"}]}
    for number in range(1, PICTURES + 1):
        name = f"{number}.ppm"
        content["images"].append({"id": number, "file_name": name, "height": height, "width": width})
        pixels = random.uniform(60, 150, 3) + random.normal(0, 12, (height, width, 3))
        for cell in random.choice(ROWS * COLUMNS, random.integers(2, 5), replace=False):
            # An object and its place in the cell, with room around.
            most = height / ROWS - 16, width / COLUMNS - 16
            size = [random.uniform(0.5, 1) * side for side in most]
            middle = [
                (place + 0.5) * (side + 16) + random.uniform(-0.5, 0.5) * (side - own)
                for place, side, own in zip(divmod(int(cell), COLUMNS), most, size)]
            y, x = ((axis - at) / own * 2 for axis, at, own in zip((rows, columns), middle, size))
            category = int(random.integers(1, 3))
            mask = numpy.hypot(y, x) < 1 if category == 1 else numpy.maximum(abs(y), abs(x)) < 1
            pixels[mask] = random.uniform(0, 255, 3) + random.normal(0, 6, (int(mask.sum()), 3))
            encoded = coco_mask.encode(numpy.asfortranarray(mask, dtype=numpy.uint8))
            content["annotations"].append({
                "id": len(content["annotations"]) + 1, "image_id": number, "category_id": category, "iscrowd": 0,
                "bbox": coco_mask.toBbox(encoded).tolist(), "area": int(mask.sum()),
                "segmentation": {"size": list(SIZE), "counts": encoded["counts"].decode()}})
        header = f"P6 {width} {height} 255\n".encode()
        (folder / "images" / name).write_bytes(header + pixels.clip(0, 255).astype(numpy.uint8).tobytes())
    (folder / "annotations.json").write_text(json.dumps(content))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="network", help=f"which; all if not given: {', '.join(NETWORKS)}")
    parser.add_argument("--segmentd", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--scale", type=positive, default=4, help="what published widths are divided by; 4 if not given")
    parser.add_argument("--iterations", type=positive, help="of each; as many as it needs if not given")
    parser.add_argument("--threads", type=positive, default=os.cpu_count(), help="of each training; all processors if not given")
    parser.add_argument("--precision", type=float, default=0.9, help="the least mask AP that will do")
    parser.add_argument("--output", type=pathlib.Path, help="the folder to keep everything in; none if not given")
    options = parser.parse_args()
    unknown = [name for name in options.networks if name not in NETWORKS]
    if unknown:
        parser.error(f"no network is called {unknown[0]}; there are {', '.join(NETWORKS)}")
    failures = 0
    with output_folder(options.output) as folder:
        data = folder / "data"
        draw(data)
        with contextlib.redirect_stdout(sys.stderr):
            truth = COCO(data / "annotations.json")
        for name in options.networks or NETWORKS:
            start = time.monotonic()
            call(options.segmentd, "train", "--config", configuration(name, options, folder))
            minutes = (time.monotonic() - start) / 60
            results = folder / f"{name}.results.json"
            call(options.segmentd, "evaluate", "--annotations", data / "annotations.json", "--images", data / "images", "--model",
                 folder / name / "model.safetensors", "--output", results, "--quiet")
            reached = average_precision(truth, json.loads(results.read_text()))["mask"]
            least = options.precision
            is_learned = reached >= least
            failures += not is_learned
            print(f"{name}: mask AP {reached:.3f} after {minutes:.1f} minutes"
                  f"{'' if is_learned else f', less than {least}'}", flush=True)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
