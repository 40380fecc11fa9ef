#!/usr/bin/env python3
"""Packaging is killed three times in a row under Chromium: the watch page, and hls.js with the page's setting, go on by themselves with
sound and picture, without anything that hls.js calls fatal."""
import json
import shutil
import subprocess
import threading
import time

from stack import PATIENCE, ROOT, Stack, check, leave, main, make_clip, skip, wait_for

KILLS = 3
ROUNDS = 2
# Behind the last kill: packaging reads the log, the player loads its lists.
BACK = 12.0 * PATIENCE


class Viewer:
    """What one page does, as it says itself."""

    def __init__(self, stack, name, *arguments):
        self.name = name
        self.child = stack.spawn("node", str(ROOT / "tests/e2e/browser/follow.mjs"), stack.info["watch_url"], *arguments, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        self.now, self.moved, self.states = {"frames": 0, "sound": 0, "fatal": []}, time.monotonic(), []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            said = json.loads(line)
            if said["frames"] > self.now["frames"] and said["sound"] > self.now["sound"]:
                self.moved = time.monotonic()
            if said["state"] not in self.states[-1:]:
                self.states.append(said["state"])
            self.now = said

    def plays_on(self, since):
        return self.now["frames"] > since["frames"] + 30 and self.now["sound"] > since["sound"] and time.monotonic() - self.moved < 1

    def end(self):
        self.child.stdin.close()
        self.child.wait(timeout=30)


def kill(stack):
    """As often as it comes back; the seconds that took."""
    begun = time.monotonic()
    for _ in range(KILLS):
        pid = stack.kill("packaging")
        stack.wait_ready("packaging", other_than=pid, seconds=60)
    return time.monotonic() - begun


def kills():
    with Stack() as stack:
        publisher = stack.publish_on(make_clip(stack.home / "clip.flv", seconds=20, gop=60))
        wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 3, "three segments")
        viewers = [Viewer(stack, "the watch page"), Viewer(stack, "hls.js", stack.info["hls_url"], "LOADING")]
        for viewer in viewers:
            wait_for(lambda v=viewer: v.plays_on({"frames": 0, "sound": 0}), f"{viewer.name} to play", 60)
        for _ in range(ROUNDS):
            away = kill(stack)
            befores = [viewer.now for viewer in viewers]
            begun = time.monotonic()
            for viewer, before in zip(viewers, befores):
                wait_for(lambda v=viewer, b=before: v.plays_on(b), f"{viewer.name} to go on ({viewer.now})", BACK / PATIENCE)
                print(f"{KILLS} kills in {away:.1f} s: {viewer.name} plays on {time.monotonic() - begun:.1f} s later", flush=True)
            time.sleep(5)
        for viewer in viewers:
            check(viewer.plays_on({"frames": 0, "sound": 0}), f"{viewer.name} has stopped: {viewer.now}")
            check(not viewer.now["fatal"], f"{viewer.name}: {viewer.now['fatal']}")
            check("offline" not in viewer.states, f"{viewer.name} said {viewer.states}")
            viewer.end()
        leave(publisher)


def test():
    if not shutil.which("chromium") or not shutil.which("node"):
        skip("chromium or node is not installed")
    if not (ROOT / "tests/node_modules/playwright-core").exists():
        skip("playwright-core is not installed: npm ci in tests/")
    kills()


main(test)
