#!/usr/bin/env python3
"""Chromium plays DASH with dash.js as the manifest says: in low latency by its own measure, over a packaging that is killed, over the
encoder's reconnect, and to the end of the stream."""
import json
import subprocess
import threading
import time

from stack import PATIENCE, ROOT, Stack, check, fetch, leave, main, make_clip, need, wait_for


class Player(threading.Thread):
    """dash.js in Chromium (browser/dash.mjs) for a while; result() has what it saw."""

    def __init__(self, url, seconds, *options):
        super().__init__(daemon=True)
        self.command = ["node", str(ROOT / "tests/e2e/browser/dash.mjs"), url, "--seconds", str(seconds), *options]
        self.patience = (seconds + 60) * PATIENCE
        self.said = None
        self.start()

    def run(self):
        self.said = subprocess.run(self.command, capture_output=True, text=True, timeout=self.patience)

    def result(self):
        self.join()
        check(self.said.returncode == 0, f"dash.js: {self.said.stdout}{self.said.stderr}")
        print(self.said.stdout.strip())
        return json.loads(self.said.stdout)


def mpd_url(stack):
    return stack.info["hls_url"].rsplit("/", 1)[0] + "/manifest.mpd"


def plays(seen, share=0.9):
    check(seen["played"] >= seen["seconds"] * share and seen["frames"] > 0 and seen["sound"] > 0, f"it plays: {seen}")
    check(not seen["problems"], f"no errors: {seen}")


def low_latency(stack):
    players = Player(mpd_url(stack), 20), Player(mpd_url(stack) + "?ll=0", 20)
    seen, whole = (player.result() for player in players)
    plays(seen)
    check(seen["target"] < 2, f"it is to be near to the live edge: {seen}")
    plays(whole)
    check(whole["latency"] > max(4, seen["latency"]), f"of whole segments further behind: {whole}")


def killed_packaging(stack):
    """Goes on by the clock. Where packaging is away for longer than dash.js asks, once that is further behind than the MPD's depth."""
    player = Player(mpd_url(stack), 40, "--stall", str(35000 * PATIENCE))
    time.sleep(12)
    pid = stack.kill("packaging")
    stack.wait_ready("packaging", other_than=pid, seconds=60)
    seen = player.result()
    check(seen["played"] >= seen["seconds"] * 0.4 and seen["frames"] > 0 and seen["sound"] > 0, f"it plays: {seen}")


def interruption_and_end(stack, clip, publisher):
    """The encoder drops out, comes back, and leaves: the last picture is reached, in low latency and of whole segments."""
    players = [Player(mpd_url(stack) + query, 120 * PATIENCE, "--until-end") for query in ("", "?ll=0")]
    time.sleep(15)
    publisher.kill()
    publisher.wait()
    time.sleep(3)
    publisher = stack.publish_on(clip)
    time.sleep(25)
    leave(publisher)
    for player in players:
        seen = player.result()
        check(seen["ended"] and seen["frames"] > 0 and seen["sound"] > 0, f"it plays: {seen}")
        check(len(set(seen["periods"])) >= 2, f"a Period for the encoder's return: {seen}")
        check(not seen["problems"], f"no errors: {seen}")


def dash_js():
    need("chromium", "node", "playwright-core", "dashjs")
    with Stack(RECONNECT_GRACE_SECONDS="30") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=60, gop=60)
        publisher = stack.publish_on(clip)
        wait_for(lambda: fetch(mpd_url(stack))[0] == 200, "a manifest", 30)
        low_latency(stack)
        killed_packaging(stack)
        interruption_and_end(stack, clip, publisher)


main(dash_js)
