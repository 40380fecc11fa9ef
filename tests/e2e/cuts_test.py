#!/usr/bin/env python3
"""An encoder is cut off and comes back, again and again, under hls.js as it comes: it goes on by itself each time, with sound and
picture, and then stays without a stall; so it does behind a gap of nearly the whole time that an encoder has to come back, in low latency
and with whole segments. MILLRACE_TEST_LONG: fifty cuts."""
import json
import os
import shutil
import subprocess
import threading
import time

from stack import PATIENCE, ROOT, Stack, check, leave, main, make_clip, skip, wait_for

CUTS = 50 if os.environ.get("MILLRACE_TEST_LONG") else 2
AWAY = (3, 9)
# Behind it: the list that was there before is gone, and the player was taken along by the gap.
LONG = 36
# With the time that an encoder takes to connect.
GRACE = LONG + round(10 * PATIENCE)
# No frame for this long is a stall, on whatever machine.
STALL = 8.0 * PATIENCE
STEADY = 9
# Sound and picture have as many parts; one of them that waits until its parts have left the list falls this far behind.
APART = 9


class Player:
    """What hls.js does, as it says itself."""

    def __init__(self, stack, query=""):
        self.least = APART if not query else 2  # of parts, of segments
        self.child = stack.spawn("node", str(ROOT / "tests/e2e/browser/follow.mjs"), stack.info["watch_url"], stack.info["hls_url"] + query,
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
        check(min(more.values()) > self.least, f"it goes on loading: {more}")
        check(not self.now["fatal"], f"it gave up: {self.now['fatal']}")

    def end(self):
        self.child.stdin.close()
        self.child.wait(timeout=30)


def cut(stack, clip, publisher, player, away):
    """The encoder is away for so long; the one that is back. Prints what the player made of it."""
    publisher.kill()
    publisher.wait()
    time.sleep(away)
    before = player.now
    publisher = stack.publish_on(clip)
    begun = time.monotonic()
    wait_for(lambda: player.plays_on(before), f"hls.js to go on after {away} s", 30)
    print(f"  away for {away} s: plays on {time.monotonic() - begun:.1f} s after the encoder came back", flush=True)
    player.steady(STEADY)
    print(f"  longest pause afterwards {player.longest:.1f} s, {player.now['latency']:.1f} s behind", flush=True)
    return publisher


def cuts():
    if not shutil.which("chromium") or not shutil.which("node"):
        skip("chromium or node is not installed")
    if not (ROOT / "tests/node_modules/playwright-core").exists():
        skip("playwright-core is not installed: npm ci in tests/")
    with Stack(RECONNECT_GRACE_SECONDS=str(GRACE)) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        publisher = stack.publish_on(clip)
        wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 3, "three segments")
        for query in ("", "?ll=0"):
            print(f"hls.js{query}")
            player = Player(stack, query)
            wait_for(lambda p=player: min(p.now["loaded"].values()) >= 3 and p.plays_on({"frames": 0, "sound": 0}), "hls.js to play", 60)
            for number in range(1 if query else CUTS):
                publisher = cut(stack, clip, publisher, player, AWAY[number % len(AWAY)])
            publisher = cut(stack, clip, publisher, player, LONG)
            player.end()
        leave(publisher)


main(cuts)
