"""Times one frame of Mask R-CNN with ResNet-50 and FPN in segmentd and in torchvision, in turns, on this computer.

Both have the same random weights and find a hundred objects, whose masks are pasted into the picture.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torchvision

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "Parity"))
import pictures  # noqa: E402
from random_weights import randomize  # noqa: E402


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def seconds_per_frame(model, picture, repeat):
    """The median, after one frame that warms up."""
    times = []
    with torch.inference_mode():
        for _ in range(repeat + 1):
            start = time.perf_counter()
            model([picture])
            times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    parser.add_argument("--repeat", type=int, default=5, help="frames of a turn")
    parser.add_argument("--threads", type=int, default=2, help="of torchvision")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    picture = torch.from_numpy(np.array(pictures.draw("landscape", options.seed))).permute(2, 0, 1).float() / 255
    height, width = picture.shape[1:]
    model = torchvision.models.detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, box_score_thresh=0)
    randomize(model, [picture], options.seed)
    rounds = {"segmentd": [], "torchvision": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        imported, configuration = folder / "model.safetensors", folder / "configuration.json"
        torch.save(model.state_dict(), folder / "model.pth")
        configuration.write_text(json.dumps({"backbone": {"batch_norm_epsilon": 1e-5}, "box_head": {"score_threshold": 0}}))
        segmentd = options.segmentd.resolve()
        run(segmentd, "model", "import", folder / "model.pth", "--output", imported, "--configuration", configuration)
        for _ in range(options.rounds):
            answer = run(
                segmentd, "bench", "--model", imported, "--size", f"{width}x{height}", "--repeat", options.repeat, "--json")
            rounds["segmentd"].append(json.loads(answer)["seconds_per_frame"])
            rounds["torchvision"].append(seconds_per_frame(model, picture, options.repeat))

    print(f"{processor()}; ResNet-50 FPN, {width}x{height}, 100 detections, median seconds a frame")
    for name, times in rounds.items():
        print(f"{name:12} {statistics.median(times):7.3f}   rounds " + " ".join(f"{value:.3f}" for value in times))
    ratio = statistics.median(rounds["torchvision"]) / statistics.median(rounds["segmentd"])
    print(f"torchvision {torchvision.__version__}, PyTorch {torch.__version__}, {options.threads} threads, takes {ratio:.2f} times as long")


if __name__ == "__main__":
    main()
