#!/usr/bin/env python3
"""An encoder is cut off and comes back, again and again, under hls.js as it comes: it goes on by itself each time, with sound and
picture, and then stays without a stall. MILLRACE_TEST_LONG: fifty cuts."""
import json
import os
import shutil
import subprocess
import threading
import time

from stack import PATIENCE, ROOT, Stack, check, leave, main, make_clip, skip, wait_for

CUTS = 50 if os.environ.get("MILLRACE_TEST_LONG") else 2
AWAY = (3, 9)
# No frame for this long is a stall, on whatever machine.
STALL = 8.0 * PATIENCE
STEADY = 9
# Sound and picture have as many parts; one of them that waits until its parts have left the list falls this far behind.
APART = 9


class Player:
    """What hls.js does, as it says itself."""

    def __init__(self, stack):
        self.child = stack.spawn("node", str(ROOT / "tests/e2e/browser/follow.mjs"), stack.info["watch_url"], stack.info["hls_url"],
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

    def plays_on(self, since):
        return self.now["frames"] > since["frames"] + 30 and self.now["sound"] > since["sound"] and time.monotonic() - self.moved < 1

    def steady(self, seconds):
        self.longest, before = 0, self.now["loaded"]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            check(self.longest < STALL, f"a stall of {self.longest:.1f} s: {self.now}")
            more = {kind: count - before[kind] for kind, count in self.now["loaded"].items()}
            check(abs(more["main"] - more["audio"]) < APART, f"sound and picture are loaded apart: {more}")
            time.sleep(0.25)
        check(min(more.values()) > APART, f"parts are loaded: {more}")
        check(not self.now["fatal"], f"it gave up: {self.now['fatal']}")

    def end(self):
        self.child.stdin.close()
        self.child.wait(timeout=30)


def cuts():
    if not shutil.which("chromium") or not shutil.which("node"):
        skip("chromium or node is not installed")
    if not (ROOT / "tests/node_modules/playwright-core").exists():
        skip("playwright-core is not installed: npm ci in tests/")
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        publisher = stack.publish_on(clip)
        wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 3, "three segments")
        player = Player(stack)
        wait_for(lambda: min(player.now["loaded"].values()) > 3 and player.plays_on({"frames": 0, "sound": 0}), "hls.js to play parts", 40)
        for number in range(CUTS):
            publisher.kill()
            publisher.wait()
            time.sleep(AWAY[number % len(AWAY)])
            before = player.now
            publisher = stack.publish_on(clip)
            begun = time.monotonic()
            wait_for(lambda: player.plays_on(before), f"hls.js to go on after cut {number + 1}", 20)
            print(f"  cut {number + 1}: plays on {time.monotonic() - begun:.1f} s after the encoder came back", flush=True)
            player.steady(STEADY)
            print(f"  longest pause afterwards {player.longest:.1f} s, {player.now['latency']:.1f} s behind", flush=True)
        player.end()
        leave(publisher)


main(cuts)
