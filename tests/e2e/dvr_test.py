#!/usr/bin/env python3
"""Going back in a live stream (/live/<id>/dvr.m3u8): what the log has let go of comes from the recording under the same names with the same bytes, to ffmpeg, mpv and
hls.js and dash.js in Chromium; over reconnects, kills of every service that has a part in it, and after the end."""
import json
import re
import shutil
import subprocess
import time

from stack import PATIENCE, ROOT, Failure, Stack, check, fetch, leave, live_playlist, main, make_clip, wait_for

WINDOW = 120
SETTINGS = {"DVR_WINDOW_SECONDS": str(WINDOW), "HLS_SEGMENT_MS": "1000", "HLS_WINDOW_SEGMENTS": "3", "MEDIA_LOG_KEEP_SECONDS": "5",
            "RECONNECT_GRACE_SECONDS": "4"}


class Watcher:
    """Asks for the lists again and again, and holds them to what they have said."""

    def __init__(self, stack):
        self.live = stack.info["hls_url"]
        self.dvr = self.live.replace("index.m3u8", "dvr.m3u8")
        self.names, self.bytes, self.first, self.last = {}, {}, {}, {}

    def media(self, rendition="v0"):
        return live_playlist(self.dvr, rendition)

    def look(self):
        for rendition in ("v0", "a0"):
            live = live_playlist(self.live, rendition)
            for number, url, *_ in live.segments if live else []:
                if (rendition, number) not in self.bytes:
                    status, _, body = fetch(url)
                    if status == 200:
                        self.bytes[rendition, number] = (url, body)
            past = self.media(rendition)
            if past:
                self.hold(rendition, past)
        return past

    def hold(self, rendition, past):
        check(past.media_sequence >= self.first.get(rendition, 0), f"{rendition} begins with {past.media_sequence} after {self.first.get(rendition)}")
        check(past.last >= self.last.get(rendition, 0), f"{rendition} ends with {past.last} after {self.last.get(rendition)}")
        self.first[rendition], self.last[rendition] = past.media_sequence, past.last
        for number, url, seconds, *_ in past.segments:
            known = self.names.setdefault((rendition, number), (url, seconds))
            check(known == (url, seconds), f"{rendition} {number} was {known}, is {url} {seconds}")

    def for_seconds(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.look()
            except OSError:
                pass  # it is being killed
            time.sleep(0.5)

    def same_bytes(self):
        """What was fetched while it was live is still there, byte for byte."""
        past = {(rendition, number) for rendition in ("v0", "a0") for number, *_ in self.media(rendition).segments}
        compared = 0
        for key, (url, body) in self.bytes.items():
            if key not in past:
                continue
            status, headers, now = fetch(url)
            check(status == 200, f"{url}: {status} {now[:200]}")
            check(now == body, f"{url}: other bytes than while it was live")
            check("immutable" in headers["Cache-Control"], f"{url}: {headers['Cache-Control']}")
            compared += 1
        return compared


def whole_list(watcher, rendition="v0"):
    for number, url, _, _, init in watcher.media(rendition).segments:
        for address in (url, init):
            status, _, body = fetch(address)
            check(status == 200, f"{address}: {status} {body[:200]}")


def beyond_the_log(watcher):
    """Segments in the list that the log does not have any more, by what recording's absence would leave: what has left the live list for long."""
    live = live_playlist(watcher.live)
    return live.media_sequence - watcher.media().media_sequence


def by_programs(watcher):
    result = subprocess.run(["ffprobe", "-v", "error", "-live_start_index", "0", "-read_intervals", "%+10", "-count_packets", "-select_streams", "v",
                             "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", watcher.dvr],
                            capture_output=True, text=True, timeout=60 * PATIENCE)
    check(result.returncode == 0 and int(result.stdout.split()[0]) > 200, f"ffprobe: {result.stdout}{result.stderr}")
    check("error" not in result.stderr.lower(), f"ffprobe: {result.stderr}")
    if shutil.which("mpv"):
        result = subprocess.run(["mpv", "--no-config", "--vo=null", "--ao=null", "--start=0", "--length=5", "--untimed", "--demuxer-lavf-o=live_start_index=0", watcher.dvr],
                                capture_output=True, text=True, timeout=60 * PATIENCE)
        check(result.returncode == 0, f"mpv: {result.stdout[-500:]}{result.stderr}")


def in_browser(stack, watcher):
    if not shutil.which("chromium") or not shutil.which("node") or not (ROOT / "tests/node_modules/playwright-core").exists():
        print("chromium, node or playwright-core is not installed")
        return
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/dvr.mjs"), stack.info["watch_url"], watcher.dvr], capture_output=True, text=True,
                            timeout=300 * PATIENCE)
    check(result.returncode == 0, f"the browser: {result.stdout}{result.stderr}")
    print(result.stdout.strip())
    seen = json.loads(result.stdout.splitlines()[-1])
    check(not [error for error in seen["errors"] if "fatal" in error], f"the browser: {seen}")
    live = live_playlist(watcher.live)
    check(seen["lowest"] < live.media_sequence - 20, f"the browser went back to {seen['lowest']}, live begins with {live.media_sequence}")
    check(seen["past"]["time"] < seen["live"]["time"] - 15 < seen["back"]["time"], f"the browser: {seen}")


def on_the_page(stack):
    """The watch page's bar goes back, its button to live."""
    if not shutil.which("chromium") or not shutil.which("node") or not (ROOT / "tests/node_modules/playwright-core").exists():
        return
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/past.mjs"), stack.info["watch_url"]], capture_output=True, text=True, timeout=300 * PATIENCE)
    check(result.returncode == 0, f"the page: {result.stdout}{result.stderr}")
    print(result.stdout.strip())
    seen = json.loads(result.stdout.splitlines()[-1])
    check(not seen["problems"], f"the page: {seen}")
    live, past, back = seen["live"], seen["past"], seen["back"]
    check(past["date"] < live["date"] - 15000 and past["button"] and past["place"].startswith("\u2212"), f"the page: {seen}")
    check(past["date"] < seen["nearer"]["date"] < back["date"] and back["date"] > live["date"], f"the page: {seen}")


def by_dash(watcher):
    """The same segments as an MPD."""
    url = watcher.dvr.replace("dvr.m3u8", "dvr.mpd")
    status, headers, body = fetch(url)
    check(status == 200 and headers["Content-Type"] == "application/dash+xml", f"{url}: {status} {body}")
    depth = float(re.search(rb'timeShiftBufferDepth="PT([0-9.]+)S"', body).group(1))
    length = sum(seconds for _, _, seconds, *_ in watcher.media().segments)
    check(abs(depth - length) < 5, f"the MPD goes back {depth} s, the list {length} s")
    result = subprocess.run(["ffmpeg", "-v", "error", "-i", url, "-t", "5", "-map", "0:v:0", "-map", "0:a:0", "-f", "null", "-", "-progress", "pipe:1"],
                            capture_output=True, text=True, timeout=60 * PATIENCE)
    frames = [int(number) for number in re.findall(r"^frame=(\d+)", result.stdout, re.M)]
    check(result.returncode == 0 and frames and frames[-1] >= 135, f"ffmpeg {url}: {frames[-1:]} {result.stderr[-500:]}")
    if not shutil.which("chromium") or not shutil.which("node") or not (ROOT / "tests/node_modules/dashjs").exists():
        print("chromium, node or dashjs is not installed")
        return
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/dash.mjs"), url, "--seconds", "8", "--back", "--stall", str(8000 * PATIENCE)],
                            capture_output=True, text=True, timeout=200 * PATIENCE)
    check(result.returncode == 0, f"dash.js: {result.stdout}{result.stderr}")
    print(result.stdout.strip())
    seen = json.loads(result.stdout)
    check(seen["behind"] > 20 and seen["played"] > 3 and seen["sound"] > 0 and not seen["refused"], f"dash.js goes back: {seen}")


def over_a_kill(stack, watcher, service):
    pid = stack.kill(service)
    watcher.for_seconds(3)
    stack.wait_ready(service, other_than=pid)
    watcher.for_seconds(6)


def test():
    with Stack(**SETTINGS) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=30)
        watcher = Watcher(stack)
        status, _, body = fetch(watcher.dvr)
        check(status == 404 and b"neither live nor recorded" in body, f"nothing yet: {status} {body}")
        publisher = stack.publish_on(clip)
        wait_for(watcher.media, "a list")
        watcher.for_seconds(45)
        check(beyond_the_log(watcher) > 25, f"the list reaches back {beyond_the_log(watcher)} segments further")
        whole_list(watcher)
        compared = watcher.same_bytes()
        check(compared > 60, f"{compared} segments were compared")
        by_programs(watcher)
        in_browser(stack, watcher)
        on_the_page(stack)
        by_dash(watcher)
        for service in ("packaging", "recording"):
            over_a_kill(stack, watcher, service)
        check(not watcher.media().gaps, f"gaps: {watcher.media().gaps}")
        # The encoder comes back: one window.
        leave(publisher)
        watcher.for_seconds(2)
        publisher = stack.publish_on(clip)
        watcher.for_seconds(10)
        check(sum(1 for segment in watcher.media().segments if segment[3]) == 1, f"one discontinuity: {watcher.media().text}")
        whole_list(watcher, "a0")
        watcher.same_bytes()
        # Ingest is killed and begins anew.
        pid = stack.kill("ingest")
        watcher.for_seconds(2)
        stack.wait_ready("ingest", other_than=pid)
        publisher.wait(20 * PATIENCE)
        publisher = stack.publish_on(clip)
        watcher.for_seconds(10)
        check(not watcher.media().gaps, f"gaps: {watcher.media().gaps}")
        whole_list(watcher)
        leave(publisher)
        wait_for(lambda: watcher.look().ended, "the list's end", 30)
        stack.wait_recordings()
        # The log is emptied of it; the recording is finished, another file.
        wait_for(lambda: fetch(watcher.live)[0] == 404, "the live list's end", 90, 0.5)
        past = watcher.look()
        check(past.ended and not past.gaps and len(past.segments) > 50, f"the VOD: {past.text}")
        whole_list(watcher)
        check(watcher.same_bytes() > 60, "segments were compared")
        length = sum(seconds for _, _, seconds, *_ in past.segments)
        result = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", watcher.dvr], capture_output=True,
                                text=True, timeout=60 * PATIENCE)
        check(abs(float(result.stdout) - length) < 5, f"ffprobe: {result.stdout}{result.stderr}, {length} s are listed")
        # Of several Periods ffmpeg tells no length.
        manifest = fetch(watcher.dvr.replace("dvr.m3u8", "dvr.mpd"))[2].decode()
        total = float(re.search(r'mediaPresentationDuration="PT([0-9.]+)S"', manifest).group(1))
        check('type="static"' in manifest and 'start="PT0S"' in manifest and abs(total - length) < 20, f"{length} s are listed: {manifest}")


main(test)
