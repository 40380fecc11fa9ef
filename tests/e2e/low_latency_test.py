#!/usr/bin/env python3
"""Low-latency HLS of a real encoder, for a minute: every playlist by blocking reload, every part and segment, hints, reports and delta
updates keep the draft's rules; so they do while packaging and ingest are killed. ffmpeg plays the list; Chromium plays it with hls.js and
says how far it is behind."""
import json
import os
import statistics
import subprocess
import time

from low_latency import Following, LowLatencyList, playlist_url
from stack import PATIENCE, ROOT, Stack, check, fetch, leave, main, make_clip, need, wait_for

SECONDS = float(os.environ.get("MILLRACE_LOW_LATENCY_SECONDS", "60"))


def begin(stack):
    """A publisher whose stream has parts, and who follows it."""
    clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
    publisher = stack.publish_on(clip)
    wait_for(lambda: (p := stack.playlist()) and "#EXT-X-PART:" in p.text, "a playlist with parts")
    following = [Following(stack, rendition) for rendition in ("v0", "a0")]
    for one in following:
        one.start()
    return clip, publisher, following


def finish(following):
    for one in following:
        one.stop = True
    for one in following:
        one.join(timeout=30)
        check(one.error is None, f"the checker: {one.error!r}")
        checker = one.checker
        answered = checker.check_hinted()
        print(f"{checker.url.rsplit('/', 2)[1]}: {checker.polls} playlists, {len(checker.digests)} objects, {checker.wholes} segments of their parts, "
              f"{checker.hints} hints came true, {answered} hinted requests, {checker.deltas} deltas, {checker.reports} reports, "
              f"{checker.failures} failures; waited {statistics.median(checker.waits) * 1000:.0f} ms in the middle, {max(checker.waits) * 1000:.0f} ms at most")
        check(not checker.wrong, f"{checker.url}: {len(checker.wrong)} faults, first: {checker.wrong[:3]}")
        yield checker, answered


def a_minute(stack):
    _, publisher, following = begin(stack)
    time.sleep(SECONDS / 2)
    directives_are_judged(stack)
    players_play(stack)
    browser_plays(stack)
    time.sleep(SECONDS / 2)
    for checker, answered in finish(following):
        check(checker.failures == 0, f"{checker.failures} requests failed")
        # Parts of a third of a second, sixty seconds: slow machines see fewer lists, never other ones.
        check(checker.polls >= 20 and checker.wholes >= 8, "too little was seen")
        check(checker.hints >= 15 and answered >= 15 and checker.deltas >= 1 and checker.reports >= 5, "too little was seen of hints, deltas and reports")
    plain_lists(stack)
    leave(publisher)


def directives_are_judged(stack):
    url = playlist_url(stack, "v0")
    playlist = LowLatencyList(fetch(url)[2].decode())
    for query in ("_HLS_part=1", "_HLS_msn=one", "_HLS_msn=1&_HLS_msn=2", f"_HLS_msn={playlist.last + 9}", "_HLS_skip=maybe",
                  f"_HLS_msn={playlist.last + 1}&_HLS_part=1000"):
        status, headers, _ = fetch(f"{url}?{query}")
        check(status == 400 and headers["Cache-Control"] == "no-store", f"{query}: {status}")
    status, headers, _ = fetch(f"{url}?_HLS_msn={playlist.last}")
    check((status, headers["Cache-Control"]) == (200, f"public, max-age={6 * playlist.target}"), f"{status} {headers['Cache-Control']}")
    next_segment = playlist.segments[-1].uri.replace(str(playlist.last), str(playlist.last + 1), 1)
    status, _, body = fetch(url.replace("index.m3u8", next_segment), timeout=60)
    check(status == 200 and b"mdat" in body, f"the next segment, asked for before it was there: {status}")


def plain_lists(stack):
    status, _, body = fetch(stack.info["hls_url"] + "?ll=0")
    check(status == 200 and b"v0/index.m3u8?ll=0" in body, f"?ll=0: {body}")
    plain = fetch(playlist_url(stack, "v0") + "?ll=0")[2].decode()
    check("PART" not in plain and "SERVER-CONTROL" not in plain and "#EXT-X-VERSION:8" in plain, plain)


def players_play(stack):
    for url in (stack.info["hls_url"], stack.info["hls_url"] + "?ll=0"):
        probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url], capture_output=True, text=True,
                               timeout=60 * PATIENCE)
        check(set(probe.stdout.split()) >= {"h264", "aac"}, f"ffprobe: {probe.stdout}{probe.stderr}")
        played = subprocess.run(["ffmpeg", "-v", "error", "-i", url, "-t", "4", "-f", "null", "-"], capture_output=True, text=True, timeout=60 * PATIENCE)
        check(played.returncode == 0 and not played.stderr, f"ffmpeg: {played.stderr}")


def browser_plays(stack):
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/low_latency.mjs"), stack.info["watch_url"], stack.info["hls_url"]],
                            capture_output=True, text=True, timeout=120 * PATIENCE)
    print(result.stdout.strip())
    check(result.returncode == 0, f"the browser: {result.stdout}{result.stderr}")
    latency = json.loads(result.stdout.splitlines()[-1])["latency_ms"]
    print(f"Chromium, hls.js: {latency:.0f} ms behind the program date in the middle")


def services_are_killed(stack):
    """Names and bytes are the same afterwards; with another publisher the numbers go on."""
    clip, publisher, following = begin(stack)
    for _ in range(3):
        seen = [one.checker.polls for one in following]
        wait_for(lambda: all(one.checker.polls > s + 6 for one, s in zip(following, seen)), "playlists between the kills", seconds=60)
        pid = stack.kill("packaging")
        stack.wait_ready("packaging", other_than=pid)
    pid = stack.kill("ingest")
    stack.wait_ready("ingest", other_than=pid)
    publisher.wait(timeout=20)
    discontinuity = following[0].checker.list.all()[-1].discontinuity
    publisher = stack.publish_on(clip)
    wait_for(lambda: all((p := one.checker.list) and p.growing and p.growing.discontinuity > discontinuity for one in following),
             "parts of the next publication", seconds=60)
    seen = [one.checker.polls for one in following]
    wait_for(lambda: all(one.checker.polls > s + 9 for one, s in zip(following, seen)), "playlists after the kills", seconds=60)
    for checker, _ in finish(following):
        check(checker.wholes >= 3 and checker.hints >= 10, "too little was seen")
    leave(publisher)


def low_latency():
    need("chromium", "node", "playwright-core")
    with Stack() as stack:
        a_minute(stack)
    with Stack() as stack:
        services_are_killed(stack)


main(low_latency)
