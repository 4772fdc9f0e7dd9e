"""Runs segmentd on an RTSP camera with two clients and a recording, stops one client, and fails where the other notices."""

import argparse
import datetime
import json
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from daemon import ROOT, SAMPLE, SAMPLE_MODEL, Daemon  # noqa: E402
from option_types import positive  # noqa: E402

USER, PASSWORD = "viewer", "sesame"


class Client(threading.Thread):
    """Reads everything; keeps each frame's number, whether it was inferred, and seconds from its capture to its line."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(str(path))
        self.frames, self.gaps = [], []
        self.start()

    def run(self):
        with self.connection.makefile("rb") as lines:
            for line in lines:
                now = time.time()
                record = json.loads(line)
                if record["type"] == "frame":
                    captured = datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp()
                    self.frames.append((record["frame"], record["inferred"], now - captured))
                elif record["type"] == "gap":
                    self.gaps.append(record)


def camera(video):
    """A server that serves the video, and its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        ["/usr/bin/python3", ROOT / "Tests/Streams/rtsp_server.py", video, "--port", str(port), "--user", USER, "--password",
         PASSWORD], stdout=subprocess.PIPE, text=True)
    if server.stdout.readline().strip() != "ready":
        sys.exit("the RTSP server did not start")
    return server, port


def check_recordings(folder):
    """Counts the recordings' frames; all have to play."""
    count = 0
    recordings = sorted(folder.glob("**/*.mp4"))
    for path in recordings:
        result = subprocess.run(
            ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of",
             "csv=p=0", path], capture_output=True, text=True)
        if result.returncode != 0 or result.stderr:
            sys.exit(f"FAILED: {path.name} does not play: {result.stderr}")
        count += int(result.stdout.strip().rstrip(","))
    return len(recordings), count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--seconds", type=positive, default=60, help="with both clients reading, and with one stopped")
    parser.add_argument("--latency", type=float, default=10, help="percent by which the median latency may change")
    options = parser.parse_args()

    faults = []
    with tempfile.TemporaryDirectory(prefix="segmentd-") as name:
        folder = pathlib.Path(name)
        video = folder / "camera.mkv"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-nostdin", "-stream_loop", "-1", "-i", SAMPLE, "-t", str(3 * options.seconds + 120),
             "-c", "copy", video], check=True)
        server, port = camera(video)
        text = f"""model: {SAMPLE_MODEL}
streams:
  - name: camera
    source: rtsp://{USER}:{PASSWORD}@127.0.0.1:{port}/camera
    max_fps: 10
    outputs:
      - socket: {folder}/camera.sock
      - json: {folder}/camera.jsonl
      - record: {{directory: {folder}/recordings, segment: 20s}}
"""
        listener = None
        try:
            with Daemon(options.segmentd, folder, text) as daemon:
                daemon.wait(lambda: daemon.inferred().get("camera", 0) >= 20, 60, "frames")
                client = Client(folder / "camera.sock")
                with open(folder / "listened", "wb") as listened:
                    listener = subprocess.Popen([options.segmentd, "listen", folder / "camera.sock"], stdout=listened)
                    time.sleep(options.seconds)
                    daemon.check()
                    stopped_at = len(client.frames)
                    listener.send_signal(signal.SIGSTOP)
                    time.sleep(options.seconds)
                    daemon.check()
                    resumed_at = len(client.frames)
                    listener.send_signal(signal.SIGCONT)
                    time.sleep(3)
                    daemon.stop()
                    client.join(10)
                    listener.wait(30)
        finally:
            if listener and listener.poll() is None:
                listener.kill()
            server.kill()
            server.wait()
            server.stdout.close()

        written = [json.loads(line) for line in (folder / "camera.jsonl").read_text().splitlines()]
        first = client.frames[0][0]
        wanted = [record["frame"] for record in written if record["type"] == "frame" and record["inferred"] and record["frame"] >= first]
        seen = [frame for frame, is_inferred, _ in client.frames if is_inferred]
        print(f"the client that reads saw {len(seen)} of {len(wanted)} inferred frames, {len(client.gaps)} gaps")
        if seen != wanted or client.gaps:
            faults.append("the client that reads missed frames")

        listened = [json.loads(line) for line in (folder / "listened").read_text().splitlines()]
        gaps = [record for record in listened if record["type"] == "gap"]
        frames = [record for record in listened if record["type"] == "frame"]
        print(f"the client that was stopped saw {len(frames)} frames and {len(gaps)} gaps: {gaps[:1]}")
        if not gaps:
            faults.append("the stopped client was told of no gap; give more --seconds")

        medians = []
        for what, group in [("both read", client.frames[:stopped_at]), ("one is stopped", client.frames[stopped_at:resumed_at])]:
            latencies = sorted(latency for _, is_inferred, latency in group if is_inferred)
            medians.append(statistics.median(latencies))
            print(
                f"capture to line while {what}: median {1000 * medians[-1]:.1f} ms, "
                f"99 % {1000 * latencies[int(0.99 * len(latencies))]:.1f} ms, {len(latencies)} frames")
        if medians[1] > medians[0] * (1 + options.latency / 100):
            faults.append("latency rises with the stopped client")

        recordings, count = check_recordings(folder / "recordings")
        print(f"{recordings} recordings with {count} frames play")
        if recordings < 2 * options.seconds // 20 or count < 0.9 * len(client.frames):
            faults.append("recordings are missing")
    if faults:
        sys.exit("FAILED: " + "; ".join(faults))


if __name__ == "__main__":
    main()
