"""Follows the frames of `segmentd run`, with a detector slower than the source, from capture to their lines on a socket."""

import argparse
import datetime
import json
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from daemon import SAMPLE, SAMPLE_MODEL, Daemon  # noqa: E402
from option_types import positive  # noqa: E402

# Seconds that a line and this script may take beside the detector's time: a record is made, written, read and parsed.
SLACK = 0.01


def fast(cache, rate):
    """The sample video at another rate, without encoding it again."""
    path = cache / f"shapes-{rate}-fps.mp4"
    if not path.exists():
        part = path.with_suffix(".part.mp4")
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-nostdin", "-i", SAMPLE, "-c", "copy", "-an", "-bsf:v",
             f"setts=pts=PTS*30/{rate}:dts=DTS*30/{rate}:duration=DURATION*30/{rate}", part], check=True)
        part.rename(path)
    return path


class Follower:
    """Reads the socket and notes when each frame's line came."""

    def __init__(self, daemon, path):
        self.socket = socket.socket(socket.AF_UNIX)
        daemon.wait(lambda: self.connects(path), 60, "socket")
        self.rest = b""

    def connects(self, path):
        try:
            self.socket.connect(str(path))
        except OSError:
            return False
        return True

    def frames(self):
        """Yields the records of frames with the time at which they were read, seconds since 1970."""
        while True:
            data = self.socket.recv(1 << 20)
            now = time.time()
            if not data:
                sys.exit("the daemon has closed its socket")
            *lines, self.rest = (self.rest + data).split(b"\n")
            for line in lines:
                # Masks are long, and what is wanted stands before them.
                head = line[:400].decode()
                if head.startswith('{"type":"frame"'):
                    yield now, head
                elif head.startswith('{"type":"gap"'):
                    sys.exit(f"this script reads too slowly: {json.loads(line)}")


def field(head, name, pattern):
    match = re.search(f'"{name}":{pattern}', head)
    if not match:
        sys.exit(f"a record without {name}: {head}")
    return match[1]


class Frame:
    def __init__(self, read, head):
        self.number = int(field(head, "frame", r"(\d+)"))
        captured = field(head, "time", r'"([^"]+)"').replace("Z", "+00:00")
        # The record's time is in whole milliseconds.
        self.latency = read - datetime.datetime.fromisoformat(captured).timestamp()
        self.inferred = field(head, "inferred", "(true|false)") == "true"
        self.read = read


def follow(options):
    """Returns the frames' records and the resident memory, KiB, by frame."""
    with tempfile.TemporaryDirectory(prefix="segmentd-") as name:
        folder = pathlib.Path(name)
        source = f"{{url: {fast(options.cache, options.rate)}, loop: true, native_rate: true}}"
        text = f"""model: {options.model}
streams:
  - name: fast
    source: {source}
    policy: latency
    outputs:
      - socket: {folder}/fast.sock
"""
        with Daemon(options.segmentd, folder, text) as daemon:
            follower = Follower(daemon, folder / "fast.sock")
            frames, memory, last = [], {}, 0
            for read, head in follower.frames():
                frames.append(Frame(read, head))
                if frames[-1].number >= options.settled and read - last >= 0.25:
                    memory[frames[-1].number], last = daemon.resident(), read
                if frames[-1].number >= options.frames:
                    break
            metrics = daemon.metrics()
            inference = metrics["segmentd_inference_seconds_sum"]["fast"] / metrics["segmentd_inference_seconds_count"]["fast"]
            daemon.stop()
    return frames, memory, inference


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def late(frames, interval):
    """The frames that took longer than one inference and one frame interval.

    The detector never rests, so that from one inferred record to the next is one inference. What is predicted waits for the
    inference that is under way when it comes, what is inferred for its own; either ends with an inferred record.
    """
    ends = [frame.read for frame in frames if frame.inferred]
    found, next_end = [], 0
    for frame in frames:
        while next_end < len(ends) - 1 and ends[next_end] < frame.read:
            next_end += 1
        around = ends[max(0, next_end - 2):next_end + 2]
        inference = max(b - a for a, b in zip(around, around[1:]))
        if frame.latency > inference + interval + SLACK:
            found.append(frame)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="folder that keeps the video")
    parser.add_argument("--model", type=pathlib.Path, default=SAMPLE_MODEL, help="the model")
    parser.add_argument("--rate", type=positive, default=120, help="frames a second of the source, more than the detector can")
    parser.add_argument("--frames", type=positive, default=10000, help="of the source")
    parser.add_argument("--settled", type=positive, default=1000, help="frame from which latency and memory must stay the same")
    parser.add_argument("--growth", type=float, default=1, help="percent by which memory may be above that later on")
    parser.add_argument("--drift", type=float, default=10, help="percent by which the median latency of a quarter may differ")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    options.cache, options.model = options.cache.resolve(), options.model.resolve()
    interval, faults = 1 / options.rate, []

    frames, memory, inference = follow(options)
    frames = [frame for frame in frames if frame.number >= options.settled]
    seen = [frame for frame in frames if frame.inferred]
    print(
        f"{len(frames)} records of frames {options.settled} to {options.frames}, {len(seen)} inferred; "
        f"an inference takes {1000 * inference:.1f} ms, a frame's interval is {1000 * interval:.1f} ms")
    if len(seen) > 0.9 * (options.frames - options.settled):
        sys.exit("FAILED: the detector keeps up with the source; choose a greater --rate")

    for kind, group in [("inferred", seen), ("all", frames)]:
        latencies = [frame.latency for frame in group]
        print(
            f"capture to line, {kind}: median {1000 * statistics.median(latencies):.1f} ms, "
            f"99 % {1000 * percentile(latencies, 0.99):.1f} ms, most {1000 * max(latencies):.1f} ms")
    beyond = late(frames, interval)
    print(f"{len(beyond)} frames took longer than one inference and one interval")
    # Whatever else the machine does may get between once in a while.
    if len(beyond) > 0.005 * len(frames):
        faults.append("frames wait for longer than one inference and one interval")

    size = len(seen) // 4
    quarters = [statistics.median(frame.latency for frame in seen[i * size:(i + 1) * size]) for i in range(4)]
    print("medians of the quarters: " + ", ".join(f"{1000 * value:.1f} ms" for value in quarters))
    middle = statistics.median(quarters)
    if any(abs(value - middle) > options.drift / 100 * middle for value in quarters):
        faults.append(f"the latency's median changes by more than {options.drift} %")

    first = memory[min(memory)]
    growth = 100 * (max(memory.values()) - first) / first
    most = max(memory.values()) / 1024
    print(f"memory: {first / 1024:.1f} MiB at frame {min(memory)}, at most {most:.1f} MiB later: {growth:+.2f} %")
    if growth > options.growth:
        faults.append(f"memory grows by {growth:.2f} %, more than {options.growth} %")
    if faults:
        sys.exit("FAILED: " + "; ".join(faults))


if __name__ == "__main__":
    main()
