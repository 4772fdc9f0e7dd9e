"""A Chromium without a screen, driven over the DevTools protocol through a pair of pipes; the standard library is enough."""

import base64
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time


class BrowserError(Exception):
    pass


class Browser:
    """One Chromium; pages are opened with `page()`."""

    def __init__(self, program=None):
        program = program or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if program is None:
            raise BrowserError("no Chromium on the PATH; install chromium")
        self.profile = tempfile.TemporaryDirectory(prefix="page-")
        to_read, self.to_write = os.pipe()
        self.to_receive, to_send = os.pipe()
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        command = [
            "sh", "-c", f'exec "$@" 3<&{to_read} 4>&{to_send}', "sh", program, "--headless", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking",
            "--disable-component-update", "--remote-debugging-pipe", f"--user-data-dir={self.profile.name}", "about:blank",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, pass_fds=(to_read, to_send), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_send)
        self.lock = threading.Lock()
        self.last = 0
        self.answers = {}
        self.pages = {}
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        rest = b""
        while data := os.read(self.to_receive, 1 << 16):
            *messages, rest = (rest + data).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self.answers.pop(message["id"]).put(message)
                elif page := self.pages.get(message.get("sessionId")):
                    page.events.append(message)
        for answer in list(self.answers.values()):
            answer.put({"error": {"message": "Chromium has ended"}})

    def call(self, method, session=None, patience=60, **parameters):
        answer = queue.Queue()
        with self.lock:
            self.last += 1
            message = {"id": self.last, "method": method, "params": parameters}
            if session:
                message["sessionId"] = session
            self.answers[self.last] = answer
            rest = json.dumps(message).encode() + b"\0"
            while rest:
                rest = rest[os.write(self.to_write, rest):]
        try:
            reply = answer.get(timeout=patience)
        except queue.Empty:
            raise BrowserError(f"{method}: no answer from Chromium") from None
        if "error" in reply:
            raise BrowserError(f"{method}: {reply['error']['message']}")
        return reply["result"]

    def page(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        return page

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(10)
        os.close(self.to_write)
        os.close(self.to_receive)
        # Helpers of Chromium may write to the profile a little longer.
        shutil.rmtree(self.profile.name, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Page:
    """One tab, and what it has said."""

    def __init__(self, browser, session):
        self.browser = browser
        self.session = session
        self.events = []

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def open(self, url):
        error = self.call("Page.navigate", url=url).get("errorText")
        if error:
            raise BrowserError(f"{url}: {error}")

    def size(self, width, height, scale=1, mobile=False):
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile)

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise BrowserError(f"{expression}: {result['exceptionDetails']['text']}")
        return result["result"].get("value")

    def wait_for(self, what, expression, patience=60):
        """Waits until the expression is true in the page, and returns its value."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if value := self.evaluate(expression):
                return value
            time.sleep(0.1)
        raise BrowserError(f"not within {patience} s: {what}")

    def screenshot(self, path=None, clip=None):
        parameters = {"clip": {**clip, "scale": 1}} if clip else {}
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png", **parameters)["data"])
        if path:
            with open(path, "wb") as file:
                file.write(data)
        return data

    def urls(self):
        """What was asked for so far."""
        return [e["params"]["request"]["url"] for e in list(self.events) if e["method"] == "Network.requestWillBeSent"]

    def complaints(self):
        """Errors and warnings in the console so far."""
        found = []
        for event in list(self.events):
            method, about = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                found.append(about["exceptionDetails"].get("exception", {}).get("description", about["exceptionDetails"]["text"]))
            elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
                found.append(" ".join(str(a.get("value", a.get("description"))) for a in about["args"]))
            elif method == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
                found.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")
        return found
