#!/usr/bin/env python3
"""Training steps of Mask R-CNN by segmentd and by torchvision, in turns: images a second and the greatest memory.

It has a feature pyramid on ResNet-50, or on another ResNet or ResNeXt. Both begin with the same weights, see the same pictures, freeze the
same parts and choose as many anchors and regions. torchvision has its pictures in memory; segmentd reads them from disk beside the steps. The first steps of each run are not counted.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from option_types import positive  # noqa: E402
from program import call  # noqa: E402

HEIGHT, WIDTH, BATCH, WARM = 320, 416, 2, 4
CLASSES = 9


def build(backbone):
    """The model with frozen batch normalisation, as one that begins with a pretrained backbone has it."""
    import torch
    from torchvision.models import resnet
    from torchvision.models.detection import MaskRCNN
    from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
    from torchvision.ops.misc import FrozenBatchNorm2d

    torch.manual_seed(1)
    body = getattr(resnet, backbone)(weights=None, norm_layer=FrozenBatchNorm2d)
    # Constant maps do not keep activations in bounds, as pretrained ones do; small last factors of blocks see to it here.
    for name, module in body.named_modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.weight.fill_(0.2 if name.endswith("bn3") else 1)
    return MaskRCNN(_resnet_fpn_extractor(body, 3), CLASSES, min_size=HEIGHT, max_size=WIDTH)


def load(folder, count):
    """The first pictures and what they show, as torchvision takes them."""
    from pycocotools.coco import COCO

    from coco_pictures import learnable, picture

    coco = COCO(str(folder / "annotations.json"))
    return [picture(coco, image, folder / "images") for image in learnable(coco)[:count]]


def train_torchvision(options):
    import torch

    torch.set_num_threads(options.threads)
    model = build(options.backbone)
    model.load_state_dict(torch.load(options.weights, weights_only=True))
    model.train()
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=options.rate, momentum=0.9, weight_decay=1e-4)
    pictures = load(options.data, 2 * options.steps)
    for step in range(WARM + options.steps):
        if step == WARM:
            start = time.perf_counter()
        batch = [pictures[(BATCH * step + i) % len(pictures)] for i in range(BATCH)]
        losses = model([image for image, _ in batch], [target for _, target in batch])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    seconds = time.perf_counter() - start
    print(json.dumps({
        "speed": BATCH * options.steps / seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def run_torchvision(options, folder, weights):
    result = subprocess.run(
        [sys.executable, __file__, "--torchvision", "--segmentd", options.segmentd, "--weights", weights, "--data",
         folder / "data", "--backbone", options.backbone, "--steps", str(options.steps), "--threads", str(options.threads),
         "--rate", str(options.rate)],
        check=True, stdout=subprocess.PIPE)
    # pycocotools says things before.
    return json.loads(result.stdout.splitlines()[-1])


def run_segmentd(options, folder, weights, number):
    output = folder / f"run{number}"
    configuration = folder / "train.yaml"
    configuration.write_text(f"""from: {weights}
train: {{annotations: {folder}/data/annotations.json, images: {folder}/data/images}}
iterations: {WARM + options.steps}
batch: {BATCH}
learning_rate: {options.rate}
schedule: {{warmup: 0, steps: []}}
augment: {{flip: 0, scales: [{HEIGHT}]}}
checkpoint_every: 1000000
log_every: {WARM}
threads: {options.threads}
output: {output}
""")
    process = subprocess.Popen([options.segmentd, "train", "--config", configuration, "--quiet"])
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit("segmentd train failed")
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    # Each line tells the speed since the one before; the first is the warm-up's.
    counted = [line for line in lines if line["iteration"] > WARM]
    seconds = sum(WARM * BATCH / line["images_per_second"] for line in counted)
    return {"speed": len(counted) * WARM * BATCH / seconds, "memory": usage.ru_maxrss * 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--backbone", default="resnet50", help="of torchvision's, such as resnext50_32x4d")
    parser.add_argument("--rounds", type=positive, default=3, help="runs of each, in turns")
    parser.add_argument("--steps", type=positive, default=12, help="in each run; a multiple of 4")
    parser.add_argument("--threads", type=positive, default=os.cpu_count())
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--ratio", type=float, default=1.3, help="what segmentd is to be faster by")
    parser.add_argument("--torchvision", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--weights", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torchvision:
        train_torchvision(options)
        return

    import torch
    with tempfile.TemporaryDirectory(prefix="segmentd-") as name:
        folder = pathlib.Path(name)
        weights = folder / "weights.pth"
        torch.save(build(options.backbone).state_dict(), weights)
        call(options.segmentd, "synthesize", "--quiet", "--output", folder / "data", "--images", 64, "--size", f"{WIDTH}x{HEIGHT}")
        results = {"torchvision": [], "segmentd": []}
        for number in range(options.rounds):
            for peer in (sorted(results) if number % 2 == 0 else sorted(results, reverse=True)):
                result = (
                    run_segmentd(options, folder, weights, number) if peer == "segmentd"
                    else run_torchvision(options, folder, weights))
                results[peer].append(result)
                print(f"{peer}: {result['speed']:.3f} images/s, at most {result['memory'] / 1e9:.2f} GB", flush=True)
        speed = {peer: statistics.median(run["speed"] for run in runs) for peer, runs in results.items()}
        memory = {peer: max(run["memory"] for run in runs) for peer, runs in results.items()}
        ratio = speed["segmentd"] / speed["torchvision"]
        print(
            f"medians: {speed['segmentd']:.3f} against {speed['torchvision']:.3f} images/s, {ratio:.2f} times as fast; "
            f"{memory['segmentd'] / 1e9:.2f} against {memory['torchvision'] / 1e9:.2f} GB")
        if ratio < options.ratio or memory["segmentd"] >= memory["torchvision"]:
            sys.exit(f"FAILED: to be {options.ratio} times as fast with less memory")


if __name__ == "__main__":
    main()
