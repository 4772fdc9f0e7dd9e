"""Compares what `segmentd detect` finds with a Detectron2 checkpoint with what Detectron2's rules find, for whole models with random weights.

Detectron2 itself is no package that can be installed: Tests/Fixtures/make_detectron2.py states its rules a second time. The limits are
those of compare.py. Without --segmentd the rules in double precision take its place, which shows what rounding alone does.
"""

import argparse
import copy
import json
import pathlib
import pickle
import sys
import tempfile

import numpy as np
import torch
from PIL import Image

import compare
import pictures
from random_weights import randomize

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "Fixtures"))
from make_detectron2 import Model  # noqa: E402

WHOLE = dict(
    widths=[64, 128, 256, 512], groups=1, classes=80, sizes=(800, 1333), c4=False, std=[1.0, 1.0, 1.0], agnostic=False,
    anchors=[32, 64, 128, 256, 512], pre_nms=1000, post_nms=1000, score=0.0, detections=100, stem=64, levels=256, hidden=256, features=1024,
    masks=4)
MODELS = {
    "r50_fpn": {**WHOLE, "layers": [3, 4, 6, 3]},
    "x101_fpn": {**WHOLE, "layers": [3, 4, 23, 3], "groups": 32, "group_width": 8, "std": [57.375, 57.12, 58.395]},
    "gn_fpn": {**WHOLE, "layers": [3, 4, 6, 3], "group": True},
    # With a tenth of the regions, on each of which a whole stage runs.
    "r50_c4": {**WHOLE, "layers": [3, 4, 6, 3], "c4": True, "post_nms": 100},
}


# Group normalisation makes the noise of nearly even maps large: single and double precision of the rules differ by 7e-5 in a score.
SCORES = {"gn_fpn": 2e-4}


def ids():
    """COCO's category ids of Detectron2's 80 classes: all up to 90 but ten."""
    return torch.tensor([i for i in range(1, 91) if i not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}])


def of_rules(model, image, dtype=torch.float32):
    found = model.run(torch.from_numpy(np.array(image)), dtype)
    masks = [compare.encode(mask.numpy()) for mask in found["output/masks"]]
    return compare.Found(
        found["output/boxes"].double(), found["output/scores"].double(), ids()[found["output/labels"]], masks)


def import_model(segmentd, model, case, folder):
    checkpoint, imported, configuration = folder / "model.pkl", folder / "model.safetensors", folder / "configuration.json"
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    checkpoint.write_bytes(pickle.dumps({"model": weights, "__author__": "detectron2.py"}, protocol=4))
    configuration.write_text(json.dumps({
        "box_head": {"score_threshold": 0},
        "proposals": {"pre_nms_top_n": case["pre_nms"], "post_nms_top_n": case["post_nms"]}}))
    compare.run(segmentd, "model", "import", checkpoint, "--output", imported, "--configuration", configuration)
    return imported


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", type=pathlib.Path, help="the program to compare")
    parser.add_argument("--seed", type=int, default=1, help="of weights and pictures")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--pictures", nargs="+", choices=pictures.SIZES, default=["landscape", "truncating", "odd"])
    options = parser.parse_args()
    good = True
    torch.set_num_threads(2)
    print(f"seed {options.seed}")
    print(f"{'model':12} {'picture':11} {'matched':>11} {'box px':>9} {'score':>10} {'mask IoU':>8}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        every = pictures.write(folder, options.seed)
        paths = {name: every[name] for name in options.pictures}
        calibration = torch.from_numpy(np.array(pictures.draw("landscape", options.seed + 1000)))
        for name in options.models:
            compare.SCORE = SCORES.get(name, 1e-4)
            torch.manual_seed(options.seed)
            model = Model(MODELS[name]).eval()
            randomize(model, [calibration], options.seed)
            images = [Image.open(path).convert("RGB") for path in paths.values()]
            if options.segmentd:
                segmentd = options.segmentd.resolve()
                imported = import_model(segmentd, model, MODELS[name], folder)
                found = compare.detect(segmentd, None, imported, paths.values(), folder)
            else:
                precise = copy.deepcopy(model).double()
                found = [of_rules(precise, image, torch.float64) for image in images]
                del precise
            for kind, image, one in zip(paths, images, found):
                row, fine, lines = compare.compare(of_rules(model, image), one)
                good &= fine
                print(f"{name:12} {kind:11} {row}{'' if fine else '  DIFFERENT'}", *lines, sep="\n", flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
