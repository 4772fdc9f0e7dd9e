"""Kills `segmentd run` while it records, and fills its disk; fails where a recorded file does not play."""

import argparse
import calendar
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from daemon import Watched  # noqa: E402
from option_types import positive  # noqa: E402
from small_disk import small_disk  # noqa: E402

# Seconds of a recorded file.
SEGMENT = 3
# The most seconds of video that a kill may cost: a fragment, and what was on its way through the detector and the encoder.
LOSS = 4
# Nothing that the daemon is waited for takes so long, seconds.
PATIENCE = 90


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configuration(folder, model, outputs):
    """Writes a configuration with one stream of a moving pattern and these outputs; returns its path."""
    path = folder / "segmentd.yaml"
    lines = [
        f"model: {model}", f"http: 127.0.0.1:{free_port()}", "streams:", "  - name: door",
        '    source: "test:testsrc2?size=320x240&rate=25"', "    policy: latency", "    outputs:",
    ]
    path.write_text("\n".join(lines + [f"      - {output}" for output in outputs]) + "\n")
    return path


class Daemon(Watched):
    """A running `segmentd run`, whose log goes to a file."""

    def __init__(self, segmentd, config, log):
        with open(log, "ab") as messages:
            process = subprocess.Popen([segmentd, "run", "--config", config], stdin=subprocess.DEVNULL, stderr=messages)
        super().__init__(process, log, PATIENCE)

    def end(self):
        """Asks it to end, and expects that it does."""
        self.process.send_signal(signal.SIGTERM)
        self.finish()


def decode(path):
    """Decodes a file whole; returns how many frames it has, and what FFmpeg complains of."""
    result = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framecrc", "-"],
        capture_output=True, text=True)
    frames = sum(1 for line in result.stdout.splitlines() if not line.startswith("#"))
    return frames, result.stderr.strip() + ("" if result.returncode == 0 else f" (status {result.returncode})")


def duration(path):
    """Seconds from the first frame to the last."""
    result = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "csv=p=0", path],
        capture_output=True, text=True)
    times = [float(line.strip(",")) for line in result.stdout.split() if line.strip(",") not in ("", "N/A")]
    return max(times) - min(times) if times else 0


def check_plays(paths):
    """Fails where a finished file does not play whole; returns the frames of all."""
    total = 0
    for path in paths:
        frames, complaint = decode(path)
        if complaint or frames == 0:
            sys.exit(f"{path.name} does not play: {frames} frames; {complaint or 'no complaint'}")
        total += frames
    return total


def check_lines(path):
    """Fails where any but the last line of a file is not whole; returns how many are."""
    data = path.read_bytes() if path.exists() else b""
    lines = data.split(b"\n")
    whole, rest = lines[:-1], lines[-1]
    for number, line in enumerate(whole, 1):
        try:
            json.loads(line)
        except ValueError as error:
            sys.exit(f"{path.name}, line {number}: {error}")
    return len(whole), len(rest)


def finished(folder):
    return sorted(folder.glob("door-*.mp4")) if folder.exists() else []


def unfinished(folder):
    return sorted(folder.glob("door-*.mp4.part")) if folder.exists() else []


def check_kills(options, folder):
    """Kills the daemon at random moments, and looks at what is left after each."""
    generator = random.Random(options.seed)
    videos, log = folder / "videos", folder / "log"
    known, worst, lines, cut = set(), 0.0, 0, 0
    for kill in range(1, options.kills + 1):
        output = folder / f"{kill}.jsonl"
        config = configuration(
            folder, options.model, [f"record: {{directory: {videos}, segment: {SEGMENT}s}}", f"json: {output}"])
        left = unfinished(videos)
        daemon = Daemon(options.segmentd, config, log)
        daemon.wait_for("it records again", lambda: [path for path in unfinished(videos) if path not in left])
        moment = generator.uniform(0, 2.5 * SEGMENT)
        time.sleep(moment)
        daemon.kill()
        killed = time.time()

        if len(unfinished(videos)) > 1:
            sys.exit(f"kill {kill}: files of earlier kills were not recovered: {unfinished(videos)}")
        new = [path for path in finished(videos) if path not in known]
        check_plays(new)
        known.update(new)
        count, rest = check_lines(output)
        lines, cut = lines + count, cut + (rest > 0)
        # What lies there plays up to its end even before the next start trims it.
        for path in unfinished(videos):
            frames, _ = decode(path)
            grown = killed - start_of(path)
            lost = grown - duration(path) if frames else grown
            worst = max(worst, lost)
            print(f"kill {kill:2} after {moment:4.1f} s: {len(new)} finished, {frames:3} frames in the last file, "
                  f"{lost:.1f} s lost; {count} lines{' and a part of one' if rest else ''}", flush=True)
            # The name has whole seconds, which may be one early.
            if lost > LOSS + 1:
                sys.exit(f"more than {LOSS} s of video were lost")
    # The last kill's file is recovered by one more start, which then ends in order.
    daemon = Daemon(options.segmentd, configuration(folder, options.model, [f"record: {{directory: {videos}, segment: {SEGMENT}s}}"]), log)
    left = unfinished(videos)
    daemon.wait_for("it records again", lambda: [path for path in unfinished(videos) if path not in left])
    time.sleep(2)
    daemon.end()
    if unfinished(videos):
        sys.exit(f"files without a final name after an orderly end: {unfinished(videos)}")
    frames = check_plays(finished(videos))
    print(f"{options.kills} kills: all {len(finished(videos))} files play, {frames} frames; at most {worst:.1f} s lost; "
          f"{lines} lines whole, {cut} last lines cut")


def start_of(path):
    """When a file's first picture was taken, by its name; up to a second early."""
    text = path.name.removeprefix("door-")[:len("2026-11-24T12-00-00Z")]
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H-%M-%SZ"))


def check_full_disk(options, folder):
    """Records to a disk that fills up, beside one that does not."""
    with small_disk(folder / "small", 1 << 20) as disk:
        if disk is None:
            print("the full disk was not tried: only root can mount a small file system")
            return
        others, output, log = folder / "others", folder / "full.jsonl", folder / "full.log"
        config = configuration(folder, options.model, [
            f"record: {{directory: {disk}, segment: {SEGMENT}s}}", f"record: {{directory: {others}, segment: {SEGMENT}s}}",
            f"json: {output}",
        ])
        daemon = Daemon(options.segmentd, config, log)
        daemon.wait_for("the disk is full", lambda: "disk is full" in daemon.messages())
        count = len(finished(others))
        daemon.wait_for("the other recording goes on", lambda: len(finished(others)) >= count + 3)
        daemon.end()
        frames = check_plays(finished(disk))
        if frames == 0:
            sys.exit("nothing is left on the full disk")
        gaps = sorted(finished(others), key=lambda path: path.name)
        starts = [start_of(path) for path in gaps[1:]]
        if any(later - earlier != SEGMENT for earlier, later in zip(starts, starts[1:])):
            sys.exit(f"the other recording has gaps: {[path.name for path in gaps]}")
        print(f"full disk: {len(finished(disk))} files with {frames} frames stay and play; "
              f"beside it {len(gaps)} files with {check_plays(gaps)} frames without a gap, {check_lines(output)[0]} lines")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", type=pathlib.Path, required=True, help="the program")
    parser.add_argument(
        "--model", type=pathlib.Path, default=pathlib.Path("Samples/shapes.safetensors"), help="a model; the sample model if not given")
    parser.add_argument("--kills", type=positive, default=20, help="how often the daemon is killed")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the moments; random if not given")
    options = parser.parse_args()
    options.model = options.model.resolve()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_kills(options, folder)
        check_full_disk(options, folder)


if __name__ == "__main__":
    main()
