"""A real browser for tests: the distribution's Chromium, headless, driven over its own debugging protocol."""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = "no Chromium is installed (Debian: apt-get install chromium)"
PATIENCE = 90
"""Seconds within which a page must show what a test waits for."""

# These look into shadow roots, where marimo keeps its controls and figures.
DEEP = """
const deep = (selector, root = document) => [...root.querySelectorAll('*')].flatMap(node => [
    ...(node.matches(selector) ? [node] : []), ...(node.shadowRoot ? deep(selector, node.shadowRoot) : [])]);
const words = (root = document.body ?? document) => [...root.childNodes].map(node =>
    node.nodeType === 3 ? node.data : ['STYLE', 'SCRIPT'].includes(node.nodeName) ? ''
    : (node.shadowRoot ? words(node.shadowRoot) : '') + words(node)).join(' ');
"""


class Browser:
    """One tab. `requests` are the addresses that its pages asked for, `errors` the exceptions in them."""

    def __init__(self, send: Callable[[str], None], receive: Callable[[float], str]) -> None:
        self._send, self._receive, self._number = send, receive, 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result; note the events that arrive meanwhile."""
        self._number += 1
        self._send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._receive(60))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        happened = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(happened["request"]["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(happened["exceptionDetails"])[:500])

    def open(self, url: str, width: int = 1200, height: int = 900) -> None:
        """Go to a page; `requests` and `errors` are emptied first."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.command("Page.navigate", url="about:blank")
        self.requests.clear()
        self.errors.clear()
        self.command("Page.navigate", url=url)

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression, which may use `deep` and `words` to look into shadow roots."""
        answer = self.command(
            "Runtime.evaluate", expression=f"{{{DEEP};{script}}}", returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_until(self, script: str) -> Any:
        """Wait until the expression is true; return its value."""
        ends = time.monotonic() + PATIENCE
        while not (value := self.ask(script)):
            assert time.monotonic() < ends, f"{script} did not come true; the page says: {self.text()[:3000]}"
            time.sleep(0.2)
        return value

    def text(self) -> str:
        """All text on the page, in order."""
        return " ".join(str(self.ask("words()")).split())

    def press(self, key: str, times: int = 1) -> None:
        """Press a key in the element that has the focus."""
        for _ in range(times):
            for kind in ("keyDown", "keyUp"):
                self.command("Input.dispatchKeyEvent", type=kind, key=key, code=key)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium with its profile in `folder`; it can resolve no host except loopback."""
    from websockets.sync.client import connect

    assert CHROMIUM, MISSING
    arguments = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",  # it refuses to run as root otherwise, and sees our own pages only
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        "about:blank",
    ]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port_file, ends = folder / "DevToolsActivePort", time.monotonic() + 60
        while not port_file.exists() or not port_file.read_text().strip():
            assert process.poll() is None, "Chromium did not start"
            assert time.monotonic() < ends, "Chromium does not answer"
            time.sleep(0.1)
        port = port_file.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=30) as answer:
            tab = next(target for target in json.load(answer) if target["type"] == "page")
        with connect(tab["webSocketDebuggerUrl"], max_size=None) as socket:
            yield Browser(socket.send, lambda seconds: str(socket.recv(timeout=seconds)))
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def dashboard(home: Path, **process: Any) -> Iterator[str]:
    """The address of a dashboard of a home, in its own process; `process` are options of Popen."""
    command = [sys.executable, "-m", "omnium_elt", "dashboard", "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **process) as served:
        assert served.stdout
        found = re.match(r"http://127\.0\.0\.1:\d+$", served.stdout.readline().strip())
        assert found, "the dashboard did not say where it is"
        try:
            yield found[0]
        finally:
            served.terminate()
