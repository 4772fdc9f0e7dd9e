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
# With them numpy's OpenBLAS would take kernels that were chosen for another one.
OPENBLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Unavailable(Exception):
    """This segmentd has no such option; the message is its own."""


@dataclasses.dataclass
class Turn:
    median: float  # seconds a frame, as the next two
    least: float
    most: float
    peak_rss_bytes: int
    precision: str  # what it says it ran in
    objects: int
    found: dict | None = None  # of a peer: its detections, as agreement.py reads them


def run(words, environment, may_lack_options=False):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment)
    if may_lack_options and done.stderr.startswith("Error: Unknown option"):
        raise Unavailable(done.stderr.splitlines()[0].removeprefix("Error: "))
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


@dataclasses.dataclass
class Segmentd:
    name: str
    program: pathlib.Path
    precision: str | None = None
    environment: dict = dataclasses.field(default_factory=dict)
    masks = "pasted"
    peer = False

    def take(self, folder, repeat, threads):
        answer = json.loads(self._run(
            "bench", "--image", folder / "frame.png", "--repeat", repeat, "--json", *self._detector(folder, threads)))
        return Turn(
            answer["seconds_per_frame"], answer["seconds_least"], answer["seconds_most"], answer["peak_rss_bytes"],
            f"{answer['precision']} ({answer['simd']})", answer["objects"])

    def find(self, folder, threads):
        """The detections, as agreement.py reads them."""
        return {"results": json.loads(self._run("detect", folder / "frame.png", "--quiet", *self._detector(folder, threads)))}

    def _run(self, *words):
        return run([self.program, *words], {**os.environ, **self.environment}, may_lack_options=self.precision is not None)

    def _detector(self, folder, threads):
        precision = ["--precision", self.precision] if self.precision else []
        return ["--model", self._model(folder), "--threads", threads, *precision]

    def _model(self, folder):
        """For int8 the model needs the ranges of its activations, from a video; the frame that is timed makes one."""
        if self.precision != "int8":
            return folder / "model.safetensors"
        quantized, video = folder / "int8.safetensors", folder / "frame.mkv"
        if not quantized.exists():
            run(["ffmpeg", "-v", "error", "-y", "-loop", 1, "-i", folder / "frame.png", "-frames:v", 2, "-c:v", "ffv1", video], None)
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
        inherited = {name: value for name, value in os.environ.items() if name not in OPENBLAS}
        answer = json.loads(run([
            sys.executable, PEER, "--runtime", self.runtime, "--precision", self.precision, "--folder", folder, "--repeat", repeat,
            "--threads", threads,
        ], {**inherited, **self.environment}))
        seconds, found = answer["seconds"], answer["found"]
        # What is exported leaves out the step that takes boxes back to the frame's own size.
        enlarged = [1, 1] if self.masks == "pasted" else json.loads((folder / "made.json").read_text())["enlarged"]
        return Turn(
            statistics.median(seconds), min(seconds), max(seconds), answer["peak_rss_bytes"], answer["precision"],
            len(found["scores"]), {**found, "enlarged": enlarged})
