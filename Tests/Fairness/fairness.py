"""Counts what the streams of `segmentd run` get of the detector that they share."""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from daemon import SAMPLE, SAMPLE_MODEL, Daemon  # noqa: E402
from option_types import positive  # noqa: E402


# So short that every stream goes through it many times: what a frame costs depends on what it shows, and one stream alone gets
# further in the same time than each of many.
CLIP_FRAMES = 24


def configuration(options, names, clip):
    source = f"{{url: {clip}, loop: true, native_rate: {'true' if options.policy == 'latency' else 'false'}}}"
    streams = "".join(
        f"  - {{name: {name}, source: {source}, policy: {options.policy}, outputs: [{{json: {name}.jsonl}}]}}\n" for name in names)
    return f"model: {options.model}\nstreams:\n{streams}"


def measure(options, count):
    """Inferred frames a second of each stream."""
    names = [f"stream{number}" for number in range(count)]
    with tempfile.TemporaryDirectory(prefix="segmentd-") as folder:
        clip = pathlib.Path(folder) / "clip.mp4"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-nostdin", "-i", SAMPLE, "-frames:v", str(CLIP_FRAMES), "-c", "copy", clip], check=True)
        with Daemon(options.segmentd, folder, configuration(options, names, clip)) as daemon:
            # The first frames of each stream pay for what is set up once.
            daemon.wait(lambda: all(daemon.inferred().get(name, 0) >= 5 for name in names), 300, "frames of all streams")
            start, before = time.monotonic(), daemon.inferred()
            while time.monotonic() - start < options.seconds:
                time.sleep(min(1, max(0.01, options.seconds - (time.monotonic() - start))))
                daemon.check()
            after = daemon.inferred()
            seconds = time.monotonic() - start
            daemon.stop()
    return [(after[name] - before[name]) / seconds for name in names]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--model", type=pathlib.Path, default=SAMPLE_MODEL, help="the model")
    parser.add_argument("--streams", type=positive, default=16)
    parser.add_argument("--rounds", type=positive, default=3, help="runs of many streams and of one, in turns")
    parser.add_argument("--seconds", type=positive, default=60, help="of each run")
    parser.add_argument(
        "--policy", choices=["every-frame", "latency"], default="every-frame",
        help="latency reads at the video's own rate; its total is shown and not judged, since one stream may want too little")
    parser.add_argument("--spread", type=float, default=5, help="percent of the mean between the least and the most")
    parser.add_argument("--least", type=float, default=95, help="percent of one stream's frames that all get together")
    options = parser.parse_args()
    options.model = options.model.resolve()

    totals, alone, spreads = [], [], []
    for round in range(options.rounds):
        for many in (round % 2 == 0, round % 2 != 0):
            rates = measure(options, options.streams if many else 1)
            if many:
                spreads.append(100 * (max(rates) - min(rates)) / statistics.mean(rates))
                totals.append(sum(rates))
                print(
                    f"{options.streams} streams: {sum(rates):.2f} frames/s, {min(rates):.3f} to {max(rates):.3f} each, "
                    f"spread {spreads[-1]:.1f} %", flush=True)
            else:
                alone.append(sum(rates))
                print(f"1 stream: {alone[-1]:.2f} frames/s", flush=True)
    spread = statistics.median(spreads)
    part = 100 * statistics.median(totals) / statistics.median(alone)
    print(f"medians: spread {spread:.1f} %, together {part:.1f} % of one stream's")
    faults = []
    if spread > options.spread:
        faults.append(f"the streams' shares differ by {spread:.1f} %, more than {options.spread} %")
    if options.policy == "every-frame" and part < options.least:
        faults.append(f"all streams get {part:.1f} % of what one gets, less than {options.least} %")
    if faults:
        sys.exit("FAILED: " + "; ".join(faults))


if __name__ == "__main__":
    main()
