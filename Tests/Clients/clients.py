"""Checks that clients of a socket cannot disturb the daemon or each other, whatever they do."""

import argparse
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from option_types import positive  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def wait_for(what, condition, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    sys.exit(f"FAILED: waited {seconds} seconds in vain for {what}")


def connect(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(str(path))
    return connection


class Watcher(threading.Thread):
    """A client that reads everything, and keeps the frames' numbers."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.connection, self.frames, self.gaps, self.has_ended = connect(path), [], 0, False
        self.start()

    def run(self):
        with self.connection.makefile("rb") as lines:
            for line in lines:
                record = json.loads(line)
                if record["type"] == "frame":
                    self.frames.append(record["frame"])
                elif record["type"] == "gap":
                    self.gaps += 1
                elif record["type"] == "end":
                    self.has_ended = True


class Process:
    """What the system says of the daemon."""

    def __init__(self, pid):
        self.pid = pid

    def resident(self):
        """Resident memory, KiB."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise RuntimeError("the process has no VmRSS")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))


def crowd(path, count, generator):
    """Connects clients of every kind, and returns those that stay."""
    clients = []
    for index in range(count):
        client = connect(path)
        client.setblocking(False)
        kind = index % 5
        try:
            if kind == 0:
                # Never reads.
                pass
            elif kind == 1:
                client.send(generator.randbytes(4000))
            elif kind == 2:
                client.send(b"GET / HTTP/1.1\r\n\r\n")
                client.shutdown(socket.SHUT_WR)
            elif kind == 3:
                client.shutdown(socket.SHUT_RDWR)
            else:
                # Comes, and goes in the middle of what it sends.
                client.send(b'{"type":"fra')
                client.close()
                continue
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass
        clients.append(client)
    return clients


def annoy(clients, generator):
    """Some read a little, some send more garbage."""
    for client in clients:
        try:
            if generator.random() < 0.3:
                client.recv(generator.randrange(1, 5000))
            if generator.random() < 0.3:
                client.send(generator.randbytes(generator.randrange(1, 4000)))
        except OSError:
            pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--clients", type=positive, default=999, help="clients beside the one that counts (999)")
    parser.add_argument("--rounds", type=positive, default=6, help="how often they come and go (6)")
    arguments = parser.parse_args()
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        crowd_folder, few_folder = pathlib.Path(folder) / "crowd", pathlib.Path(folder) / "few"
        crowd_folder.mkdir()
        few_folder.mkdir()
        check_crowd(arguments, crowd_folder, generator)
        check_few_descriptors(arguments, few_folder)


def start(segmentd, folder, limit=None):
    """Starts a daemon whose socket is `door.sock`, and which writes the same to `frames.jsonl`.

    With a limit it has no more descriptors than that.
    """
    source = {"url": str(ROOT / "Samples/shapes.mp4"), "native_rate": True, "loop": True}
    outputs = [{"socket": str(folder / "door.sock")}, {"json": str(folder / "frames.jsonl")}]
    configuration = folder / "segmentd.yaml"
    # JSON is YAML, too.
    configuration.write_text(
        json.dumps({"http": "off", "streams": [{"name": "door", "source": source, "outputs": outputs}]})
    )
    command = [segmentd, "run", "--config", configuration]
    if limit:
        command = ["prlimit", f"--nofile={limit}:{limit}", *command]
    with open(folder / "segmentd.log", "wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def stop(daemon, folder, watcher):
    """Ends the daemon in order, and checks that the watcher saw what is in the file. Returns the number of frames."""
    daemon.send_signal(signal.SIGTERM)
    if daemon.wait(60) != 0:
        sys.exit(f"FAILED: segmentd ended with {daemon.returncode}: {(folder / 'segmentd.log').read_text()}")
    watcher.join(30)
    written = [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]
    frames = [record["frame"] for record in written if record["type"] == "frame"]
    # The client came after the first frames.
    frames = frames[-len(watcher.frames) :]
    if watcher.gaps or watcher.frames != frames or not watcher.has_ended:
        sys.exit(
            f"FAILED: the client saw {len(watcher.frames)} of {len(frames)} frames, {watcher.gaps} gaps, and "
            f"{'the' if watcher.has_ended else 'no'} end"
        )
    return len(frames)


def check_few_descriptors(arguments, folder):
    """A daemon that has no descriptors left goes on, and lets clients in again when some have gone."""
    path = folder / "door.sock"
    daemon = start(arguments.segmentd, folder, limit=96)
    try:
        wait_for("the socket", path.exists)
        watcher = Watcher(path)
        wait_for("frames", lambda: len(watcher.frames) > 20)
        clients = [connect(path) for _ in range(200)]
        wait_for("a complaint", lambda: "cannot let a client in" in (folder / "segmentd.log").read_text())
        seen = len(watcher.frames)
        wait_for("frames without descriptors", lambda: len(watcher.frames) > seen + 100)
        if (complaints := (folder / "segmentd.log").read_text().count("cannot let a client in")) > 60:
            sys.exit(f"FAILED: {complaints} complaints in some seconds")
        for client in clients:
            client.close()
        late = Watcher(path)
        wait_for("frames for a new client", lambda: late.frames)
        print(f"a client saw all {stop(daemon, folder, watcher)} frames of a daemon without descriptors")
    finally:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()


def check_crowd(arguments, folder, generator):
    path = folder / "door.sock"
    daemon, listener = start(arguments.segmentd, folder), None
    try:
        wait_for("the socket", path.exists)
        watcher = Watcher(path)
        wait_for("frames", lambda: len(watcher.frames) > 20)
        process = Process(daemon.pid)
        descriptors, threads = process.descriptors(), process.threads()
        sizes = []
        for number in range(arguments.rounds):
            # One client is a process that is stopped as a whole; it counts as one of them.
            listener = subprocess.Popen([arguments.segmentd, "listen", path], stdout=subprocess.DEVNULL)
            clients = crowd(path, arguments.clients - 1, generator)
            listener.send_signal(signal.SIGSTOP)
            seen = len(watcher.frames)
            while len(watcher.frames) < seen + 100:
                annoy(clients, generator)
                time.sleep(0.05)
                if daemon.poll() is not None:
                    sys.exit(f"FAILED: segmentd ended: {(folder / 'segmentd.log').read_text()}")
            for client in clients:
                client.close()
            listener.kill()
            listener.wait()
            wait_for("their descriptors to be closed", lambda: process.descriptors() <= descriptors, 30)
            sizes.append(process.resident())
            print(f"round {number + 1}: {sizes[-1]} KiB, {process.descriptors()} descriptors, {process.threads()} threads")
        if process.threads() > threads:
            sys.exit(f"FAILED: {process.threads()} threads, and {threads} before")
        # The first two rounds fill what the allocator keeps.
        settled = sizes[min(1, len(sizes) - 1)]
        if sizes[-1] > settled * 1.01:
            sys.exit(f"FAILED: {sizes[-1]} KiB after the last round, and {settled} after the second")
        frames = stop(daemon, folder, watcher)
        print(f"a client saw all {frames} frames beside {arguments.rounds} x {arguments.clients} others")
    finally:
        for child in filter(None, [daemon, listener]):
            if child.poll() is None:
                child.kill()
                child.wait()


if __name__ == "__main__":
    main()
