"""Checks `segmentd run` with MQTT outputs against a real broker, mosquitto."""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Debian installs the broker where only root looks for programs.
SEARCH = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"


def wait_for(what, condition, seconds=120):
    """Waits until the condition holds, and returns what it returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    sys.exit(f"FAILED: waited {seconds} seconds in vain for {what}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A mosquitto that keeps its sessions in a folder, so that it can be restarted."""

    def __init__(self, folder, tls=None):
        self.folder, self.port, self.process = folder, free_port(), None
        folder.mkdir(parents=True)
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {folder}/",
            # A broker that drops what waits for a consumer would hide whether the daemon has sent it.
            "max_queued_messages 0",
            # Otherwise a broker that root starts gives up its rights to this folder.
            *(["user root"] if os.geteuid() == 0 else []),
        ]
        if tls:
            lines += [f"certfile {tls / 'broker.pem'}", f"keyfile {tls / 'broker.key'}"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self):
        log = open(self.folder / "mosquitto.log", "ab")
        command = [shutil.which("mosquitto", path=SEARCH), "-c", self.folder / "mosquitto.conf"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for("the broker", self.answers, 30)

    def answers(self):
        if self.process.poll() is not None:
            sys.exit(f"FAILED: mosquitto ended: {(self.folder / 'mosquitto.log').read_text()}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        """Ends the broker in order: only then does it save what it has confirmed and not delivered yet."""
        self.process.terminate()
        self.process.wait(30)


class Consumer:
    """A mosquitto_sub with a session that outlasts its connections; its lines are topics and payloads."""

    def __init__(self, broker, folder, topic, *options):
        self.path = folder / "received.txt"
        command = ["mosquitto_sub", "-h", "localhost", "-p", str(broker.port), "-i", "consumer", "-c", "-q", "1"]
        command += ["-t", f"{topic}/#", "-F", "%t %p", *options]
        self.output = open(self.path, "ab")
        self.process = subprocess.Popen(command, stdout=self.output)

    def received(self):
        """Payloads by the last part of their topic; a line that is not whole yet is left for later."""
        messages = collections.defaultdict(list)
        for line in self.path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                topic, _, payload = line.rstrip("\n").partition(" ")
                messages[topic.rpartition("/")[2]].append(payload)
        return messages

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


class Daemon:
    """A `segmentd run` with one stream from the sample video."""

    def __init__(self, segmentd, folder, broker, *, loop=False, tls=None):
        self.json = folder / "frames.jsonl"
        source = {"url": str(ROOT / "Samples/shapes.mp4"), "native_rate": loop, "loop": loop}
        mqtt = {"host": "localhost", "port": broker.port, "topic": "test/door"}
        if tls:
            mqtt["tls"] = {"ca": str(tls)}
        stream = {"name": "door", "source": source, "policy": "every-frame"}
        stream["outputs"] = [{"json": str(self.json)}, {"mqtt": mqtt}]
        # JSON is YAML, too.
        configuration = folder / "segmentd.yaml"
        configuration.write_text(json.dumps({"http": "off", "streams": [stream]}))
        self.log = folder / "segmentd.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([segmentd, "run", "--config", configuration], stdout=log, stderr=log)

    def records(self, kind):
        if not self.json.exists():
            return []
        lines = self.json.read_text().splitlines(keepends=True)
        records = [json.loads(line) for line in lines if line.endswith("\n")]
        return [record for record in records if record["type"] == kind]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        if status != 0:
            sys.exit(f"FAILED: segmentd ended with {status}: {self.log.read_text()}")


@contextlib.contextmanager
def ended(*things):
    """Sees to it that nothing is left running, whatever happens."""
    try:
        yield
    finally:
        for thing in things:
            if thing.process and thing.process.poll() is None:
                thing.process.kill()
                thing.process.wait()


def frames(payloads):
    """The frames' numbers, each once, in the order in which they came first."""
    records = [json.loads(payload) for payload in payloads]
    return list(dict.fromkeys(record["frame"] for record in records if record["type"] == "frame"))


def check_restarts(segmentd, folder, restarts):
    """Every record that is in the JSON file reaches a consumer, though the broker is restarted meanwhile."""
    folder.mkdir()
    broker = Broker(folder / "broker")
    broker.start()
    consumer = Consumer(broker, folder, "test/door")
    # Its session has to be there before the first record.
    time.sleep(1)
    daemon = Daemon(segmentd, folder, broker, loop=True)
    with ended(broker, consumer, daemon):
        for _ in range(restarts):
            seen = len(consumer.received()["frames"])
            wait_for("more frames", lambda: len(consumer.received()["frames"]) >= seen + 50)
            broker.stop()
            written = len(daemon.records("frame"))
            wait_for("frames while the broker is away", lambda: len(daemon.records("frame")) > written + 50)
            broker.start()
        seen = len(consumer.received()["frames"])
        wait_for("frames after the last restart", lambda: len(consumer.received()["frames"]) >= seen + 50)
        daemon.stop()
        wait_for("the last message", lambda: any('"type":"end"' in line for line in consumer.received()["events"]))
        expected = [record["frame"] for record in daemon.records("frame")]
        wait_for("all frames", lambda: len(frames(consumer.received()["frames"])) >= len(expected), 60)
        received = consumer.received()
        if sorted(frames(received["frames"])) != expected:
            missing = sorted(set(expected) - set(frames(received["frames"])))
            sys.exit(f"FAILED: frames {missing} of {len(expected)} did not arrive")
        events = [payload for payload in received["events"] if json.loads(payload)["type"] == "event"]
        if len(set(events)) < len(daemon.records("event")):
            sys.exit(f"FAILED: {len(set(events))} of {len(daemon.records('event'))} events arrived")
        wait_for("the last word", lambda: consumer.received()["status"][-1] == "offline", 30)
        retained = subprocess.run(
            ["mosquitto_sub", "-h", "localhost", "-p", str(broker.port), "-t", "test/door/+", "--retained-only",
             "-F", "%t", "-W", "3"], capture_output=True, text=True, check=False).stdout.split()
        if sorted(retained) != ["test/door/hello", "test/door/state", "test/door/status"]:
            sys.exit(f"FAILED: retained are {retained}")
        twice = len(received["frames"]) - len(frames(received["frames"]))
        print(f"all {len(expected)} frames and {len(events)} events arrived through {restarts} restarts, {twice} twice")


def check_will(segmentd, folder):
    """A daemon that is killed is reported to be offline by the broker."""
    folder.mkdir()
    broker = Broker(folder / "broker")
    broker.start()
    consumer = Consumer(broker, folder, "test/door")
    daemon = Daemon(segmentd, folder, broker, loop=True)
    with ended(broker, consumer, daemon):
        wait_for("the first frame", lambda: consumer.received()["frames"])
        if consumer.received()["status"][-1:] != ["online"]:
            sys.exit("FAILED: a running daemon is not online")
        daemon.process.kill()
        wait_for("the last will", lambda: consumer.received()["status"][-1] == "offline", 60)
        print("the last will came after SIGKILL")


def make_certificates(folder, name):
    """A certificate authority, and a certificate of it for localhost."""
    folder.mkdir(parents=True)
    run = lambda *arguments: subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-keyout", "ca.key", "-out", "ca.pem")
    run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "broker.key", "-out", "broker.csr")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    run("x509", "-req", "-in", "broker.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", "names", "-out", "broker.pem")
    return folder


def check_tls(segmentd, folder):
    """The daemon speaks TLS with a broker whose authority it is told, and not with another one."""
    folder.mkdir()
    right = make_certificates(folder / "right", "right")
    wrong = make_certificates(folder / "wrong", "wrong")
    broker = Broker(folder / "broker", tls=right)
    broker.start()
    consumer = Consumer(broker, folder, "test/door", "--cafile", str(right / "ca.pem"))
    with ended(broker, consumer):
        (folder / "a").mkdir()
        stranger = Daemon(segmentd, folder / "a", broker, loop=True, tls=wrong / "ca.pem")
        with ended(stranger):
            wait_for("frames in the file", lambda: len(stranger.records("frame")) > 5)
            wait_for("a complaint", lambda: "certificate" in stranger.log.read_text().lower(), 60)
            if consumer.received():
                sys.exit("FAILED: the daemon talked to a broker that it must not trust")
            stranger.stop()
        (folder / "b").mkdir()
        friend = Daemon(segmentd, folder / "b", broker, loop=True, tls=right / "ca.pem")
        with ended(friend):
            wait_for("frames over TLS", lambda: len(frames(consumer.received()["frames"])) > 5)
            friend.stop()
        print("TLS works with the right authority and not with another one")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentd", required=True, help="the program")
    parser.add_argument("--restarts", type=int, default=3, help="how often the broker is restarted (3)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        check_restarts(arguments.segmentd, folder / "restarts", arguments.restarts)
        check_will(arguments.segmentd, folder / "will")
        check_tls(arguments.segmentd, folder / "tls")


if __name__ == "__main__":
    main()
