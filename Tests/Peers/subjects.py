"""Prepares what is timed: a model as segmentd and torchvision read it, the same model as ONNX, and a frame.

ResNet-50 with FPN has seeded random weights (see random_weights.py). The sample is the trained model of Samples, on a frame of its
video. Both are kept in a folder of their own, and made again when a version or a source changes. This runs in a process of its own,
as PyTorch's memory would otherwise count as that of the processes timed (see turns.py).
"""

import argparse
import hashlib
import json
import pathlib
import sys
import warnings
from importlib.metadata import version

import torch

TESTS = pathlib.Path(__file__).resolve().parents[1]
SAMPLES = TESTS.parent / "Samples"
sys.path += [str(TESTS / "Accuracy"), str(TESTS / "Parity")]
import compare  # noqa: E402
import evaluate  # noqa: E402
import pictures  # noqa: E402
import random_weights  # noqa: E402
import peer  # noqa: E402
from peer import read_frame  # noqa: E402

# The newest opset that PyTorch's exporter by tracing writes for all operators of the model.
OPSET = 17
# The sample video's frame, by number: one with as many objects as it usually has.
SAMPLE_FRAME = 100


def make_resnet50(segmentd, folder, seed, threshold):
    """Random weights in `model.safetensors`, and a picture of 640x480 in `frame.png`, on which they have their spread."""
    picture = pictures.draw("landscape", seed)
    picture.save(folder / "frame.png")
    torch.manual_seed(seed)
    model = compare.MODELS["resnet50_v1"]()
    random_weights.randomize(model, [torch.from_numpy(read_frame(folder / "frame.png"))], seed)
    torch.save(model.state_dict(), folder / "model.pth")
    configuration = {**compare.CONFIGURATION, "box_head": {"score_threshold": threshold}}
    (folder / "configuration.json").write_text(json.dumps(configuration))
    evaluate.run(
        segmentd, "model", "import", folder / "model.pth", "--output", folder / "model.safetensors",
        "--configuration", folder / "configuration.json")
    (folder / "model.pth").unlink()


def make_sample(folder):
    (folder / "model.safetensors").write_bytes((SAMPLES / "shapes.safetensors").read_bytes())
    evaluate.run(
        "ffmpeg", "-v", "error", "-y", "-i", SAMPLES / "shapes.mp4", "-vf", f"select=eq(n\\,{SAMPLE_FRAME})", "-frames:v", 1,
        folder / "frame.png")


def export(folder):
    """Writes `model.onnx`, whose input is the frame, [3, H, W] in 0...1, of fixed size.

    Its boxes are those of the resized frame and its masks are of 28x28 pixels, [N, 1, 28, 28]: OpenVINO cannot convert torchvision's
    pasting of masks. Returns how many times larger the resized frame is, in width and in height.
    """
    model = evaluate.load(folder / "model.safetensors")
    frame = torch.from_numpy(read_frame(folder / "frame.png"))
    resized_height, resized_width = model.transform([frame])[0].image_sizes[0]
    model.transform.postprocess = lambda result, image_shapes, original_image_sizes: result
    with warnings.catch_warnings():
        # That what tracing took for constant is constant: the frame's size is.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, ([frame],), folder / "model.onnx", opset_version=OPSET, dynamo=False, input_names=["image"],
            output_names=list(peer.OUTPUTS))
    return resized_width / frame.shape[2], resized_height / frame.shape[1]


def sources(subject, options):
    """What the files are made from; they are made again when any of it has changed."""
    mine = [__file__, peer.__file__, evaluate.__file__, TESTS / "scaled_mask_rcnn.py"]
    if subject == "resnet50":
        mine += [compare.__file__, random_weights.__file__, pictures.__file__, options.segmentd]
        chosen = {"seed": options.seed, "threshold": options.threshold}
    else:
        chosen = {}
        mine += [SAMPLES / "shapes.safetensors", SAMPLES / "shapes.mp4"]
    return {
        "versions": {name: version(name) for name in ("torch", "torchvision", "onnx", "numpy", "pillow")},
        "files": {pathlib.Path(path).name: hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest() for path in mine},
        **chosen,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", type=pathlib.Path, required=True)
    parser.add_argument("--subject", choices=["resnet50", "sample"], required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=1, help="of the random weights and their picture")
    parser.add_argument("--threshold", type=float, default=0.05, help="of the scores that count, of the random weights")
    options = parser.parse_args()
    folder, made = options.folder, options.folder / "made.json"
    wanted = sources(options.subject, options)
    known = json.loads(made.read_text()) if made.exists() else {}
    if known.get("sources") == wanted:
        return
    made.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    if options.subject == "resnet50":
        make_resnet50(options.segmentd, folder, options.seed, options.threshold)
    else:
        make_sample(folder)
    made.write_text(json.dumps({"enlarged": export(folder), "sources": wanted}, indent=1))


if __name__ == "__main__":
    main()
