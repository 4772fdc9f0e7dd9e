"""Who takes part, and how each takes a turn: some frames in a process of its own, so that memory and threads do not mix.

A process inherits from the one that starts it the most memory that one has had (`ru_maxrss`), so nothing large is imported here.
"""

import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys

PEER = pathlib.Path(__file__).with_name("peer.py")
# How the names of variables begin that choose kernels or threads, of any entrant or of a library under it.
CHOOSING = ("SEGMENTD_", "ONEDNN_", "DNNL_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "OV_")


def environment(own=None):
    """What every process here gets: the environment without all that chooses kernels or threads, and then its own variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith(CHOOSING)} | (own or {})


@dataclasses.dataclass
class Turn:
    median: float  # seconds a frame, as the next two
    least: float
    most: float
    peak_rss_bytes: int
    precision: str  # what it says it ran in
    objects: int
    found: dict | None = None  # of a peer: its detections, as agreement.py reads them

    @property
    def kind(self):
        """Of the precision it ran in: fp32, bf16 or int8."""
        return {"f32": "fp32"}.get(kind := self.precision.split()[0], kind)


def run(words, own=None):
    """What a command prints; its own variables are added to the environment that all have."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment(own))
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


@dataclasses.dataclass
class Segmentd:
    name: str
    program: pathlib.Path
    precision: str = "fp32"
    environment: dict = dataclasses.field(default_factory=dict)
    masks = "pasted"
    peer = False

    def take(self, folder, repeat, threads):
        answer = json.loads(self._run(
            "bench", "--image", folder / "frame.png", "--repeat", repeat, "--json", *self._detector(folder, threads)))
        forced = self.environment.get("SEGMENTD_SIMD", answer["simd"])
        if answer["simd"] != forced:
            sys.exit(f"{self.name} ran on {answer['simd']}: this processor does not have {forced}")
        return Turn(
            answer["seconds_per_frame"], answer["seconds_least"], answer["seconds_most"], answer["peak_rss_bytes"],
            f"{answer['precision']} ({answer['simd']})", answer["objects"])

    def find(self, folder, threads):
        """The detections, as agreement.py reads them."""
        return {"results": json.loads(self._run("detect", folder / "frame.png", "--quiet", *self._detector(folder, threads)))}

    def _run(self, *words):
        return run([self.program, *words], self.environment)

    def _detector(self, folder, threads):
        return ["--model", self._model(folder), "--threads", threads, "--precision", self.precision]

    def _model(self, folder):
        """For int8 the model needs the ranges of its activations, from a video; the frame that is timed makes one."""
        if self.precision != "int8":
            return folder / "model.safetensors"
        quantized, video = folder / "int8.safetensors", folder / "frame.mkv"
        if not quantized.exists():
            run(["ffmpeg", "-v", "error", "-y", "-loop", 1, "-i", folder / "frame.png", "-frames:v", 2, "-c:v", "ffv1", video])
            self._run("model", "quantize", folder / "model.safetensors", "--calibrate", video, "--output", quantized)
        return quantized


@dataclasses.dataclass
class Peer:
    name: str
    runtime: str
    precision: str = "fp32"
    environment: dict = dataclasses.field(default_factory=dict)
    masks: str = "28x28"
    peer = True

    def take(self, folder, repeat, threads):
        answer = json.loads(run([
            sys.executable, PEER, "--runtime", self.runtime, "--precision", self.precision, "--folder", folder, "--repeat", repeat,
            "--threads", threads,
        ], self.environment))
        seconds, found, objects, masks = (answer[name] for name in ("seconds", "found", "objects", "masks"))
        if len(set(objects)) != 1 or masks != objects:
            sys.exit(f"{self.name} finds other numbers of objects, or of masks, from frame to frame: {objects}, {masks}")
        if self.environment.get("ONEDNN_MAX_CPU_ISA") == "AVX2" and "avx512" in answer["precision"]:
            sys.exit(f"{self.name} ran in {answer['precision']}")
        # What is exported leaves out the step that takes boxes back to the frame's own size.
        enlarged = [1, 1] if self.masks == "pasted" else json.loads((folder / "made.json").read_text())["enlarged"]
        return Turn(
            statistics.median(seconds), min(seconds), max(seconds), answer["peak_rss_bytes"], answer["precision"],
            objects[0], {**found, "enlarged": enlarged})
