"""Compares what `segmentd annotate` costs beside its detector with what ffmpeg costs for the same decoding and encoding.

Both encode the same pictures, since drawn masks and labels are more work for an encoder than the video without them: ffmpeg
gets segmentd's own, which were written without loss before, and what it takes to read these is subtracted. On both sides the same is
done with the first frame alone, and subtracted: what is left are the frames after it, without starting, opening and closing. Those times
are processor time in user mode and in the kernel, over all threads.

The stages run side by side, so a frame should take no longer than in the slowest of them; that is judged by the clock on the wall.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from option_types import positive  # noqa: E402

# What `segmentd annotate` uses where nothing else is asked for.
ENCODER = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]
ENCODER += ["-movflags", "frag_keyframe+delay_moov+default_base_moof", "-frag_duration", "2000000"]
STAGES = re.compile(r"^processor milliseconds a frame: (.*)$", re.MULTILINE)
WALL = re.compile(r"^milliseconds a frame by stage: (.*)$", re.MULTILINE)
FRAMES = re.compile(r"^(\d+) frames in ([\d.]+) s ", re.MULTILINE)
# What of segmentd's processor time is its detector's.
DETECTOR = ("detect", "the detector's threads")


def run(command):
    """Runs a command; returns its processor seconds and its standard error."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read()
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{text}")
    return usage.ru_utime + usage.ru_stime, text


def by_name(pattern, text):
    """The numbers of one line of the summary."""
    line = pattern.search(text)
    if not line:
        sys.exit(f"segmentd's summary lacks its times:\n{text}")
    return {name: float(value) for name, value in (part.rsplit(" ", 1) for part in line[1].split(", "))}


def annotate(command):
    """Runs `segmentd annotate --verbose`.

    Returns its number of frames, processor milliseconds of the whole run by part, and wall milliseconds a frame: of the run from its
    first frame on, and by stage.
    """
    text = run([*command, "--verbose"])[1]
    summary = FRAMES.search(text)
    if not summary or not int(summary[1]):
        sys.exit(f"segmentd's summary lacks its frames:\n{text}")
    frames = int(summary[1])
    processor = {name: value * frames for name, value in by_name(STAGES, text).items()}
    return frames, processor, 1000 * float(summary[2]) / frames, by_name(WALL, text)


def figures(values):
    """Median, least and most, as they stand in the table."""
    return f"{statistics.median(values):8.2f} {min(values):8.2f} {max(values):8.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--video", default="Samples/shapes.mp4", help="the video to annotate")
    parser.add_argument("--model", help="a model; the sample model if not given")
    parser.add_argument("--repeat", type=positive, default=5, help="rounds, of which medians are taken")
    parser.add_argument("--ratio", type=float, default=1.15, help="segmentd over ffmpeg that is accepted")
    parser.add_argument("--overlap", type=float, default=1.15, help="a frame's wall time over its slowest stage's that is accepted")
    options = parser.parse_args()

    program = [options.segmentd, "annotate", *(["--model", options.model] if options.model else []), "--no-audio"]
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    null = ["-f", "null", "-"]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lossless, raw, raw_frame, output = (
            folder / name for name in ("pictures.mkv", "pictures.y4m", "picture.y4m", "out.mp4"))
        frame = folder / f"frame{pathlib.Path(options.video).suffix}"
        run([*program, options.video, "--codec", "ffv1", "--output", lossless, "--quiet"])
        run([*ffmpeg, "-i", lossless, raw])
        lossless.unlink()
        run([*ffmpeg, "-i", raw, "-frames:v", "1", raw_frame])
        run([*ffmpeg, "-i", options.video, "-map", "0:v:0", "-frames:v", "1", "-c", "copy", frame])

        # By what is done: how, with the video and its pictures.
        peers = {
            "decode": lambda video, _: [*ffmpeg, "-i", video, "-map", "0:v:0", *null],
            "read": lambda _, pictures: [*ffmpeg, "-i", pictures, *null],
            "encode": lambda _, pictures: [*ffmpeg, "-i", pictures, *ENCODER, output],
            "plain": lambda video, _: [*ffmpeg, "-i", video, "-map", "0:v:0", *ENCODER, output],
        }
        # Milliseconds of every round, of whole runs.
        whole, single = ({name: [] for name in peers} for _ in range(2))
        processor, processor_single, wall, stages = [], [], [], []
        for _ in range(options.repeat):
            for name, command in peers.items():
                whole[name].append(1000 * run(command(options.video, raw))[0])
                single[name].append(1000 * run(command(frame, raw_frame))[0])
            frames, parts, elapsed, busy = annotate([*program, options.video, "--output", output])
            one, parts_single, _, _ = annotate([*program, frame, "--output", output])
            if one != 1 or frames <= one:
                sys.exit(f"{options.video} has {frames} frames and its first alone {one}: a longer video is needed")
            processor.append(parts)
            processor_single.append(parts_single)
            wall.append(elapsed)
            stages.append(busy)

    def a_frame(whole, single):
        """Milliseconds a frame, of every round; the first frame's median, as starting is too short to differ with the round."""
        return [(value - statistics.median(single)) / (frames - 1) for value in whole]

    times = {name: a_frame(whole[name], single[name]) for name in peers}
    times["encode"] = [encode - read for encode, read in zip(times["encode"], times["read"])]
    parts = {
        name: a_frame([round[name] for round in processor], [round[name] for round in processor_single]) for name in processor[0]
    }
    beside = [round - sum(detector) for round, *detector in zip(parts["all"], *(parts[name] for name in DETECTOR))]
    both = [decode + encode for decode, encode in zip(times["decode"], times["encode"])]
    print(f"processor milliseconds a frame, of {options.repeat} rounds of {frames} frames:")
    print(f"{'median':>8} {'least':>8} {'most':>8}")
    print(f"{figures(times['decode'])} ffmpeg decodes the video")
    print(f"{figures(times['encode'])} ffmpeg encodes the annotated pictures")
    print(f"{figures(times['plain'])} ffmpeg does both with the pictures as they were")
    print(f"{figures(beside)} segmentd beside its detector, of which:")
    for name, values in parts.items():
        if name not in ("all", *DETECTOR):
            print(f"{figures(values)}     {name}")
    slowest = max(stages[0], key=lambda name: statistics.median(round[name] for round in stages))
    busy = [round[slowest] for round in stages]
    print("wall milliseconds a frame:")
    print(f"{figures(wall)} segmentd")
    print(f"{figures(busy)} {slowest}, its slowest stage")
    overlap = [one / other for one, other in zip(wall, busy)]
    ratio = [one / other for one, other in zip(beside, both)]
    plain = [one / other for one, other in zip(beside, times["plain"])]
    print("ratios:")
    print(f"{figures(ratio)} segmentd beside its detector over ffmpeg")
    print(f"{figures(plain)} the same over ffmpeg with the pictures as they were")
    print(f"{figures(overlap)} a frame over the slowest stage, on the wall")
    broken = []
    if statistics.median(ratio) > options.ratio:
        broken.append(f"segmentd takes more than {options.ratio} times ffmpeg's processor time")
    if statistics.median(overlap) > options.overlap:
        broken.append(f"a frame takes more than {options.overlap} times as long as in its slowest stage, so the stages do not overlap")
    if broken:
        sys.exit("\n".join(broken))


if __name__ == "__main__":
    main()
