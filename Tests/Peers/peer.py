"""One turn of a runtime: frames one after the other in a process of its own. Prints the figures and the detections as JSON.

A runtime is imported only where it runs, since the process' memory is measured as well.
"""

import argparse
import collections
import json
import pathlib
import resource
import sys
import time

import numpy as np
from PIL import Image

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from option_types import positive  # noqa: E402

OUTPUTS = ("boxes", "labels", "scores", "masks")


def read_frame(path):
    """float32 [3, H, W] in 0...1."""
    return np.ascontiguousarray(np.asarray(Image.open(path).convert("RGB"), dtype=np.float32).transpose(2, 0, 1) / 255)


def torchvision(folder, frame, threads, precision):
    """Eager PyTorch, which pastes the masks."""
    import torch

    sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "Accuracy"))
    import evaluate

    torch.set_num_threads(threads)
    model = evaluate.load(folder / "model.safetensors")
    picture = torch.from_numpy(frame)

    def infer():
        with torch.inference_mode():
            output = model([picture])[0]
        return {name: output[name].numpy() for name in OUTPUTS}

    return infer, "fp32"


def onnxruntime(folder, frame, threads, precision):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Errors only: it warns of what it drops from any exported model.
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return lambda: dict(zip(OUTPUTS, session.run(OUTPUTS, {"image": frame}))), "fp32"


def openvino(folder, frame, threads, precision):
    import openvino

    # Without a hint it would take bf16 by itself where the processor has it.
    compiled = openvino.Core().compile_model(folder / "model.onnx", "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    })
    request = compiled.create_infer_request()

    def infer():
        results = request.infer([frame])
        return {name: results[name] for name in OUTPUTS}

    return infer, executed(compiled)


def executed(compiled):
    """What most convolutions run in, and with which kernels, as `f32 (brgconv_avx2_f32)`: the hint only asks."""
    kinds = collections.Counter()
    for operation in compiled.get_runtime_model().get_ops():
        info = operation.get_rt_info()
        if info["layerType"].astype(str) == "Convolution":
            kinds[info["runtimePrecision"].astype(str), info["primitiveType"].astype(str).replace("_1x1", "")] += 1
    precision, kernel = kinds.most_common(1)[0][0]
    return f"{precision} ({kernel})"


RUNTIMES = {"torchvision": torchvision, "onnxruntime": onnxruntime, "openvino": openvino}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", choices=RUNTIMES, required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="of the model and the frame (see subjects.py)")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32", help="of OpenVINO")
    parser.add_argument("--repeat", type=positive, required=True, help="frames, after one that warms up")
    parser.add_argument("--threads", type=positive, required=True)
    options = parser.parse_args()
    infer, precision = RUNTIMES[options.runtime](
        options.folder, read_frame(options.folder / "frame.png"), options.threads, options.precision)
    seconds, objects, masks = [], [], []
    for _ in range(options.repeat + 1):
        start = time.perf_counter()
        found = infer()
        seconds.append(time.perf_counter() - start)
        objects.append(len(found["scores"]))
        masks.append(len(found["masks"]))
    print(json.dumps({
        "seconds": seconds[1:],
        # Of every frame, so that none is timed that has less to do.
        "objects": objects[1:],
        "masks": masks[1:],
        # Linux counts it in KiB.
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "precision": precision,
        "found": {name: found[name].tolist() for name in ("boxes", "labels", "scores")},
    }))


if __name__ == "__main__":
    main()
