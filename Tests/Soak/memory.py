"""Measures the resident memory of `segmentd annotate` from frame to frame, and fails where it grows."""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from option_types import positive  # noqa: E402

# Frames from one measurement to the next.
EVERY = 20


def resident(process):
    """The process's resident memory now, KiB."""
    with open(f"/proc/{process.pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise RuntimeError("the process has no VmRSS")


def faults(process):
    """The pages that the process has been given so far."""
    with open(f"/proc/{process.pid}/stat") as status:
        # The name, in parentheses, may hold anything; minflt is the eighth field after it.
        return int(status.read().rpartition(")")[2].split()[7])


def video(segmentd, cache, frames):
    """A synthetic video with that many frames; made once."""
    folder = cache / f"{frames}-frames"
    path = folder / "videos/000001/video.mp4"
    if not path.exists():
        subprocess.run([segmentd, "synthesize", "--output", folder, "--seconds", str(frames / 30)], check=True)
    return path


def measure(segmentd, model, path, output, settled, frames):
    """Annotates the video and returns KiB and page faults by frame: of the settled one, and of every so many.

    Frames are counted by the lines of JSON that come out. The process writes each line at once and waits where nobody
    reads, so it is never far ahead of the frame at which it is measured.
    """
    command = [segmentd, "annotate", path, "--output", output, "--json", "-"]
    command += ["--model", model] if model else []
    samples, frame = {}, 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for frame, _ in enumerate(process.stdout, 1):
            if frame == settled or frame % EVERY == 0:
                samples[frame] = resident(process), faults(process)
    if process.returncode != 0:
        sys.exit(f"segmentd ended with {process.returncode}")
    if frame != frames:
        sys.exit(f"{frame} frames came out, and not {frames}")
    return samples


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--model", help="a model; the sample model if not given")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="folder that keeps the video")
    parser.add_argument("--frames", type=positive, default=5000, help="length of the video")
    parser.add_argument(
        "--settled", type=positive, default=1000,
        help="frame from which memory has to be flat; the reserve of tensors grows up to the frame with the most objects")
    parser.add_argument("--growth", type=float, default=1, help="percent by which it may be above that anywhere after")
    options = parser.parse_args()
    if options.frames < options.settled + 2 * EVERY:
        parser.error(f"--frames {options.frames} leaves too little to measure after --settled {options.settled}")

    path = video(options.segmentd, options.cache, options.frames)
    with tempfile.TemporaryDirectory() as folder:
        samples = measure(options.segmentd, options.model, path, os.path.join(folder, "out.mp4"), options.settled, options.frames)
    last = max(samples)
    for frame in sorted({options.settled, *range(1000, last, 1000), last} & samples.keys()):
        print(f"frame {frame:5}: {samples[frame][0] / 1024:7.1f} MiB, {samples[frame][1]:7} page faults")
    settled, known = samples[options.settled]
    highest = max(value for frame, (value, _) in samples.items() if frame >= options.settled)
    growth, worst = (100 * (value / settled - 1) for value in (samples[last][0], highest))
    print(f"page faults a frame from frame {options.settled}: {(samples[last][1] - known) / (last - options.settled):.2f}")
    print(f"growth from frame {options.settled}: {growth:.2f} % at the end, {worst:.2f} % at most")
    # Any of them counts: what grows and is given back before the end was needed all the same.
    if worst > options.growth:
        sys.exit(f"memory has grown by more than {options.growth} %")


if __name__ == "__main__":
    main()
