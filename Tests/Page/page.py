"""Opens the daemon's page in Chromium and looks whether it lives: pictures move, figures grow, nothing is wrong or from elsewhere.

By default it starts a daemon with streams of moving shapes, and one whose source is missing, and restarts it once under the open
page. With --url it looks at a daemon that runs already, and leaves it alone.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from browser import Browser, BrowserError

CONFIGURATION = """\
model: {model}
http: 127.0.0.1:{port}
streams:
  - name: shapes
    source: "test:shapes?size=640x360&rate=10&seed=1"
    outputs:
      - json: {folder}/shapes.jsonl
  - name: tall
    source: "test:shapes?size=240x320&rate=10&seed=2"
  - name: missing
    source: rtsp://127.0.0.1:{closed}/none
"""

# What the page shows of one stream.
LOOK = """(() => {
  const card = document.querySelector(`[data-stream=${JSON.stringify(%s)}]`);
  if (!card) return null;
  const number = (key) => parseInt(card.querySelector(`.${key} small`).textContent.replace(/[^0-9]/g, "") || "0", 10);
  const box = card.querySelector(".picture").getBoundingClientRect(), image = card.querySelector("img");
  return { state: card.querySelector(".state").textContent, frame: parseInt(image.dataset.frame || "-1", 10), in: number("in"),
    inferred: number("inferred"), rows: card.querySelectorAll("tbody tr").length,
    events: card.querySelectorAll(".events li").length, alt: image.alt, shape: image.naturalWidth / image.naturalHeight,
    error: card.querySelector(".error").textContent,
    clip: { x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height } };
})()"""


class Failure(Exception):
    pass


def require(condition, message):
    if not condition:
        raise Failure(message)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Daemon:
    """`segmentd run` in a folder of its own."""

    def __init__(self, program, model, folder):
        self.program = program
        self.port = free_port()
        self.log = open(folder / "daemon.log", "wb")
        self.configuration = folder / "segmentd.yaml"
        self.configuration.write_text(
            CONFIGURATION.format(model=model, port=self.port, folder=folder, closed=free_port()))
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "run", "--config", self.configuration], stdout=self.log, stderr=self.log)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.status, answer.headers, answer.read()


def wait_for_answer(url, daemon, patience=60):
    end = time.monotonic() + patience
    while True:
        try:
            return json.loads(get(f"{url}/api/streams")[2])
        except OSError as error:
            require(not daemon or daemon.process.poll() is None, "the daemon has ended")
            require(time.monotonic() < end, f"{url} does not answer: {error}")
            time.sleep(0.2)


def look(page, name):
    seen = page.evaluate(LOOK % json.dumps(name))
    require(seen, f"the page has no card for '{name}'")
    return seen


def wait_for_look(page, name, what, condition, patience=120):
    end = time.monotonic() + patience
    while True:
        seen = look(page, name)
        if condition(seen):
            return seen
        require(time.monotonic() < end, f"'{name}': not within {patience} s: {what}; last seen {seen}")
        time.sleep(0.2)


def check_stream(page, name):
    """A running stream: its picture moves, its figures grow. Returns what was seen first and last."""
    look(page, name)
    page.evaluate(f"document.querySelector(`[data-stream=${{JSON.stringify({json.dumps(name)})}}]`).scrollIntoView()")
    first = wait_for_look(page, name, "a picture", lambda seen: seen["frame"] >= 0)
    before = page.screenshot(clip=first["clip"])
    last = wait_for_look(
        page, name, "later pictures and greater figures",
        lambda seen: seen["frame"] > first["frame"] and seen["in"] > first["in"] and seen["inferred"] > first["inferred"])
    require(page.screenshot(clip=last["clip"]) != before, f"'{name}': the picture looks the same two frames on")
    require(last["alt"], f"'{name}': the picture has no alternative text")
    return first, last


def check_still_when_hidden(page):
    """No picture is fetched for a tab that nobody sees."""
    page.evaluate("Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })")
    # What was on its way may still arrive.
    time.sleep(1)
    before = len(page.urls())
    time.sleep(3)
    require(len(page.urls()) == before, "pictures or figures are fetched while nobody sees the page")
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")


def check_requests(page, url):
    host = urllib.parse.urlsplit(url).netloc
    for asked in page.urls():
        parts = urllib.parse.urlsplit(asked)
        inside = parts.scheme in ("data", "blob") or parts.netloc == host
        require(inside, f"the page asked another host: {asked}")
    weight = sum(len(get(url + path)[2]) for path in ("/", "/page.css", "/page.js"))
    require(weight < 30_000, f"the page weighs {weight} bytes")
    return weight


def check_layouts(page, folder):
    """Pictures of the page as people have it; nothing is wider than the window."""
    for name, width, height, scale, scheme in (
        ("light", 1400, 1000, 1, "light"), ("dark", 1400, 1000, 1, "dark"), ("phone", 390, 844, 2, "dark"),
    ):  # fmt: skip
        page.size(width, height, scale, mobile=name == "phone")
        page.scheme(scheme)
        page.evaluate("scrollTo(0, 0)")
        # A picture of the new size.
        time.sleep(1)
        page.screenshot(folder / f"{name}.png")
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        require(wide <= 0, f"{name}: the page is {wide} pixels wider than its window")
    page.size(1400, 1000)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--segmentd", help="the program; a daemon is started")
    source.add_argument("--url", help="a page that is there already")
    parser.add_argument("--model", help="the model of the daemon that is started")
    parser.add_argument("--screenshots", type=pathlib.Path, default=pathlib.Path(".build/page"), help="where pictures go")
    options = parser.parse_args()
    options.screenshots.mkdir(parents=True, exist_ok=True)

    with tempfile.TemporaryDirectory(prefix="page-") as folder, Browser() as browser:
        daemon = None
        try:
            if options.segmentd:
                daemon = Daemon(os.path.abspath(options.segmentd), os.path.abspath(options.model), pathlib.Path(folder))
                daemon.start()
                url = f"http://127.0.0.1:{daemon.port}"
            else:
                url = options.url.rstrip("/")
            service = wait_for_answer(url, daemon)
            page = browser.page()
            page.size(1400, 1000)
            page.open(url + "/")
            page.wait_for("cards", "document.querySelectorAll('article').length > 0")

            if daemon:
                running = ["shapes", "tall"]
                # A connection that is refused is told of on its card, and keeps nobody else from anything.
                wait_for_look(page, "missing", "its fault", lambda seen: seen["state"] == "waiting" and seen["error"])
            else:
                running = [stream["name"] for stream in service["streams"] if stream["state"] == "running"]
            require(running, "no stream is running")
            for name in running:
                first, last = check_stream(page, name)
                print(f"{name}: frames {first['frame']} to {last['frame']}, {last['rows']} objects, {last['events']} events")
            if daemon:
                wait_for_look(page, "shapes", "objects and events", lambda seen: seen["rows"] and seen["events"])
                tall = look(page, "tall")
                require(abs(tall["shape"] - 240 / 320) < 0.01, f"the picture's sides have the ratio {tall['shape']}")
            check_layouts(page, options.screenshots)
            check_still_when_hidden(page)
            complaints = page.complaints()
            require(not complaints, "the console says: " + "; ".join(complaints[:5]))
            weight = check_requests(page, url)

            if daemon:
                daemon.stop()
                page.wait_for("word of the silence", "!document.getElementById('silence').hidden")
                page.screenshot(options.screenshots / "silence.png")
                daemon.start()
                page.wait_for("the end of the silence", "document.getElementById('silence').hidden")
                check_stream(page, "shapes")
                # While the daemon was away the browser itself told of requests without an answer; the page's own code did not fail.
                thrown = [c for c in page.complaints() if not c.startswith("Failed to load resource")]
                require(not thrown, "the console says: " + "; ".join(thrown[:5]))
                print("restart: the page went on by itself")
            print(f"page: {weight} bytes, {len(page.urls())} requests, all to {url}; pictures of it in {options.screenshots}")
        except (Failure, BrowserError) as error:
            print(f"failed: {error}", file=sys.stderr)
            if daemon:
                print(open(daemon.log.name, errors="replace").read()[-4000:], file=sys.stderr)
            return 1
        finally:
            if daemon:
                daemon.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
