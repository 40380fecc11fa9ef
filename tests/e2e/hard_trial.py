"""A hard stream (hard_streams.py) under real players for its whole length, its lists and manifests held against the specifications meanwhile."""
import json
import os
import pathlib
import re
import subprocess
import threading
import time

from dash_manifest import Watch
from low_latency import Following, playlist_url
from page_players import Pages
from stack import PATIENCE, ROOT, Stack, check, fetch, need, wait_for

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))
SECONDS = 50
PLAYED = 20
# No picture, or no sound where there is none, for this long is a stall.
STALL = 2.0 * PATIENCE
# Where a discontinuity is in it: players of low latency have little in hand, and dash.js knows of the Period when its first segment is whole.
STALL_AT_CHANGE = 4.0 * PATIENCE


class Mpv:
    """mpv, whose clock is looked at: how much it has played, and how long it stood at most."""

    def __init__(self, stack, name, url):
        self.name, self.begun, self.at, self.moved, self.longest = name, None, None, None, 0.0
        self.child = stack.spawn("mpv", "--no-config", "--vo=null", "--ao=null", "--term-status-msg=at ${=time-pos}", url,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for piece in iter(lambda: self.child.stdout.read1(4096), b""):
            for text in re.findall(rb"at ([\d.]+)", piece):
                self.look(float(text), time.monotonic())

    def look(self, at, now):
        if self.at is not None and at > self.at:
            self.longest = max(self.longest, now - self.moved)
        if self.at is None or at > self.at:
            self.begun = self.begun if self.begun is not None else at
            self.at, self.moved = at, now

    def played(self):
        return self.at - self.begun if self.at is not None else 0.0


def base_of(stack):
    return stack.info["hls_url"].rsplit("/", 1)[0]


def lists_of(stack):
    """hls-parser and mp4box.js on all that is listed."""
    return stack.spawn("node", str(ROOT / "tests/e2e/players/lists.mjs"), stack.info["hls_url"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def check_lists(lists, renditions):
    said, _ = lists.communicate(timeout=60 * PATIENCE)
    seen = json.loads(said)
    print("  lists:", {kind: count for kind, count in seen.items() if kind != "problems"}, flush=True)
    check(not seen["problems"], f"{len(seen['problems'])} faults, first: {seen['problems'][:2]}")
    check(seen["renditions"] == renditions and seen["playlists"] > 20, f"too little was read: {seen}")


def check_rules(following):
    for one in following:
        one.stop = True
    for one in following:
        one.join(timeout=30)
        checker = one.checker
        checker.check_hinted()
        print(f"  {checker.url.rsplit('/', 2)[1]}: {checker.polls} playlists, {checker.wholes} segments of their parts, {checker.failures} failures",
              flush=True)
        check(one.error is None, f"the checker: {one.error!r}")
        check(not checker.wrong, f"{checker.url}: {len(checker.wrong)} faults, first: {checker.wrong[:3]}")


def trial(make, tracks, pictures=True, stall=STALL, without=()):
    """make(directory, seconds): the file; tracks: the renditions there are from the start; nobody stands for longer than stall."""
    need("chromium", "node", "mpv", "xmllint", "playwright-core", "dashjs", "shaka-player", "video.js", "hls-parser", "mp4box")
    with Stack() as stack:
        print(make.__name__, flush=True)
        path, base, hls = make(stack.home, SECONDS), base_of(stack), stack.info["hls_url"]
        mpd = f"{base}/manifest.mpd"
        publisher = stack.spawn(str(BIN / "rtmp_publish"), stack.info["publish_url"], str(path), "--enhanced", "*", stdout=subprocess.DEVNULL)
        begun = time.monotonic()
        wait_for(lambda: fetch(mpd)[0] == 200, "a manifest", 40)
        print(f"  a manifest after {time.monotonic() - begun:.1f} s", flush=True)
        lists = lists_of(stack)
        following = [Following(stack, track) for track in tracks]
        watches = [Watch(url, stack.home / name) for name, url in (("mpd", mpd), ("mpd-ll0", f"{mpd}?ll=0"))]
        for one in [*following, *watches]:
            one.start()
        urls = {"hlsjs": hls, "dashjs": mpd, "shaka-ll": mpd, "videojs": hls}
        pages = Pages(stack, {name: url for name, url in urls.items() if name not in without}, pictures)
        natives = [Mpv(stack, "mpv HLS", hls)]
        pages.wait_playing()
        starts = {name: one["time"] for name, one in pages.now.items()}
        print(f"  all play after {time.monotonic() - begun:.1f} s", flush=True)
        time.sleep(max(PLAYED + 2, SECONDS - (time.monotonic() - begun) - 3))
        check(publisher.poll() is None, "the publisher is there until the players have played")
        last, longest = pages.now, dict(pages.longest)
        played = {name: one["time"] - starts[name] for name, one in last.items()}
        for name, one in last.items():
            print(f"  {name}: played {played[name]:.1f} s, stood for {longest[name]:.2f} s at most, {one['latency'] or 0:.1f} s behind, {one['problems']}",
                  flush=True)
        for one in natives:
            print(f"  {one.name}: played {one.played():.1f} s, stood for {one.longest:.2f} s at most", flush=True)
        pages.end()
        check_lists(lists, len(tracks))
        check_rules(following)
        for watch in watches:
            watch.finish()
            print(f"  {watch.count} manifests, Periods {watch.starts}", flush=True)
        for name, seconds in played.items():
            check(seconds >= PLAYED and longest[name] < stall, f"{name} played {seconds:.1f} s, stood for {longest[name]:.1f} s")
            check(not last[name]["problems"], f"{name}: {last[name]['problems']}")
        for one in natives:
            check(one.played() >= PLAYED and one.longest < stall, f"{one.name} played {one.played():.1f} s, stood for {one.longest:.1f} s")
