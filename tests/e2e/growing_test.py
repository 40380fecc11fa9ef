#!/usr/bin/env python3
"""DASH's newest segment through the fronts of docs/examples, while it grows: Varnish alone, nginx with Varnish behind it, nginx alone. All
viewers have its parts as the origin sends them, nginx alone gives them one later; with Varnish the origin is asked once. One that broke off
is not kept, what is missing for a second."""
import contextlib
import http.client
import os
import re
import signal
import threading
import time
import urllib.parse

from dash_clock import newest_by_clock
from fronts import Origin, all_at_once, ask, nginx, open_url, varnish
from stack import PATIENCE, Stack, check, fetch, main, make_clip, wait_for

PART = 0.333
# From the origin's last byte of a part to a viewer's.
ON_THE_WAY = 0.15 * PATIENCE
VIEWERS = 4


class Viewer(threading.Thread):
    """One request: when so many of its bytes were there; whole: the body came to its end."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.arrived, self.body, self.whole = url, [], b"", None
        self.start()

    def run(self):
        try:
            with open_url(self.url) as answer:
                while piece := answer.read1(1 << 16):
                    self.body += piece
                    self.arrived.append((time.monotonic(), len(self.body)))
            self.whole = True
        except (http.client.IncompleteRead, OSError):
            self.whole = False

    def behind(self, other):
        """How much later than the other one it had what that had, at most; of what was there when it came both have it at once."""
        begun = self.arrived[0][0]
        return max(next(at for at, size in self.arrived if size >= wanted) - max(when, begun) for when, wanted in other.arrived)


class Trial:
    def __init__(self, stack, front):
        self.stack, self.front, self.origin = stack, front, Origin(stack)
        self.direct = stack.info["hls_url"].rsplit("/", 1)[0]
        self.prefix = f"/live/{stack.stream_id}"
        self.base = front + self.prefix

    def begun(self):
        """The path of a segment that has just begun."""
        def newest():
            found = newest_by_clock(f"{self.direct}/manifest.mpd")
            return found and found[0]
        before = wait_for(newest, "a grid", 40)
        after = wait_for(lambda: (name := newest()) and name != before and name, "the next segment", 10, 0.02)
        return urllib.parse.urlsplit(after).path

    def one_that_grows(self, once):
        """once: however many want it, the origin is asked once, and nothing is held back."""
        path = self.begun()
        before = self.origin.requests()
        origin_viewer, viewers = Viewer(self.direct + path.removeprefix(self.prefix)), []
        for _ in range(VIEWERS):
            viewers.append(Viewer(self.front + path))
            time.sleep(0.1)
        for viewer in [origin_viewer, *viewers]:
            viewer.join(20 * PATIENCE)
        asked = self.origin.requests() - before - 1
        check(all(viewer.whole for viewer in viewers), f"{path}: {[viewer.whole for viewer in viewers]}")
        end = max(viewer.arrived[-1][0] for viewer in viewers)
        early = [end - viewer.arrived[0][0] for viewer in viewers]
        behind = max(viewer.behind(origin_viewer) for viewer in viewers)
        print(f"  first bytes {', '.join(f'{seconds:.2f}' for seconds in early)} s before the end, at most {behind * 1000:.0f} ms behind the origin; "
              f"{asked} requests there", flush=True)
        check(min(early) > PART, f"all have the first bytes before it is whole: {early}")
        check(behind < ON_THE_WAY + (0 if once else 2 * PART), f"a viewer is {behind:.2f} s behind the origin")
        check(asked == 1 if once else 1 <= asked <= VIEWERS, f"{asked} requests at the origin")
        whole = origin_viewer.body
        check({viewer.body for viewer in viewers} == {whole}, "the same bytes for all")
        before = self.origin.requests()
        status, headers, body = ask(self.front + path)
        check((status, body) == (200, whole) and self.origin.requests() == before and "immutable" in headers["Cache-Control"], f"it is kept: {status} {headers}")

    def one_that_breaks_off(self):
        pid = self.stack.pid("packaging")
        path = self.begun()
        viewers = [Viewer(self.front + path) for _ in range(2)]
        wait_for(lambda: all(viewer.arrived for viewer in viewers), "the first bytes", 10, 0.02)
        os.kill(pid, signal.SIGKILL)
        for viewer in viewers:
            viewer.join(20 * PATIENCE)
        check([viewer.whole for viewer in viewers] == [False, False], f"both see that it broke off: {[viewer.whole for viewer in viewers]}")
        self.stack.wait_ready("packaging", other_than=pid)
        direct = self.direct + path.removeprefix(self.prefix)
        whole = wait_for(lambda: (answer := fetch(direct, timeout=30))[0] == 200 and answer[2], "the segment", 20)
        check(len(whole) > len(viewers[0].body), "it goes on")
        answer = wait_for(lambda: (a := ask(self.front + path))[0] == 200 and a, "the segment through the front", 5)
        check(answer[2] == whole, f"{len(answer[2])} bytes of {len(whole)}: what broke off was kept")
        print(f"  broke off at {len(viewers[0].body)} of {len(whole)} bytes, and was whole afterwards", flush=True)

    def missing(self):
        """For a second at most, and one request for all in it."""
        name = f"{self.base}/v0/900000000-1-1.m4s"
        before, begun = self.origin.requests(), time.monotonic()
        answers = all_at_once([name] * 30)
        seconds, asked = time.monotonic() - begun, self.origin.requests() - before
        check({answer[0] for answer in answers} == {404} and asked <= 2 + int(seconds), f"{asked} requests in {seconds:.1f} s: {answers[0]}")
        time.sleep(1.1)
        before = self.origin.requests()
        check(ask(name)[0] == 404 and self.origin.requests() == before + 1, "it is asked for again a second later")


def lists(trial):
    """Varnish alone: what nginx does with lists and what is private."""
    newest = re.search(r"^#EXT-X-MEDIA-SEQUENCE:(\d+)$", fetch(f"{trial.direct}/v0/index.m3u8")[2].decode(), re.M)
    wanted = int(newest.group(1)) + fetch(f"{trial.direct}/v0/index.m3u8")[2].count(b"#EXTINF") + 1
    queries = [f"?_HLS_msn={wanted}", f"?CMCD=a&_HLS_msn={wanted}", f"?_HLS_msn={wanted}&CMCD=b"]
    before = trial.origin.requests()
    answers = all_at_once([f"{trial.base}/v0/index.m3u8{queries[number % 3]}" for number in range(30)])
    check({answer[0] for answer in answers} == {200} and len({answer[2] for answer in answers}) == 1, f"a list that blocks: {answers[0]}")
    check(trial.origin.requests() == before + 1, f"{trial.origin.requests() - before} requests at the origin for a list that blocks")
    packed = ask(f"{trial.base}/v0/index.m3u8{queries[0]}", {"Accept-Encoding": "gzip"})
    check(packed[1]["Content-Encoding"] == "gzip" and trial.origin.requests() == before + 1, f"compressed for who takes it: {packed[1]}")
    for query, headers in ((f"?_HLS_msn={wanted + 100}", {}), ("?token=x", {}), ("?ll=1", {}), (f"?_hls_msn={wanted}", {}), ("", {"Authorization": "Bearer x"})):
        before = trial.origin.requests()
        said = [ask(f"{trial.base}/v0/index.m3u8{query}", headers)[1]["X-Cache"] for _ in range(2)]
        check(said == ["BYPASS", "BYPASS"] and trial.origin.requests() == before + 2, f"{query} {headers}: {said}")
    url = f"{trial.base}/v0/index.m3u8"
    first = ask(url)
    check(ask(url)[1]["X-Cache"] == "HIT", "a list is kept")
    time.sleep(int(re.search(r"max-age=(\d+)", first[1]["Cache-Control"]).group(1)) + 0.2)
    before = trial.origin.requests()
    check(ask(url)[1]["X-Cache"] == "MISS" and trial.origin.requests() == before + 1, "for no longer than the origin says")
    flv(trial)


def flv(trial):
    """Goes through from the first byte on."""
    with open_url(trial.base + ".flv") as answer:
        check(answer.read(4) == b"FLV\1", "FLV through Varnish")


def growing():
    # All viewers of the test come from one address.
    with Stack(TRUSTED_PROXIES="127.0.0.1", HLS_CONNECTIONS_PER_ADDRESS="0") as stack, contextlib.ExitStack() as fronts:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        stack.publish_on(clip)
        origin = int(re.search(r":(\d+)/", stack.info["hls_url"].split("//")[1]).group(1))
        caching = fronts.enter_context(varnish(origin))
        behind = fronts.enter_context(nginx(origin, segments=caching.rsplit(":", 1)[1]))
        alone = fronts.enter_context(nginx(origin))
        for name, front, once in (("Varnish", caching, True), ("nginx before Varnish", behind, True), ("nginx", alone, False)):
            print(name, flush=True)
            trial = Trial(stack, front)
            trial.one_that_grows(once)
            trial.one_that_breaks_off()
            if once:
                trial.missing()
            if name == "Varnish":
                lists(trial)


main(growing)
