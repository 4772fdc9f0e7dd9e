"""Runs segmentd on an RTSP server that is killed, stopped and cut off, and fails where the stream does not come back."""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from network import ADDRESSES, Network  # noqa: E402
from option_types import positive  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
PORT = 8554
USER, PASSWORD = "viewer", "open:sesame@home"
# Seconds: the longest wait between two attempts, what opening or a silent connection may take, and what a key frame, a busy
# machine and the detector may add.
BACKOFF, TIMEOUT, GRACE = 30, 10, 10


class Camera:
    """The RTSP server, which can be killed, stopped and started again."""

    def __init__(self, network, video):
        self.command = network.command(
            "camera", "/usr/bin/python3", ROOT / "Tests/Streams/rtsp_server.py", video, "--address", ADDRESSES["camera"],
            "--port", PORT, "--user", USER, "--password", PASSWORD)
        self.process = None

    def start(self):
        """Returns once the server listens."""
        # `ip netns exec` replaces itself by the command, so that signals reach the server.
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit("the RTSP server did not start")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None


class Frames:
    """Follows the JSON lines of a running daemon and checks each."""

    def __init__(self, path):
        self.path = path
        self.file = None
        self.rest = b""
        self.count = 0
        self.last = None

    def poll(self):
        """Reads what has come; returns how many frames were among it."""
        if self.file is None:
            if not self.path.exists():
                return 0
            self.file = open(self.path, "rb")
        *lines, self.rest = (self.rest + self.file.read()).split(b"\n")
        before = self.count
        for line in lines:
            record = json.loads(line)
            if record["type"] != "frame":
                continue
            if self.last is not None and record["pts"] <= self.last:
                sys.exit(f"frame {record['frame']} has the time {record['pts']} after {self.last}")
            self.last = record["pts"]
            self.count += 1
        return self.count - before

    def wait(self, seconds, what, process):
        """Waits for the next frame and returns after how many seconds it came."""
        self.poll()
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            if self.poll():
                return time.monotonic() - start
            if process.poll() is not None:
                sys.exit(f"segmentd has ended with {process.returncode} {what}")
            time.sleep(0.05)
        sys.exit(f"no frame came within {seconds} s {what}")


def footprint(pid):
    """Open descriptors, and resident memory in KiB."""
    with open(f"/proc/{pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    return len(os.listdir(f"/proc/{pid}/fd")), resident


def looped(cache, seconds):
    """The sample video again and again, as long as the test needs it."""
    path = cache / f"shapes-{seconds}.mkv"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = cache / "unfinished.mkv"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-stream_loop", "-1", "-i", ROOT / "Samples/shapes.mp4", "-t", str(seconds), "-c",
             "copy", unfinished], check=True)
        unfinished.rename(path)
    return path


def configure(folder, transport):
    address = f"rtsp://{ADDRESSES['camera']}:{PORT}/camera"
    path = folder / "segmentd.yaml"
    path.write_text(
        f"""model: {ROOT}/Samples/shapes.safetensors
streams:
  - name: camera
    source:
      url: rtsp://{USER}:{PASSWORD.replace(':', '%3A').replace('@', '%40')}@{address.removeprefix('rtsp://')}
      transport: {transport}
    policy: latency
    max_fps: 5
    outputs:
      - json: {folder}/camera.jsonl
""")
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="folder that keeps the video")
    parser.add_argument("--transport", choices=["auto", "tcp", "udp"], default="auto")
    parser.add_argument("--kills", type=positive, default=20, help="how often the server is killed and restarted")
    parser.add_argument("--stops", type=positive, default=3, help="how often the server is stopped, its connections half open")
    parser.add_argument("--loss", type=int, default=30, help="percent of the packets that are lost for a time")
    parser.add_argument("--loss-seconds", type=positive, default=60)
    parser.add_argument("--growth", type=float, default=5, help="percent by which memory may grow after the first kills")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    print(f"seed {options.seed}")

    with tempfile.TemporaryDirectory() as name, Network() as network:
        folder = pathlib.Path(name)
        camera, frames = Camera(network, looped(options.cache, 3600)), Frames(folder / "camera.jsonl")
        log = open(folder / "log", "w+")
        camera.start()
        command = network.command("daemon", options.segmentd, "run", "--config", configure(folder, options.transport))
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            check(options, chance, network, camera, frames, daemon)
            daemon.terminate()
            if daemon.wait(timeout=30) != 0:
                sys.exit(f"segmentd ended with {daemon.returncode}")
            log.seek(0)
            if any(secret in log.read() for secret in (PASSWORD, "sesame")):
                sys.exit("the log shows the password")
        except BaseException:
            log.seek(0)
            print("".join(log.readlines()[-40:]), file=sys.stderr)
            raise
        finally:
            daemon.kill()
            camera.kill()
            network.heal()
            log.close()
    print(f"{frames.count} frames, in order")


def check(options, chance, network, camera, frames, daemon):
    bound = BACKOFF + TIMEOUT + GRACE
    print(f"first frame after {frames.wait(60, 'after the start', daemon):.1f} s")

    worst, settled = 0, None
    for index in range(options.kills):
        camera.kill()
        time.sleep(chance.uniform(0, 5))
        camera.start()
        worst = max(worst, frames.wait(bound, f"after kill {index + 1}", daemon))
        time.sleep(chance.uniform(0, 5))
        # By then every buffer has been needed once.
        if index == min(4, options.kills - 1):
            settled = footprint(daemon.pid)
    print(f"killed {options.kills} times: back after {worst:.1f} s at most")

    worst = 0
    for index in range(options.stops):
        camera.signal(signal.SIGSTOP)
        # Long enough for the daemon to hang up and to meet a server that takes connections and never answers.
        time.sleep(chance.uniform(2.5, 3.5) * TIMEOUT)
        frames.poll()
        camera.signal(signal.SIGCONT)
        worst = max(worst, frames.wait(bound, f"after stop {index + 1}", daemon))
    print(f"stopped {options.stops} times: back after {worst:.1f} s at most")

    if options.loss:
        means = network.lose(options.loss)
        time.sleep(options.loss_seconds)
        during = frames.poll()
        network.heal()
        after = frames.wait(bound, "after the loss of packets", daemon)
        print(f"{options.loss} % of the packets lost ({means}): {during} frames meanwhile, the next {after:.1f} s later")

    time.sleep(5)
    descriptors, resident = footprint(daemon.pid)
    growth = 100 * (resident / settled[1] - 1)
    print(f"descriptors {settled[0]} and {descriptors}, memory {settled[1] / 1024:.1f} and {resident / 1024:.1f} MiB: {growth:+.1f} %")
    if descriptors > settled[0]:
        sys.exit("descriptors are left open")
    if growth > options.growth:
        sys.exit(f"memory has grown by more than {options.growth} %")


if __name__ == "__main__":
    main()
