#!/usr/bin/env python3
"""An encoder is cut off and comes back, again and again, under hls.js as it comes: it goes on by itself each time, with sound and
picture, and then stays without a stall; so it does behind a gap of nearly the whole time that an encoder has to come back, in low latency
and with whole segments. MILLRACE_TEST_LONG: a hundred cuts, changes of the picture's size and kills of packaging under hls.js and dash.js."""
import json
import os
import subprocess
import threading
import time

from stack import PATIENCE, ROOT, Failure, Stack, check, leave, main, make_clip, need, wait_for

CUTS = 2
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
# In turn: seconds without an encoder, another size at once, kills of packaging in a row.
EVENTS = (("cut", 3), ("size", 0), ("kill", 1), ("cut", 9), ("size", 2), ("cut", 1), ("kill", 3), ("cut", 5), ("size", 4), ("cut", 0.2))
ROUNDS = 10


class Player:
    """What hls.js or dash.js does, as it says itself; dash.js of whole segments, for in low latency it may stay in a gap for good."""

    def __init__(self, stack, url=None):
        url = url or stack.info["hls_url"]
        self.url, self.name = url, "dash.js" if ".mpd" in url else "hls.js"
        self.parts = url.endswith(".m3u8")
        # In front of a gap dash.js waits once more for as long as that is (its GapController).
        self.waits = 2 if self.name == "dash.js" else 1
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
    with Stack(RECONNECT_GRACE_SECONDS=str(GRACE)) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        publisher = stack.publish_on(clip)
        wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 3, "three segments")
        for query in ("", "?ll=0"):
            print(f"hls.js{query}")
            player = Player(stack, stack.info["hls_url"] + query)
            wait_for(player.plays, "hls.js to play", 60)
            for number in range(1 if query else CUTS):
                publisher = cut(stack, clip, publisher, player, AWAY[number % len(AWAY)])
            publisher = cut(stack, clip, publisher, player, LONG)
            player.end()
        leave(publisher)


class Trial:
    """One stream, its clips of two sizes, and the players on it."""

    def __init__(self, stack):
        self.stack, self.stalls = stack, []
        self.clips = [make_clip(stack.home / f"{size}.flv", seconds=20, gop=60, size=size) for size in ("320x180", "480x270")]
        self.publisher = stack.publish_on(self.clips[0])
        wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 3, "three segments")
        base = stack.info["hls_url"].rsplit("/", 1)[0]
        self.players = [self.play(url) for url in (stack.info["hls_url"], base + "/manifest.mpd?ll=0")]

    def play(self, url):
        player = Player(self.stack, url)
        wait_for(player.plays, f"{player.name} to play", 60)
        return player

    def cut(self, away, size=0):
        self.publisher.kill()
        self.publisher.wait()
        time.sleep(away)
        if size:
            self.clips.reverse()
        self.publisher = self.stack.publish_on(self.clips[0])

    def kill(self, times):
        for _ in range(times):
            pid = self.stack.kill("packaging")
            self.stack.wait_ready("packaging", other_than=pid, seconds=60)

    def event(self, number, kind, value):
        """Happens; then all play on, and stay so."""
        for player in self.players:
            player.longest = 0
        begun = time.monotonic()
        if kind == "kill":
            self.kill(value)
        else:
            self.cut(value, size=kind == "size")
        away, befores = time.monotonic() - begun, [player.now for player in self.players]
        print(f"{number} {kind} {value}: {away:.1f} s", flush=True)
        for place, (player, before) in enumerate(zip(self.players, befores)):
            try:
                wait_for(lambda p=player, b=before: p.plays_on(b), f"{player.name} to go on", 30)
            except Failure as failure:
                print(f"  {failure}: {player.now}", flush=True)
                player.end()
                self.players[place] = self.play(player.url)
            print(f"  {player.name} stood for {player.longest:.1f} s, is {player.now['latency'] or 0:.1f} s behind", flush=True)
            if player.longest > away * player.waits + STALL:
                self.stalls.append(f"{number} {kind} {value}: {player.name} stood for {player.longest:.1f} s")
        time.sleep(2)


def hundred():
    with Stack(RECONNECT_GRACE_SECONDS=str(GRACE)) as stack:
        trial = Trial(stack)
        for number in range(ROUNDS):
            for place, (kind, value) in enumerate(EVENTS):
                trial.event(number * len(EVENTS) + place + 1, kind, value)
        for player in trial.players:
            player.end()
        check(not trial.stalls, f"{len(trial.stalls)} stalls: {trial.stalls}")
        leave(trial.publisher)


def test():
    need("chromium", "node", "playwright-core", "dashjs")
    cuts()
    if os.environ.get("MILLRACE_TEST_LONG"):
        hundred()


main(test)
