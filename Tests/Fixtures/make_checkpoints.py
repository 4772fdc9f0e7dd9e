#!/usr/bin/env python3
"""Writes the small .pth, .pkl and .safetensors files that CheckpointsTests reads, beside this script.

Needs torch, and safetensors for the one file that another writer must have made. Every tensor follows one rule, so that the tests need no
copy of the numbers: element i of a tensor made by `numbers(shape, start)` is (start + i) / 4 - 3, exact in every floating-point type used.
"""

import argparse
import collections
import pathlib
import pickle

import numpy
import torch

HERE = pathlib.Path(__file__).resolve().parent / "checkpoints"


def numbers(shape, start=0, dtype=torch.float32):
    count = 1
    for length in shape:
        count *= length
    values = (torch.arange(count, dtype=torch.float64) + start) / 4 - 3
    return values.reshape(shape).to(dtype)


def arrays():
    """NumPy arrays as Detectron2's model zoo keeps them."""
    kinds = {
        "f64": numbers((3,), 5, torch.float64), "f32": numbers((2, 3)), "f16": numbers((2, 2), 3, torch.float16),
        "i64": torch.arange(-2, 3), "u8": torch.arange(250, 256, dtype=torch.uint8), "flag": torch.tensor([True, False, True]),
    }
    model = {name: value.numpy() for name, value in kinds.items()}
    model["columns"] = numpy.asfortranarray(numbers((3, 4), 2).numpy())
    model["scalar"] = numbers((), 2).numpy()
    return {"model": model, "__author__": "make_checkpoints.py", "matching_heuristics": True}


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 3)
        self.norm = torch.nn.BatchNorm2d(3)
        self.fc = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(self.norm(self.conv(x)).flatten(1)[:, :4])


def filled():
    model = Tiny()
    with torch.no_grad():
        for index, value in enumerate(model.state_dict().values()):
            if value.is_floating_point():
                value.copy_(numbers(value.shape, index))
    return model


def types():
    base = numbers((4, 3), 7)
    shared = numbers((6,), 1)
    return collections.OrderedDict(
        f64=numbers((3,), 5, torch.float64),
        f32=numbers((2, 3)),
        f16=numbers((2, 2), 3, torch.float16),
        bf16=numbers((5,), 2, torch.bfloat16),
        i64=torch.arange(-2, 3),
        i32=torch.arange(4, dtype=torch.int32),
        u8=torch.arange(250, 256, dtype=torch.uint8),
        flag=torch.tensor([True, False, True]),
        scalar=torch.tensor(1.5),
        empty=torch.zeros(0, 4),
        transposed=base.t(),
        column=base[:, 1],
        shared=shared,
        tail=shared[2:],
    )


def training_checkpoint():
    model = filled()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[16, 22])
    model.eval()(numbers((1, 2, 4, 4))).sum().backward()
    optimizer.step()
    schedule.step()
    with torch.no_grad():
        for index, value in enumerate(model.state_dict().values()):
            if value.is_floating_point():
                value.copy_(numbers(value.shape, index))
    arguments = argparse.Namespace(lr=0.02, lr_steps=[16, 22], device="cpu", resume=None, amp=False, seed=2**40)
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": schedule.state_dict(),
        "args": arguments,
        "epoch": 3,
        "best": {"ap": 0.25, "history": [0.1, 0.2], "shape": (1, 2, 3, 4)},
    }


def main():
    HERE.mkdir(exist_ok=True)
    torch.manual_seed(1)
    state = filled().state_dict()
    for form, zipped in (("zip", True), ("legacy", False)):
        def save(value, name):
            torch.save(value, HERE / f"{name}-{form}.pth", _use_new_zipfile_serialization=zipped)

        save(state, "state")
        save(types(), "types")
        save(training_checkpoint(), "training")
        save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, "parallel")
        save({name: torch.nn.Parameter(value) for name, value in filled().named_parameters()}, "parameters")
    torch.save(filled(), HERE / "whole-model.pth")

    for protocol in (2, 4, 5):
        (HERE / f"arrays-{protocol}.pkl").write_bytes(pickle.dumps(arrays(), protocol=protocol))

    from safetensors.torch import save_file

    kept = {name: value.contiguous() for name, value in types().items() if name != "tail"}
    save_file(kept, HERE / "types.safetensors", metadata={"format": "pt", "note": 'quotes " and ümlauts'})


if __name__ == "__main__":
    main()
