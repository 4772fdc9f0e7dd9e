#!/usr/bin/env python3
"""Trains a small Mask R-CNN from scratch with segmentd and with torchvision, and fails where segmentd's finds less.

For each seed both begin with the same random weights (torchvision's own initialisation), see the same pictures in the same order, and move
the weights by the same rule and schedule. What differs is which anchors and regions each chooses at random, and rounding. Each network is
then looked through by its own program on pictures that neither has seen, and measured by pycocotools.
"""

import argparse
import contextlib
import json
import math
import pathlib
import statistics
import sys
import time

import torch
from pycocotools.coco import COCO
from safetensors.torch import save_file

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(TESTS), str(TESTS / "Accuracy")]
from average_precision import average_precision  # noqa: E402
from coco_pictures import learnable, picture  # noqa: E402
from evaluate import of_torchvision  # noqa: E402
from option_types import positive  # noqa: E402
from program import call, output_folder  # noqa: E402
from scaled_mask_rcnn import build, read_configuration  # noqa: E402

BATCH, MOMENTUM, DECAY, CLIP, WARM_FACTOR = 4, 0.9, 1e-4, 5.0, 0.001
SAMPLING = {
    "rpn_batch_size_per_image": 256, "box_batch_size_per_image": 128, "rpn_pre_nms_top_n_train": 500,
    "rpn_post_nms_top_n_train": 250}
MASK = (1 << 64) - 1


class RandomSource:
    """SplitMix64, as the trainer has it: a second writing of the order in which it takes pictures."""

    def __init__(self, seed, *parts):
        self.state = seed
        for part in parts:
            self.state = RandomSource(self.state).next() ^ part

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, bound):
        """Evenly distributed, by Lemire's method (arXiv 1805.10941)."""
        product = self.next() * bound
        if product & MASK < bound:
            while product & MASK < (1 << 64) % bound:
                product = self.next() * bound
        return product >> 64

    def shuffled(self, count):
        order = list(range(count))
        for place in range(count - 1):
            other = place + self.below(count - place)
            order[place], order[other] = order[other], order[place]
        return order


def row(count, seed, length):
    """Which of the pictures come, one after the other."""
    places = []
    while len(places) < length:
        places += RandomSource(seed, 0, len(places) // count).shuffled(count)
    return places[:length]


def rate(options, iteration):
    """A linear warm-up, then half a cosine."""
    if iteration < options.warmup:
        return options.rate * (WARM_FACTOR + (1 - WARM_FACTOR) * iteration / options.warmup)
    return options.rate * (1 + math.cos(math.pi * (iteration - options.warmup) / (options.iterations - options.warmup))) / 2


def train_torchvision(options, model, coco, seed):
    images = learnable(coco)
    # What is chosen at random has nothing to do with what the weights were.
    torch.manual_seed(1000 + seed)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0, momentum=MOMENTUM, weight_decay=DECAY)
    places = row(len(images), seed, BATCH * options.iterations)
    start = time.monotonic()
    for iteration in range(options.iterations):
        for group in optimizer.param_groups:
            group["lr"] = rate(options, iteration)
        batch = [picture(coco, images[place], options.folder / "train" / "images") for place in places[BATCH * iteration:][:BATCH]]
        losses = model([pixels for pixels, _ in batch], [target for _, target in batch])
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        if (iteration + 1) % 100 == 0:
            print(f"  torchvision {iteration + 1}/{options.iterations}: loss {loss.item():.3f}, "
                  f"{time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def train_segmentd(options, weights, seed):
    """Returns where the trained model is."""
    folder = options.folder
    output = folder / f"segmentd-{seed}"
    path = folder / f"train-{seed}.yaml"
    path.write_text(f"""\
from: {weights}
train: {{annotations: {folder}/train/annotations.json, images: {folder}/train/images}}
output: {output}
iterations: {options.iterations}
batch: {BATCH}
learning_rate: {options.rate}
momentum: {MOMENTUM}
weight_decay: {DECAY}
clip: {CLIP}
schedule: {{kind: cosine, warmup: {options.warmup}, warmup_factor: {WARM_FACTOR}}}
freeze: {{stages: 0, batch_norm: false}}
sampling: {{anchors: 256, regions: 128, pre_nms: 500, post_nms: 250}}
augment: {{flip: 0}}
seed: {seed}
threads: {options.threads}
log_every: 100
checkpoint_every: 100000
keep: 1
""")
    call(options.segmentd, "train", "--config", path)
    return output / "model.safetensors"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segmentd", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--model", default=str(TESTS.parent / "Samples" / "train" / "shapes.json"), help="what is trained")
    parser.add_argument("--seeds", type=positive, default=3, help="how many runs of each; 3 if not given")
    parser.add_argument("--iterations", type=positive, default=800, help="of 4 pictures; 800 if not given")
    parser.add_argument("--warmup", type=positive, default=200, help="iterations; 200 if not given")
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--images", type=positive, default=2000, help="to learn from; 2000 if not given")
    parser.add_argument("--validation", type=positive, default=200, help="to be measured on; 200 if not given")
    parser.add_argument("--threads", type=positive, default=1, help="of each program; 1 if not given")
    parser.add_argument("--output", type=pathlib.Path, help="the folder to keep everything in; none if not given")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds: at least 2, which tell how far apart seeds are")
    if options.warmup >= options.iterations:
        parser.error("--warmup: to be less than --iterations")
    options.segmentd = options.segmentd.resolve()
    torch.set_num_threads(options.threads)

    with output_folder(options.output) as options.folder:
        for name, count, seed in (("train", options.images, 1), ("validation", options.validation, 900001)):
            call(options.segmentd, "synthesize", "--quiet", "--output", options.folder / name, "--images", count, "--seed", seed)
        with contextlib.redirect_stdout(sys.stderr):
            coco, truth = (COCO(options.folder / name / "annotations.json") for name in ("train", "validation"))
        figures = {"segmentd": [], "torchvision": []}
        for seed in range(1, options.seeds + 1):
            torch.manual_seed(seed)
            configuration = read_configuration(options.model)
            model = build(configuration, **SAMPLING)
            weights = options.folder / f"weights-{seed}.safetensors"
            save_file(
                {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")},
                weights, metadata={"configuration": json.dumps(configuration)})
            trained = train_segmentd(options, weights, seed)
            images = options.folder / "validation" / "images"
            results = options.folder / f"segmentd-{seed}.json"
            call(options.segmentd, "evaluate", "--annotations", images.parent / "annotations.json", "--images", images, "--model", trained,
                 "--output", results, "--quiet")
            figures["segmentd"].append(average_precision(truth, json.loads(results.read_text())))
            train_torchvision(options, model, coco, seed)
            model.eval()
            figures["torchvision"].append(average_precision(truth, [
                one for image in truth.loadImgs(sorted(truth.getImgIds()))
                for one in of_torchvision(model, images / image["file_name"], image["id"])]))
            print(f"seed {seed}: " + "; ".join(
                f"{name} box AP {rows[-1]['box']:.4f}, mask AP {rows[-1]['mask']:.4f}" for name, rows in figures.items()), flush=True)

    masks = {name: [one["mask"] for one in rows] for name, rows in figures.items()}
    means = {name: statistics.mean(values) for name, values in masks.items()}
    spread = max(masks["torchvision"]) - min(masks["torchvision"])
    print(f"mask AP, mean of {options.seeds}: segmentd {means['segmentd']:.4f}, torchvision {means['torchvision']:.4f}, "
          f"whose seeds are up to {spread:.4f} apart")
    if means["segmentd"] < means["torchvision"] - spread:
        sys.exit("FAILED: segmentd's training leads to less than torchvision's")


if __name__ == "__main__":
    main()
