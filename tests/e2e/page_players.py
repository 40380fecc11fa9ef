"""Players in Chromium (browser/players.mjs) on a stream, and how long each of them stood still.

    pages = Pages(stack, {"hlsjs": hls_url, …})
    pages.wait_playing()
    …
    pages.longest  # {name: seconds}
    pages.end()
"""
import contextlib
import json
import subprocess
import threading
import time

from stack import PATIENCE, ROOT, wait_for


class Pages:
    """Each plays a URL; the clock of one that stands still begins with the last picture, or where there is none with the last sound."""

    def __init__(self, stack, urls, pictures=True):
        self.urls, self.pictures = urls, pictures
        self.now, self.moved, self.longest = {}, {}, {name: 0.0 for name in urls}
        self.child = stack.spawn("node", str(ROOT / "tests/e2e/browser/players.mjs"), *(f"{name}={url}" for name, url in urls.items()),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.child.stdout:
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                self.look({argument.split("=", 1)[0]: one for argument, one in said.items()})

    def look(self, said):
        at = time.monotonic()
        for name, one in said.items():
            before = self.now.get(name, {})
            if one.get("time", 0) > before.get("time", 0) and self.shown(one) > self.shown(before):
                self.moved[name] = at
            if name in self.moved:
                self.longest[name] = max(self.longest[name], at - self.moved[name])
        self.now = said

    def shown(self, one):
        return one.get("frames" if self.pictures else "sound", 0)

    def wait_playing(self, seconds=60):
        """From here on pauses count."""
        wait_for(lambda: set(self.now) == set(self.urls) and all(self.shown(one) > 30 for one in self.now.values()), "browsers to play", seconds)
        self.longest = {name: 0.0 for name in self.urls}

    def end(self):
        self.child.stdin.close()
        self.thread.join(timeout=60 * PATIENCE)
        self.child.wait(timeout=60 * PATIENCE)
