"""Compares what `segmentd model import` makes of torchvision's checkpoints with torch's own tensors, bit by bit.

Also checks that a checkpoint which names anything but tensors is refused, and that its code is not run.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file
from torchvision.models import detection

MODELS = {"v1": detection.maskrcnn_resnet50_fpn, "v2": detection.maskrcnn_resnet50_fpn_v2}


def training_checkpoint(model):
    """What torchvision's own training script saves beside the weights."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[16, 22])
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimizer.step()
    schedule.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": schedule.state_dict(),
        "args": argparse.Namespace(lr=0.02, device="cpu", lr_steps=[16, 22]),
        "epoch": 1,
    }


def old_names(state):
    """The names that torchvision 0.5 gave these tensors."""
    renamed = {}
    for name, value in state.items():
        parts = name.split(".")
        if name.startswith("rpn.head.conv.0.0."):
            name = f"rpn.head.conv.{parts[-1]}"
        elif name.startswith("backbone.fpn."):
            name = ".".join(parts[:4] + parts[5:])
        elif name.startswith("roi_heads.mask_head."):
            name = f"roi_heads.mask_head.mask_fcn{int(parts[2]) + 1}.{parts[-1]}"
        renamed[name] = value
    return renamed


class Command:
    """Pickles as a call of os.system, which creates a file if anyone makes that call."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.system, (f"touch {self.witness}",)


def imported(segmentd, path):
    output = path.with_suffix(".safetensors")
    subprocess.run([segmentd, "model", "import", path, "--output", output], check=True, stdout=sys.stderr)
    return load_file(output)


def compare(name, expected, found):
    """Prints one line and returns whether all tensors are equal in name, type, shape and bits."""
    expected = {key: value for key, value in expected.items() if not key.endswith("num_batches_tracked")}
    names = expected.keys() ^ found.keys()
    values = [
        key
        for key in expected.keys() & found.keys()
        if expected[key].dtype != found[key].dtype or not torch.equal(expected[key], found[key])
    ]
    good = not names and not values
    detail = "" if good else f": names {sorted(names)[:5]}, values {sorted(values)[:5]}"
    print(f"{name:24} {'equal' if good else 'DIFFERENT'}, {len(expected)} tensors{detail}", flush=True)
    return good


def refused(segmentd, folder, zipped):
    witness = folder / "witness"
    path = folder / "command.pth"
    torch.save({"model": Command(witness)}, path, _use_new_zipfile_serialization=zipped)
    run = subprocess.run(
        [segmentd, "model", "import", path, "--output", folder / "command.safetensors"], capture_output=True, text=True
    )
    good = run.returncode == 1 and ".system" in run.stderr and not witness.exists()
    good = good and not (folder / "command.safetensors").exists()
    print(f"{'command ' + ('zip' if zipped else 'legacy'):24} {'refused' if good else 'NOT REFUSED'}: {run.stderr.strip()}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program to check")
    parser.add_argument("--seed", type=int, default=1, help="of the random weights")
    options = parser.parse_args()
    torch.manual_seed(options.seed)

    good = True
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for version, make in MODELS.items():
            model = make(weights=None, weights_backbone=None)
            state = model.state_dict()
            contents = {"state": state, "parallel": {f"module.{name}": value for name, value in state.items()}}
            if version == "v1":
                contents["old names"] = old_names(state)
            contents["half"] = {
                name: value.half() if value.is_floating_point() else value for name, value in state.items()
            }
            for kind, content in contents.items():
                expected = content if kind == "half" else state
                for form, zipped in (("zip", True), ("legacy", False)):
                    path = folder / "checkpoint.pth"
                    torch.save(content, path, _use_new_zipfile_serialization=zipped)
                    good &= compare(f"{version} {kind} {form}", expected, imported(options.segmentd, path))
        checkpoint = training_checkpoint(model)
        for form, zipped in (("zip", True), ("legacy", False)):
            path = folder / "checkpoint.pth"
            torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
            good &= compare(f"{version} training {form}", checkpoint["model"], imported(options.segmentd, path))
            good &= refused(options.segmentd, folder, zipped)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
