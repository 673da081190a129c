"""Chromium, driven by its debugging pipe: real keys and mouse, what is on the console, and what is asked for.

No package is needed for it. https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = "--no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-quic"
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
SHIFT, CTRL = 8, 2  # bits of `modifiers`
FRAME = "await new Promise(done => requestAnimationFrame(() => setTimeout(done)));"


class Browser:
    """A headless browser with one page; use it in a `with` statement."""

    def __init__(self, width: int = 1280, height: int = 900, *, dark: bool = False) -> None:
        assert CHROMIUM is not None, "there is no chromium"
        self._profile = tempfile.mkdtemp(prefix="embedcli-browser-")
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *QUIET.split()]
        command = [CHROMIUM, *options, f"--user-data-dir={self._profile}", "--remote-debugging-pipe", "about:blank"]
        # the browser reads from descriptor 3 and writes to descriptor 4
        shell = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer, self._n_calls, self._session, self._events = b"", 0, "", list[dict[str, Any]]()
        page = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.downloads = Path(self._profile) / "downloads"
        self.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))
        self.window(width, height, dark=dark)

    def __enter__(self) -> Browser:
        """Return the browser, which has been started."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the browser."""
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result; events that come first are kept."""
        self._n_calls += 1
        message = {"id": self._n_calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._n_calls:
            self._events.append(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            read = os.read(self._read, 1 << 20)
            assert read, "the browser has ended"
            self._buffer += read
        message, self._buffer = self._buffer.split(b"\0", 1)
        result: dict[str, Any] = json.loads(message)
        return result

    def window(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the size of the window and the preferred colors."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        colors = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=colors)

    def open(self, path: Path) -> None:
        """Open a file, and wait until its map, if it has one, is drawn."""
        self._events.clear()
        self.call("Page.navigate", url=path.absolute().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self._events):
            self._events.append(self._next())
        self.rest()

    def rest(self) -> None:
        """Wait until the map, if there is one, is drawn with its labels."""
        self.run(f"""
            const plot = document.getElementById("map-plot");
            while (plot && plot.dataset.drawn !== "yes") await new Promise(done => setTimeout(done, 10));
            {FRAME}""")

    def frame(self) -> None:
        """Wait until the next picture is on the screen."""
        self.run(FRAME)

    def run(self, code: str) -> Any:
        """Run the body of an async function in the page and return what it returns; it has half a minute."""
        late = "new Promise((_, fail) => setTimeout(() => fail(Error('it took longer than half a minute')), 30000))"
        expression = f"Promise.race([(async () => {{ {code} }})(), {late}])"
        done = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]["exception"].get("description")
        return done["result"].get("value")

    def key(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key, such as "a" or "ArrowDown"."""
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        pressed = {"key": key, "modifiers": SHIFT * shift, "windowsVirtualKeyCode": KEYS.get(key, 0)}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **pressed)
        self.call("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def type(self, words: str) -> None:
        """Type letters one after another."""
        for letter in words:
            self.key(letter)

    def drag(self, *points: tuple[float, float]) -> None:
        """Press the mouse at the first of some points, move it along the others, and release it at the last."""
        (x, y), (last_x, last_y) = points[0], points[-1]
        mouse = {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, buttons=1, **mouse)
        for x, y in points[1:]:
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, buttons=1, button="left")
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=last_x, y=last_y, **mouse)

    def touch(self, *points: tuple[float, float]) -> None:
        """Put a finger on the first of some points, move it along the others, and lift it."""
        for kind, (x, y) in zip(["touchStart", *["touchMove"] * len(points)], points, strict=False):
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
            self.frame()
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.frame()

    def wheel(self, x: float, y: float, down: float, *, ctrl: bool = False) -> None:
        """Turn the wheel over a point."""
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=down, modifiers=CTRL * ctrl)

    def click(self, selector: str) -> None:
        """Click in the middle of an element, which is scrolled into the window if it is not in it."""
        x, y = self.run(f"""
            const one = document.querySelector({json.dumps(selector)});
            one.scrollIntoView({{ block: "nearest" }});
            const {{ left, right, top, bottom }} = one.getBoundingClientRect();
            return [(left + right) / 2, (top + bottom) / 2];""")
        self.drag((x, y))

    def saved(self, name: str) -> bytes:
        """Wait for a file that the page saves, and return what is in it."""
        file = self.downloads / name
        for _ in range(500):
            if file.exists():
                content = file.read_bytes()
                file.unlink()
                return content
            self.run("await new Promise(done => setTimeout(done, 10))")
        raise AssertionError(f"the page has not saved {name}")

    def screenshot(self, path: Path) -> None:
        """Save what the window shows as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def pdf(self) -> bytes:
        """Return the page as it is printed."""
        return base64.b64decode(self.call("Page.printToPDF")["data"])

    @property
    def console(self) -> list[Any]:
        """What was written on the console since the page was opened, errors and warnings of the browser included."""
        self.run("")
        said = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [event["params"] for event in self._events if event.get("method") in said]

    @property
    def requests(self) -> list[str]:
        """The addresses that were asked for since the page was opened, without its own."""
        sent = [event["params"] for event in self._events if event.get("method") == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent if one.get("type") != "Document"]
