"""Runs of segmentd that are watched: what they write, and what the system and the daemon's own page say of them."""

import collections
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "Samples/shapes.mp4"
SAMPLE_MODEL = ROOT / "Samples/shapes.safetensors"


class Watched:
    """A running segmentd, `process`, whose messages go to the file `log`. Nothing is waited for longer than `patience`, seconds."""

    # Seconds from one look to the next.
    pause = 0.01

    def __init__(self, process, log, patience):
        self.process = process
        self.log = log
        self.patience = patience

    def messages(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, what, condition):
        """Waits until the condition holds; ends this program where it never does."""
        end = time.monotonic() + self.patience
        while not condition():
            if self.process.poll() is not None:
                sys.exit(f"segmentd ended with {self.process.returncode} before {what}:\n{self.messages()}")
            if time.monotonic() > end:
                self.process.kill()
                sys.exit(f"{what}: not within {self.patience} seconds:\n{self.messages()}")
            time.sleep(self.pause)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def finish(self, status=0):
        """Waits for the end, and expects that exit code."""
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            sys.exit(f"segmentd did not end within {self.patience} seconds:\n{self.messages()}")
        if self.process.returncode != status:
            sys.exit(f"segmentd ended with {self.process.returncode} instead of {status}:\n{self.messages()}")


class Daemon:
    """A running daemon in a folder of its own. `text` is its configuration, but for the address of its page."""

    def __init__(self, segmentd, folder, text):
        self.folder = pathlib.Path(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        configuration = self.folder / "segmentd.yaml"
        configuration.write_text(f"http: {self.address}\n{text}")
        self.log = open(self.folder / "log", "w")
        self.process = subprocess.Popen([segmentd, "run", "--config", configuration], stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def check(self):
        """Ends the script where the daemon has ended."""
        if self.process.poll() is not None:
            sys.exit(f"segmentd ended with {self.process.returncode}:\n{(self.folder / 'log').read_text()[-2000:]}")

    def wait(self, condition, seconds, what):
        """Waits until the condition holds, and returns what it says."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            value = condition()
            if value:
                return value
            time.sleep(0.1)
        sys.exit(f"no {what} within {seconds} s:\n{(self.folder / 'log').read_text()[-2000:]}")

    def metrics(self):
        """The page for Prometheus: values by name and stream, summed up over other labels. Empty before it listens."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        values = collections.defaultdict(collections.Counter)
        for line in text.splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if match:
                stream = re.search(r'stream="([^"]*)"', match[2] or "")
                values[match[1]][stream[1] if stream else ""] += float(match[3])
        return values

    def inferred(self):
        """The frames that the detector has seen, by stream."""
        return self.metrics().get("segmentd_frames_inferred_total", {})

    def processor_time(self):
        """Seconds of processor time so far."""
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        # The name, in parentheses, may hold anything; utime and stime are the twelfth and thirteenth fields after it.
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        """Resident memory, KiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def stop(self):
        """Stops the daemon in order."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        if code != 0:
            sys.exit(f"segmentd ended with {code} after SIGTERM:\n{(self.folder / 'log').read_text()[-2000:]}")

    def finish(self, seconds):
        """Waits until all sources have ended, and with them the daemon."""
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            sys.exit(f"segmentd has not come to its sources' end in {seconds} s")
        if code != 0:
            sys.exit(f"segmentd ended with {code}:\n{(self.folder / 'log').read_text()[-2000:]}")
