"""What packaging costs above ingest, with low-latency HLS and DASH on: CPU of its process for each GB that ingest received meanwhile,
as viewers come."""
import contextlib
import http.client
import re
import threading
import time

from measure import cpu_seconds, pin, report
from stack import fetch, live_playlist, wait_for

RENDITIONS = ("v0", "a0")


class Viewer(threading.Thread):
    """One rendition of a stream, over one connection, until stop."""

    def __init__(self, url, rendition):
        super().__init__(daemon=True)
        self.host, path = re.match(r"http://([^/]+)(/.*/)", url.replace("localhost", "127.0.0.1")).groups()
        self.directory, self.rendition = path, rendition
        self.stop, self.bytes, self.requests, self.failed = False, 0, 0, 0

    def run(self):
        self.connection = http.client.HTTPConnection(self.host, timeout=20)
        with contextlib.suppress(OSError, http.client.HTTPException):
            while not self.stop:
                self.turn()

    def get(self, name):
        self.connection.request("GET", self.directory + name)
        answer = self.connection.getresponse()
        body = answer.read()
        self.requests += 1
        self.bytes += len(body)
        if answer.status != 200:
            self.failed += 1
            time.sleep(0.2)
        return body.decode(errors="replace") if answer.status == 200 else ""


class LowLatencyViewer(Viewer):
    """As hls.js: blocking reloads, delta updates, each part as it is listed."""

    def __init__(self, url, rendition):
        super().__init__(url, rendition)
        self.next, self.part = "", -1

    def turn(self):
        text = self.get(f"{self.rendition}/index.m3u8{self.next}")
        parts = [int(number) for number in re.findall(r'^#EXT-X-PART:.*URI="p(\d+)-', text, re.M)]
        names = dict(re.findall(r'^#EXT-X-PART:.*URI="p(\d+)(-[^"]+)"', text, re.M))
        if not parts:
            return
        if self.part < 0:
            self.part = parts[-1] - 1
        for number in parts:
            if number > self.part:
                self.get(f"{self.rendition}/p{number}{names[str(number)]}")
                self.part = number
        first = int(re.search(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", text).group(1))
        skipped = re.search(r"SKIPPED-SEGMENTS=(\d+)", text)
        whole = first + (int(skipped.group(1)) if skipped else 0) + text.count("#EXTINF")
        growing = text.rsplit("#EXTINF", 1)[1].count("#EXT-X-PART:")
        self.next = f"?_HLS_msn={whole}&_HLS_part={growing}&_HLS_skip=YES"


class DashViewer(Viewer):
    """Whole segments: the MPD twice in a target duration of 2 s, each segment once."""

    def __init__(self, url, rendition):
        super().__init__(url, rendition)
        self.segment = -1

    def turn(self):
        text = self.get("manifest.mpd?ll=0")
        own = [t for t in re.findall(r"<SegmentTemplate (.*?)</SegmentTemplate>", text, re.S) if f'media="{self.rendition}/' in t]
        if own:
            template, first = (re.search(rf'{name}="([^"]+)"', own[-1]).group(1) for name in ("media", "startNumber"))
            last = int(first) - 1 + sum(1 + int(repeat or 0) for repeat in re.findall(r'<S [^>]*?d="\d+"(?: r="(\d+)")?', own[-1]))
            for number in range(max(self.segment + 1, last), last + 1):
                self.get(re.sub(r"\$Number%0(\d+)d\$", lambda digits: f"{number:0{digits.group(1)}d}", template))
            self.segment = last
        time.sleep(1)


def window(stack, packaging, received, seconds):
    """CPU s/GB of packaging, and the GB."""
    used, bytes_before = cpu_seconds(packaging), received(stack)
    time.sleep(seconds)
    gigabytes = (received(stack) - bytes_before) / 1e9
    return (cpu_seconds(packaging) - used) / gigabytes, gigabytes


def measure(stack, seconds, received, peer):
    """received(stack): bytes at ingest so far; peer: what nginx-rtmp's HLS costs above its ingest."""
    packaging = stack.pid("packaging")
    pin(packaging)
    urls = [stack.info["hls_url"].replace(stack.info["stream_id"], name) for name in stack.ids]
    for url in urls:
        wait_for(lambda url=url: (p := live_playlist(url)) and "#EXT-X-PART:" in p.text, "parts", 30)
        wait_for(lambda url=url: fetch(url.replace("index.m3u8", "manifest.mpd"))[0] == 200, "an MPD", 30)
    note = "nginx writes files to tmpfs, nobody asks for them"
    cost, _ = window(stack, packaging, received, seconds)
    report(f"packaging {len(urls)} streams, nobody watches", cost, "CPU s/GB", peer, note)
    viewers = []
    for kind, what in ((LowLatencyViewer, "one low-latency viewer each"), (DashViewer, "and one DASH viewer of whole segments each")):
        came = [kind(url, rendition) for url in urls for rendition in RENDITIONS]
        viewers += came
        for viewer in came:
            viewer.start()
        time.sleep(3)
        before = sum(v.requests for v in viewers), sum(v.bytes for v in viewers), sum(v.failed for v in viewers)
        cost, gigabytes = window(stack, packaging, received, seconds)
        requests, sent, failed = (now - then for now, then in zip((sum(v.requests for v in viewers), sum(v.bytes for v in viewers),
                                                                   sum(v.failed for v in viewers)), before))
        alive = sum(v.is_alive() for v in viewers)
        report(f"the same, {what}", cost, "CPU s/GB", peer, f"{requests / seconds:.0f} requests/s, {sent / 1e9 / gigabytes:.2f} of what came in, "
               f"{failed} refused, {len(viewers) - alive} viewers lost; {note}")
    for viewer in viewers:
        viewer.stop = True
    for viewer in viewers:
        viewer.join(timeout=20)
