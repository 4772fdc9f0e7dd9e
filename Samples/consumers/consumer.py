#!/usr/bin/env python3
"""Prints one line for every event of a segmentd socket, and every ten seconds what each stream shows.

    consumer.py /run/segmentd/door.sock

Needs nothing but Python's standard library. Connects again when the daemon restarts.
"""

import collections
import json
import socket
import sys
import time


def lines(path):
    """Yields the socket's records, connection after connection."""
    wait = 0.2
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.connect(path)
            except PermissionError:
                sys.exit(f"{path} may not be opened by this user; give its output a group of yours (group: NAME, mode: \"0660\")")
            except (FileNotFoundError, ConnectionRefusedError) as error:
                print(f"{path}: {error.strerror}; trying again", file=sys.stderr)
                time.sleep(wait)
                wait = min(2 * wait, 5)
                continue
            # A file object takes care of lines that come in pieces.
            with connection.makefile("rb") as stream:
                try:
                    for line in stream:
                        # The last line of a daemon that was killed may be cut.
                        if line.endswith(b"\n"):
                            record = json.loads(line)
                            # Who only says that there is no room is not asked again at once.
                            if record["type"] == "hello":
                                wait = 0.2
                            yield record
                except ConnectionResetError:
                    pass
        time.sleep(wait)
        wait = min(2 * wait, 5)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    frames = collections.Counter()
    lost = collections.Counter()
    objects = {}
    report = time.monotonic() + 10
    for record in lines(sys.argv[1]):
        stream = record.get("stream", "")
        match record["type"]:
            case "hello":
                names = ", ".join(category["name"] for category in record["categories"])
                print(f"{stream}: {record['program']} looks for {names}")
            case "frame":
                frames[stream] += 1
                objects[stream] = collections.Counter(found["category"] for found in record["objects"])
            case "event":
                where = record.get("zone", record.get("line", ""))
                seconds = f"{record['seconds']:.1f} s" if "seconds" in record else ""
                print(
                    f"{record.get('time', record['pts'])!s:<25} {stream:<12} {record['event']:<7} "
                    f"{record['category']} {record['track_id']:<5} {where} {seconds}".rstrip()
                )
            case "gap":
                # This consumer was too slow for so many records.
                lost[stream] += record["frames"]
            case "error":
                print(f"{stream}: {record['message']}", file=sys.stderr)
            case "end":
                print(f"{stream}: ended: {record['reason']}")
        if time.monotonic() >= report:
            report = time.monotonic() + 10
            for name, count in sorted(frames.items()):
                now = ", ".join(f"{number} {category}" for category, number in sorted(objects[name].items()))
                print(f"{name}: {count} frames, {lost[name]} lost; now {now or 'nothing'}")
        sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        # Python would try to write what is left, and complain.
        sys.stderr.close()
