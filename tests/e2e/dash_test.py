#!/usr/bin/env python3
"""DASH beside HLS, of the same segments: every manifest is as the schema has it, numbers and starts of Periods never change, ffmpeg
plays it."""
import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request

from dash_clock import newest_by_clock
from dash_manifest import Manifest, Watch, seconds
from grants import make_private, signed
from stack import PATIENCE, Stack, check, fetch, main, make_clip, wait_for


def mpd_url(stack):
    return stack.info["hls_url"].rsplit("/", 1)[0] + "/manifest.mpd"


def wait_manifest(url):
    def probe():
        status, headers, body = fetch(url)
        if status != 200:
            return None
        check(headers["Content-Type"] == "application/dash+xml", f"its type: {headers['Content-Type']}")
        return Manifest(body.decode(), url)
    return wait_for(probe, "a manifest", 30)


def same_segments_as_hls(stack, manifest):
    """What both list is the same object."""
    for rendition in ("v0", "a0"):
        listed = {number: url for number, url, *_ in stack.playlist(rendition=rendition).segments}
        _, representations = list(manifest.periods.values())[-1]
        both = set(listed) & set(representations[rendition])
        check(len(both) >= 2, f"{rendition} in both: {both}")
        check(all(representations[rendition][n][0] == listed[n] for n in both), f"the same names: {listed} {representations}")
        check(fetch(representations[rendition]["init"])[0] == 200, "the init segment")


def ffmpeg_plays(url, wanted=5):
    result = subprocess.run(["ffmpeg", "-v", "error", "-i", url, "-t", str(wanted), "-map", "0:v:0", "-map", "0:a:0", "-f", "null", "-",
                             "-progress", "pipe:1"], capture_output=True, text=True, timeout=60 * PATIENCE, stdin=subprocess.DEVNULL)
    frames = [int(n) for n in re.findall(r"^frame=(\d+)", result.stdout, re.M)]
    check(result.returncode == 0 and frames and frames[-1] >= 30 * wanted * 0.9, f"ffmpeg: {frames[-1:]} {result.stderr}")


def ffprobe_describes(url):
    result = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height,channels", "-of", "json", url],
                            capture_output=True, text=True, timeout=60 * PATIENCE)
    streams = {s["codec_name"]: s for s in json.loads(result.stdout or "{}").get("streams", [])}
    check(set(streams) == {"h264", "aac"} and streams["h264"]["width"] == 320 and streams["aac"]["channels"] == 2, f"ffprobe: {streams} {result.stderr}")


def reads_on(watch, seconds_long, what):
    """The watch sees new segments for a while."""
    last = max(number for _, number in watch.names)
    wait_for(lambda: watch.error or max(number for _, number in watch.names) >= last + seconds_long // 2, what, seconds_long * 2 + 20)
    check(watch.error is None, f"{what}: {watch.error}")


def grows_while_it_is_sent(url):
    """The segment that the clock says is made now comes part by part, and is a segment of its playlist afterwards."""
    text = fetch(url)[2].decode()
    template = re.search(r'startNumber="(\d+)" availabilityTimeOffset="([0-9.]+)" availabilityTimeComplete="false" '
                         r'initialization="[^"]*" media="(v0/[^"]*)"', text)
    check(template, f"a Period on a grid: {text}")
    start = seconds(re.findall(r'<Period id="[^"]*" start="([^"]*)"', text)[-1])
    scale, duration = (int(n) for n in re.search(r'timescale="(\d+)"(?: presentationTimeOffset="\d+")? duration="(\d+)"', text).groups())
    number = int(template[1]) + int((time.time() - start) * scale / duration)
    name = urllib.parse.urljoin(url, re.sub(r"\$Number(%09d)?\$", lambda m: (m[1] or "%d") % number, template[3]))
    arrived = []
    with urllib.request.urlopen(name, timeout=20) as answer:
        check(answer.headers["Transfer-Encoding"] == "chunked", f"{name} is sent as it grows: {answer.headers}")
        while piece := answer.read1(1 << 20):
            arrived.append((time.monotonic(), piece))
    body = b"".join(piece for _, piece in arrived)
    check(fetch(name)[2] == body, "the same bytes when it is whole")
    check(body.count(b"moof") >= 3 and arrived[-1][0] - arrived[0][0] > 0.1, f"part by part: {[(t, len(p)) for t, p in arrived]}")


def waits_for_a_late_publisher(publisher, url):
    """What the clock says is there is not refused while the publisher is connected and late: it comes."""
    os.kill(publisher.pid, signal.SIGSTOP)
    try:
        time.sleep(5)
        name, _ = newest_by_clock(url)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(fetch(name, timeout=30)))
        asking.start()
        asking.join(0.5)
        check(not answers, f"who asks for {name} waits: {answers}")
    finally:
        os.kill(publisher.pid, signal.SIGCONT)
    asking.join(30)
    check(answers and answers[0][0] == 200, f"{name}: {answers and answers[0][:2]}")


def discontinuities(watch):
    """How many of them the Periods were of: one may be in several, when segments are uneven."""
    return len({name.split(".")[0] for name in watch.starts})


def dash():
    with Stack(RECONNECT_GRACE_SECONDS="4") as stack:
        low_latency = mpd_url(stack)
        # Players that take whole segments only.
        url = low_latency + "?ll=0"
        check(fetch(url)[0] == 404, "no manifest before there is a stream")
        clip = make_clip(stack.home / "clip.flv", seconds=120, gop=60)
        publisher = stack.publish(clip)
        manifest = wait_manifest(url)
        check(len(list(manifest.periods.values())[0][1]["v0"]) >= 4, f"three segments before there is one: {manifest.text}")
        status, headers, text = fetch(urllib.parse.urljoin(url, "/time"))
        check(status == 200 and headers["Cache-Control"] == "no-store" and re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text), f"/time: {text}")
        watch = Watch(url, stack.home)
        watch.start()
        by_clock = Watch(low_latency, stack.home / "by_clock")
        by_clock.start()
        same_segments_as_hls(stack, manifest)
        ffprobe_describes(url)
        ffmpeg_plays(url)
        grows_while_it_is_sent(low_latency)
        waits_for_a_late_publisher(publisher, low_latency)
        reads_on(watch, 10, "the stream")

        stack.kill("packaging")
        reads_on(watch, 6, "what a restarted packaging says")
        check(discontinuities(watch) == 1, f"no discontinuity until now: {watch.starts}")

        publisher.kill()
        publisher.wait()
        time.sleep(1)
        publisher = stack.publish(clip)
        reads_on(watch, 10, "the publisher's return")
        check(discontinuities(watch) == 2, f"a Period of its own: {watch.starts}")

        publisher.kill()
        publisher.wait()
        wait_for(lambda: watch.error or watch.newest.ended, "the end", 30)
        watch.finish()
        by_clock.finish()
        check(set(by_clock.starts.items()) >= set(watch.starts.items()), f"the same Periods: {by_clock.starts}")
        print(f"{watch.count} manifests, Periods {watch.starts}")


def private():
    """The token of whoever asks is in every address."""
    with Stack() as stack:
        make_private(stack)
        stack.publish(make_clip(stack.home / "clip.flv", seconds=40, gop=60))
        token = "?token=" + signed(stack)
        url = mpd_url(stack)
        wait_for(lambda: fetch(url + token)[0] == 200, "a private manifest", 30)
        check(fetch(url)[0] == 401, "none without a token")
        status, headers, text = fetch(url + token + "&ll=0")
        check(status == 200 and headers["Cache-Control"] == "private, no-store", f"for one viewer: {headers}")
        for segments in list(Manifest(text.decode(), url).periods.values())[-1][1].values():
            for entry in segments.values():
                name = entry if isinstance(entry, str) else entry[0]
                check(name.endswith(token) and fetch(name)[0] == 200, f"with the token: {name.split('?')[0]}")
                check(fetch(name.split("?")[0])[0] == 401, "not without")


def all_of_it():
    dash()
    private()


main(all_of_it)
