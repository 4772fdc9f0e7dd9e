"""Runs `segmentd run` with the motion gate and without, on a scene that stands still and on one that moves."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from daemon import SAMPLE, SAMPLE_MODEL, Daemon  # noqa: E402
from option_types import positive  # noqa: E402

# A frame of the sample in which objects stand apart, and noise as a camera's in a room and in poor light (ffmpeg's strength; the
# standard deviation is about a third), different in every frame.
STILL_FRAME, NOISE, POOR_LIGHT = 100, 8, 12
RATE = 30
# What cameras spend on a picture of this size. Without a limit, noise of poor light alone would make 17 Mbit/s, and decoding that
# takes a quarter of what the detector does.
BIT_RATE = "1M"
# How far an object must go to be one that moves, pixels.
MOVED = 4
# How long the moving scene stands still at its beginning and end, and what stays unseen counts as gone, seconds.
PAUSE, LOST_AFTER = 5, 2
# Seconds after which a scene that stands still from the beginning counts as settled.
SETTLING = 4


def ffmpeg(*words):
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-nostdin", *map(str, words)], check=True)


def made(path, make):
    """The file, which is made unless it is there."""
    if not path.exists():
        part = path.with_suffix(".part.mp4")
        make(part)
        part.rename(path)
    return path


def still(options):
    """One picture of the sample under noise, as a camera sends it: at a limited bit rate, with a key frame every two seconds."""
    # Longer than it is looked at: where it begins again, the encoder's beginnings show as motion.
    frames = (options.seconds + SETTLING + 10) * RATE

    def make(path):
        ffmpeg(
            "-i", SAMPLE, "-vf",
            f"select=eq(n\\,{STILL_FRAME}),loop={frames - 1}:1,setpts=N/{RATE}/TB,noise=alls={NOISE}:allf=t",
            "-frames:v", frames, "-r", RATE, "-c:v", "libx264", "-b:v", BIT_RATE, "-maxrate", BIT_RATE, "-bufsize", BIT_RATE,
            "-g", 2 * RATE, "-pix_fmt", "yuv420p", path)
    return made(options.cache / f"still-{NOISE}-{BIT_RATE}-{frames}.mp4", make)


def moving(cache):
    """The sample video, standing still for a while at its beginning and end, under noise."""
    def make(path):
        ffmpeg(
            "-i", SAMPLE, "-vf",
            f"tpad=start_mode=clone:start_duration={PAUSE}:stop_mode=clone:stop_duration={PAUSE},"
            f"noise=alls={POOR_LIGHT}:allf=t",
            "-c:v", "libx264", "-crf", 18, "-pix_fmt", "yuv420p", path)
    return made(cache / f"moving-{POOR_LIGHT}-{PAUSE}.mp4", make)


def configuration(source, gate, output, policy, more=""):
    return f"""model: {SAMPLE_MODEL}
defaults:
  events: {{lost_after: {LOST_AFTER}s}}
streams:
  - name: scene
    source: {source}
    policy: {policy}
    motion_gate: {"true" if gate else "false"}
    outputs:
      - json: {output}
{more}"""


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def idle_time(options, gate):
    """Seconds of processor time in a second of the still scene, once it has settled."""
    with tempfile.TemporaryDirectory(prefix="segmentd-") as name:
        folder = pathlib.Path(name)
        source = f"{{url: {still(options)}, loop: true, native_rate: true}}"
        text = configuration(source, gate, folder / "scene.jsonl", "latency")
        with Daemon(options.segmentd, folder, text) as daemon:
            settled = SETTLING * RATE
            daemon.wait(lambda: daemon.metrics().get("segmentd_frames_in_total", {}).get("scene", 0) > settled, 60, "frames")
            frames, start = daemon.metrics()["segmentd_frames_in_total"]["scene"], daemon.processor_time()
            wanted = frames + options.seconds * RATE
            daemon.wait(
                lambda: daemon.metrics()["segmentd_frames_in_total"]["scene"] >= wanted, 3 * options.seconds, "end of the time")
            taken = daemon.processor_time() - start
            seconds = (daemon.metrics()["segmentd_frames_in_total"]["scene"] - frames) / RATE
            daemon.stop()
        if gate:
            check_stillness(records(folder / "scene.jsonl"), settled)
        return taken / seconds


def check_stillness(lines, settled):
    """Every frame must show the objects of the first, and nearly all must be still ones."""
    frames = [line for line in lines if line["type"] == "frame" and line["frame"] >= settled]
    skipped = sum(frame.get("still", False) for frame in frames)
    expect(skipped >= 0.95 * len(frames), f"{skipped} of {len(frames)} frames of a still scene are left out by the gate")
    known = [{item.get("track_id") for item in frame["objects"]} for frame in frames]
    changes = sum(a != b for a, b in zip(known, known[1:]))
    # A look now and then may find an object anew or not, where its score is near the threshold.
    looks = sum(frame["inferred"] for frame in frames)
    expect(changes <= looks, f"the objects of a still scene keep their identities: {changes} changes in {looks} looks")


def events(options, gate):
    """The events of the moving scene."""
    with tempfile.TemporaryDirectory(prefix="segmentd-") as name:
        folder = pathlib.Path(name)
        more = """    zones:
      - {name: left, polygon: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], dwell: 1s}
      - {name: middle, polygon: [[0.3, 0.3], [0.7, 0.3], [0.7, 0.8], [0.3, 0.8]]}
    lines:
      - {name: upright, from: [0.5, 0], to: [0.5, 1]}
      - {name: level, from: [0, 0.6], to: [1, 0.6]}
"""
        text = configuration(moving(options.cache), gate, folder / "scene.jsonl", "every-frame", more)
        with Daemon(options.segmentd, folder, text) as daemon:
            daemon.finish(600)
        lines = records(folder / "scene.jsonl")
    frames = [line for line in lines if line["type"] == "frame"]
    looks = sum(frame["inferred"] for frame in frames)
    print(f"moving scene {'with' if gate else 'without'} the gate: {looks} of {len(frames)} frames inferred", flush=True)
    return [line for line in lines if line["type"] == "event"], frames


def moved(frames):
    """The tracks whose box's centre goes somewhere."""
    centres = {}
    for frame in frames:
        for item in frame["objects"]:
            if "track_id" in item:
                x, y, width, height = item["bbox"]
                centres.setdefault(item["track_id"], []).append((x + width / 2, y + height / 2))
    return {
        track for track, places in centres.items()
        if any(max(axis) - min(axis) >= MOVED for axis in zip(*places))}


def is_of_motion(event, frames, tolerance):
    """Whether something that moves may be what the event tells of: not where the scene stands still, in which a detector that is
    unsure of an object finds it here, there and not at all, frame by frame, under the noise."""
    # What leaves with the last motion is gone only when it has been unseen for long enough.
    return PAUSE * RATE <= event["frame"] < len(frames) - (PAUSE - LOST_AFTER) * RATE + tolerance


def same(a, b, tolerance):
    """Whether two events tell the same: what, where and about the same object, at about the same time."""
    keys = ["event", "zone", "line", "direction", "category"]
    return (
        all(a.get(key) == b.get(key) for key in keys) and abs(a["frame"] - b["frame"]) <= tolerance
        and overlap(a["bbox"], b["bbox"]) >= 0.5)


def overlap(a, b):
    """The intersection over union of two boxes."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(0, width) * max(0, height)
    union = a[2] * a[3] + b[2] * b[3] - both
    return both / union if union > 0 else 0


def missing(wanted, found, tolerance):
    """The events of one run that the other does not have; each may stand for one only."""
    rest, absent = list(found), []
    for event in wanted:
        match = next((other for other in rest if same(event, other, tolerance)), None)
        if match is None:
            absent.append(event)
        else:
            rest.remove(match)
    return absent


def expect(condition, what):
    print(f"{'ok' if condition else 'FAILED'}: {what}", flush=True)
    if not condition:
        sys.exit(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="folder that keeps the videos")
    parser.add_argument("--rounds", type=positive, default=3, help="runs with the gate and without, in turns")
    parser.add_argument("--seconds", type=positive, default=30, help="of the still scene in each run")
    parser.add_argument("--part", type=float, default=0.1, help="of the processor time that the gate may leave")
    parser.add_argument("--tolerance", type=positive, default=5, help="frames by which an event may come sooner or later")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    options.cache = options.cache.resolve()

    (plain, frames), (gated, _) = events(options, False), events(options, True)
    alive = moved(frames)
    lasting = [event for event in plain if event["event"] not in ("update", "dwell")]
    wanted = [
        event for event in lasting if event["track_id"] in alive and is_of_motion(event, frames, options.tolerance)]
    expect(len(wanted) >= 20, f"{len(wanted)} events of {len(alive)} objects that move")
    absent = missing(wanted, gated, options.tolerance)
    for event in absent:
        print(json.dumps(event))
    expect(not absent, f"{len(wanted) - len(absent)} of them come with the gate as well")
    others = [event for event in lasting if event not in wanted]
    print(f"of {len(others)} other events, {len(others) - len(missing(others, gated, options.tolerance))} come with the gate")

    times = {True: [], False: []}
    for round in range(options.rounds):
        for gate in (round % 2 == 0, round % 2 != 0):
            times[gate].append(idle_time(options, gate))
    with_gate, without = statistics.median(times[True]), statistics.median(times[False])
    for gate, name in [(True, "with"), (False, "without")]:
        print(f"{name} the gate: " + ", ".join(f"{100 * value:.1f} %" for value in times[gate]) + " of a processor")
    expect(
        with_gate < options.part * without, f"a still scene takes {100 * with_gate / without:.1f} % of the processor time")


if __name__ == "__main__":
    main()
