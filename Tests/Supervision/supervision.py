"""Does to `segmentd run` what systemd does: waits for READY, reads the watchdog's signs, reloads, stops, restarts what is wedged.

The stand-in speaks the protocol of sd_notify(3): datagrams of NAME=VALUE lines on the socket that NOTIFY_SOCKET names.
"""

import argparse
import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Requests of ptrace(2), which stop a single thread and leave the others running.
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207


def check(condition, what):
    """Says what holds, and ends where it does not."""
    if not condition:
        sys.exit(f"failed: {what}")
    print(f"ok: {what}", flush=True)


def wait_for(condition, seconds, what):
    """Waits until the condition holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    sys.exit(f"failed: {what} within {seconds} s")


class Manager:
    """The part of systemd that a service of Type=notify meets."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.messages = []
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        while True:
            text = self.socket.recv(65536).decode()
            for line in text.splitlines():
                self.messages.append((time.monotonic(), *line.partition("=")[::2]))

    def last(self, name):
        """When the service last sent this, and what."""
        return next(((at, value) for at, key, value in reversed(self.messages) if key == name), None)

    def count(self, name):
        return sum(key == name for _, key, _ in list(self.messages))


class Service:
    """One run of the daemon."""

    def __init__(self, arguments, manager, folder, watchdog):
        self.before = len(manager.messages)
        self.manager = manager
        environment = dict(os.environ, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC=str(int(watchdog * 1e6)))
        environment.pop("WATCHDOG_PID", None)
        self.log = open(folder / "log", "a")
        self.process = subprocess.Popen(
            [arguments.segmentd, "run", "--config", folder / "segmentd.yaml"], env=environment, stderr=self.log)

    def ready(self):
        wait_for(
            lambda: any(key == "READY" and value == "1" for _, key, value in self.manager.messages[self.before:])
            or self.ended(), 60, "READY=1")

    def ended(self):
        if self.process.poll() is not None:
            sys.exit(f"failed: segmentd ended with {self.process.returncode}; see its log")


class Consumer(threading.Thread):
    """A client of the socket, which keeps what it reads."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX)
        wait_for(lambda: self.connects(path), 30, f"a connection to {path}")
        self.records, self.closed = [], False
        self.start()

    def connects(self, path):
        try:
            self.socket.connect(str(path))
        except OSError:
            return False
        return True

    def run(self):
        with self.socket.makefile() as lines:
            for line in lines:
                self.records.append(json.loads(line))
        self.closed = True

    def frames(self):
        return [record["frame"] for record in list(self.records) if record["type"] == "frame"]


def configuration(folder, threshold=0.5):
    """Two streams of the sample video; the threshold is the second one's."""
    stream = """  - name: {name}
    source: {{url: {video}, loop: true, native_rate: true}}
    policy: latency
    threshold: {threshold}
    outputs:
      - socket: {folder}/{name}.sock
"""
    video = ROOT / "Samples/shapes.mp4"
    text = f"http: off\nstop_timeout: 8s\nmodel: {ROOT}/Samples/shapes.safetensors\nstreams:\n"
    text += stream.format(name="kept", video=video, threshold=0.5, folder=folder)
    text += f"      - json: {folder}/kept.jsonl\n"
    text += f"      - record: {{directory: {folder}/recordings, segment: 60s}}\n"
    text += stream.format(name="changed", video=video, threshold=threshold, folder=folder)
    (folder / "segmentd.yaml").write_text(text)


def threads(pid, name):
    """The threads of a process that bear the name."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            if (task / "comm").read_text().strip() == name:
                found.append(int(task.name))
        except OSError:
            pass
    return found


def wedge(pid, name):
    """Stops the threads of that name for good, as a lock that nobody gives back would.

    The threads stay stopped for as long as the process that is returned lives: whoever traces a thread has to be there.
    """
    found = threads(pid, name)
    check(found, f"threads named {name}: {len(found)}")
    tracer = subprocess.Popen([sys.executable, __file__, "--wedge", *map(str, found)], stdout=subprocess.PIPE, text=True)
    if tracer.stdout.readline() != "stopped\n":
        sys.exit("failed: the threads could not be stopped; run as the same user, or as root")
    return tracer


def trace(found):
    """Stops threads and waits to be killed."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for thread in found:
        if libc.ptrace(PTRACE_SEIZE, thread, None, None) != 0:
            sys.exit(f"ptrace: {os.strerror(ctypes.get_errno())}")
        libc.ptrace(PTRACE_INTERRUPT, thread, None, None)
    print("stopped", flush=True)
    signal.pause()


def plays(path):
    """The number of frames that ffmpeg decodes from a file."""
    result = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames",
         "-of", "csv=p=0", path], capture_output=True, text=True)
    return int(result.stdout.strip().rstrip(",") or 0) if result.returncode == 0 else 0


def recordings(folder):
    return sorted((folder / "recordings").glob("*.mp4"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--watchdog", type=float, default=6, help="seconds that the watchdog waits")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="segmentd-") as name:
        folder = pathlib.Path(name)
        manager = Manager(folder)
        configuration(folder)

        service = Service(arguments, manager, folder, arguments.watchdog)
        service.ready()
        check(True, "READY=1")
        kept, changed = Consumer(folder / "kept.sock"), Consumer(folder / "changed.sock")
        wait_for(lambda: len(kept.frames()) > 60 and len(changed.frames()) > 60, 60, "frames on both sockets")
        start = manager.count("WATCHDOG")
        wait_for(lambda: manager.count("WATCHDOG") >= start + 3, 2 * arguments.watchdog, "three signs of life")
        status = wait_for(lambda: manager.last("STATUS"), 10, "STATUS")[1]
        check("2 streams" in status, f"STATUS={status}")

        configuration(folder, threshold=0.6)
        before = len(kept.frames())
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: any(record["type"] == "end" for record in changed.records), 20, "the changed stream's end")
        again = Consumer(folder / "changed.sock")
        wait_for(lambda: len(again.frames()) > 30, 30, "frames of the changed stream after the reload")
        frames = kept.frames()
        check(len(frames) > before, "the unchanged stream went on")
        check(frames == list(range(frames[0], frames[0] + len(frames))), "the unchanged stream lost no frame by the reload")
        (folder / "segmentd.yaml").write_text("streams: 7\n")
        service.process.send_signal(signal.SIGHUP)
        before = len(kept.frames())
        wait_for(lambda: len(kept.frames()) > before + 30, 20, "frames after a reload of a wrong configuration")
        check(service.process.poll() is None, "a wrong configuration is refused, and the old one goes on")
        configuration(folder, threshold=0.6)

        start = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        code = service.process.wait(timeout=30)
        took = time.monotonic() - start
        check(code == 0 and took < 8, f"SIGTERM: exit {code} after {took:.1f} s")
        check(manager.last("STOPPING") is not None, "STOPPING=1")
        wait_for(lambda: kept.closed and again.closed, 5, "the sockets' end")
        check(kept.records[-1]["type"] == "end" and again.records[-1]["type"] == "end", "clients got `end`")
        lines = (folder / "kept.jsonl").read_text().splitlines()
        check(json.loads(lines[-1])["type"] == "end", f"the JSON file is whole: {len(lines)} lines")
        files = recordings(folder)
        check(files and all(plays(file) for file in files), f"{len(files)} recordings play")
        check(not list((folder / "recordings").glob("*.part")), "no recording is left unfinished")

        for stage in ["detect", "track"]:
            service = Service(arguments, manager, folder, arguments.watchdog)
            service.ready()
            consumer = Consumer(folder / "kept.sock")
            wait_for(lambda: len(consumer.frames()) > 30, 60, "frames")
            tracer = wedge(service.process.pid, stage)
            wedged = time.monotonic()
            # As systemd does: no sign for the watchdog's time means SIGABRT, and then a new start.
            while time.monotonic() - max(manager.last("WATCHDOG")[0], wedged) < arguments.watchdog:
                service.ended()
                time.sleep(0.05)
                if time.monotonic() - wedged > 10 * arguments.watchdog:
                    sys.exit(f"failed: a wedged {stage} stage did not stop the watchdog")
            check(True, f"a wedged {stage} stage stopped the watchdog after {time.monotonic() - wedged:.1f} s")
            service.process.kill()
            tracer.kill()
            tracer.wait()
            service.process.wait(timeout=30)
        service = Service(arguments, manager, folder, arguments.watchdog)
        service.ready()
        consumer = Consumer(folder / "kept.sock")
        wait_for(lambda: len(consumer.frames()) > 30, 60, "frames after the restart")
        wait_for(lambda: len(recordings(folder)) > len(files), 20, "the killed run's recordings under their names")
        check(all(plays(file) for file in recordings(folder)), f"all {len(recordings(folder))} recordings play")
        service.process.send_signal(signal.SIGTERM)
        check(service.process.wait(timeout=30) == 0, "SIGTERM: exit 0")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--wedge"]:
        trace([int(thread) for thread in sys.argv[2:]])
    else:
        main()
