"""hls.js or dash.js in Chromium (browser/follow.mjs) on a stream that goes through something: how long it stands, whether sound and picture
stay together.

    player = Player(stack, url)
    wait_for(player.plays, …)
"""
import json
import subprocess
import threading
import time

from stack import PATIENCE, ROOT, check

# No frame for this long is a stall, on whatever machine.
STALL = 8.0 * PATIENCE
# Sound and picture have as many parts; one of them that waits until its parts have left the list falls this far behind.
APART = 9


class Player:
    """What hls.js or dash.js does, as it says itself."""

    def __init__(self, stack, url):
        self.url, self.name = url, ("dash.js" if ".mpd" in url else "hls.js") + ("?ll=0" if "ll=0" in url else "")
        self.parts = url.endswith(".m3u8")
        self.child = stack.spawn("node", str(ROOT / "tests/e2e/browser/follow.mjs"), stack.info["watch_url"], url,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.now, self.moved, self.longest = {"frames": 0, "sound": 0, "loaded": {"main": 0, "audio": 0}, "fatal": []}, time.monotonic(), 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            said = json.loads(line)
            at = time.monotonic()
            if said["frames"] > self.now["frames"] and said["sound"] > self.now["sound"]:
                self.moved = at
            self.longest = max(self.longest, at - self.moved)
            self.now = said

    def plays(self):
        return min(self.now["loaded"].values()) >= 3 and self.plays_on({"frames": 0, "sound": 0})

    def plays_on(self, since):
        return self.now["frames"] > since["frames"] + 30 and self.now["sound"] > since["sound"] and time.monotonic() - self.moved < 1

    def check_apart(self, more):
        check(abs(more["main"] - more["audio"]) < APART, f"sound and picture are loaded apart: {more}")

    def steady(self, seconds):
        self.longest, before = 0, self.now["loaded"]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            check(self.longest < STALL, f"{self.name}: a stall of {self.longest:.1f} s: {self.now}")
            more = {kind: count - before[kind] for kind, count in self.now["loaded"].items()}
            self.check_apart(more)
            time.sleep(0.25)
        check(min(more.values()) > (APART if self.parts else 2), f"{self.name} goes on loading: {more}")
        check(not self.now["fatal"], f"{self.name} gave up: {self.now['fatal']}")

    def end(self):
        self.child.stdin.close()
        self.child.wait(timeout=30)
