"""Compares what `segmentd annotate` costs beside its detector with what ffmpeg costs for the same decoding and encoding.

Both encode the same pictures, since drawn masks and labels are more work for an encoder than the video without them: ffmpeg
gets segmentd's own, which were written without loss before, and what it takes to read these is subtracted. All times are
processor time in user mode and in the kernel, over all threads.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

# What `segmentd annotate` uses where nothing else is asked for.
ENCODER = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]
ENCODER += ["-movflags", "frag_keyframe+delay_moov+default_base_moof", "-frag_duration", "2000000"]
STAGES = re.compile(r"^processor milliseconds a frame: (.*)$", re.MULTILINE)
WALL = re.compile(r"^milliseconds a frame by stage: (.*)$", re.MULTILINE)


def run(command):
    """Runs a command; returns its processor seconds, its wall seconds and its standard error."""
    with tempfile.TemporaryFile("w+") as errors:
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read()
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{text}")
    return usage.ru_utime + usage.ru_stime, wall, text


def by_name(pattern, text):
    """The numbers of one line of the summary."""
    line = pattern.search(text)
    if not line:
        sys.exit(f"segmentd's summary lacks its times:\n{text}")
    return {name: float(value) for name, value in (part.rsplit(" ", 1) for part in line[1].split(", "))}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--video", default="Samples/shapes.mp4", help="the video to annotate")
    parser.add_argument("--model", help="a model; the sample model if not given")
    parser.add_argument("--repeat", type=int, default=5, help="rounds, of which medians are taken")
    parser.add_argument("--ratio", type=float, default=1.15, help="segmentd over ffmpeg that is accepted")
    options = parser.parse_args()

    model = ["--model", options.model] if options.model else []
    annotate = [options.segmentd, "annotate", options.video, *model, "--no-audio"]
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    with tempfile.TemporaryDirectory() as folder:
        lossless, raw, output = (pathlib.Path(folder) / name for name in ("pictures.mkv", "pictures.y4m", "out.mp4"))
        run([*annotate, "--codec", "ffv1", "--output", lossless, "--quiet"])
        run([*ffmpeg, "-i", lossless, raw])
        lossless.unlink()

        times = {name: [] for name in ("decode", "read", "encode", "plain", "segmentd", "wall")}
        processor, wall = [], []
        for _ in range(options.repeat):
            null = ["-f", "null", "-"]
            times["decode"].append(run([*ffmpeg, "-i", options.video, "-map", "0:v:0", *null])[0])
            times["read"].append(run([*ffmpeg, "-i", raw, *null])[0])
            times["encode"].append(run([*ffmpeg, "-i", raw, *ENCODER, output])[0])
            times["plain"].append(run([*ffmpeg, "-i", options.video, "-map", "0:v:0", *ENCODER, output])[0])
            _, elapsed, text = run([*annotate, "--output", output, "--verbose"])
            frames = int(re.search(r"^(\d+) frames in ", text, re.MULTILINE)[1])
            processor.append(by_name(STAGES, text))
            wall.append(by_name(WALL, text))
            detector = processor[-1]["detect"] + processor[-1]["the detector's threads"]
            times["segmentd"].append((processor[-1]["all"] - detector) * frames / 1000)
            times["wall"].append(elapsed)

    median = {name: statistics.median(values) for name, values in times.items()}
    peer = median["decode"] + median["encode"] - median["read"]
    ratio = median["segmentd"] / peer
    milliseconds = 1000 / frames
    print(f"processor milliseconds a frame, medians of {options.repeat} rounds of {frames} frames:")
    print(f"{median['decode'] * milliseconds:8.2f} ffmpeg decodes the video")
    print(f"{(median['encode'] - median['read']) * milliseconds:8.2f} ffmpeg encodes the annotated pictures")
    print(f"{median['plain'] * milliseconds:8.2f} ffmpeg does both with the pictures as they were")
    print(f"{median['segmentd'] * milliseconds:8.2f} segmentd beside its detector, of which:")
    for name in processor[0]:
        if name not in ("all", "detect", "the detector's threads"):
            print(f"{statistics.median(round[name] for round in processor):16.2f} {name}")
    slowest = max(wall[0], key=lambda name: statistics.median(round[name] for round in wall))
    busy = statistics.median(round[slowest] for round in wall)
    print(f"wall milliseconds a frame: {median['wall'] * milliseconds:.2f}; {slowest}, the slowest stage: {busy:.2f}")
    print(f"segmentd beside its detector over ffmpeg: {ratio:.2f}", end="; ")
    print(f"over ffmpeg with the pictures as they were: {median['segmentd'] / median['plain']:.2f}")
    if ratio > options.ratio:
        sys.exit(f"more than {options.ratio}")


if __name__ == "__main__":
    main()
