#!/usr/bin/env python3
"""POST /stream/stop ends a stream for who watches: a blocking reload, the hinted part, the growing and the next segment of DASH and FLV are
answered at once, lists and the MPD say that it has ended; so it is where the encoder was away already. Started again it goes on."""
import json
import re
import threading
import time
import urllib.request

from low_latency import LowLatencyList
from stack import PATIENCE, Stack, check, fetch, live_playlist, main, make_clip, wait_for

# A third of what anybody waits for: three target durations.
AT_ONCE = 2.0 * PATIENCE
SLOW = 30


class Asking(threading.Thread):
    """One request and when it was answered."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.status, self.body, self.seconds = url, None, b"", None
        self.begun = time.monotonic()
        self.start()

    def run(self):
        self.status, _, self.body = fetch(self.url, timeout=SLOW)
        self.seconds = time.monotonic() - self.begun


def command(stack, what):
    request = urllib.request.Request(f"{stack.info['api_url']}/api/stream/{what}/{stack.stream_id}", method="POST",
                                     headers={"Authorization": "Bearer " + stack.info["token"]})
    with urllib.request.urlopen(request, timeout=15) as answer:
        check(json.load(answer)["success"], what)


def list_of(base):
    status, _, text = fetch(f"{base}/v0/index.m3u8")
    check(status == 200, f"the list: {status}")
    return LowLatencyList(text.decode())


def segment_after(uri, count):
    """The address of the segment so many numbers on."""
    return re.sub(r"(\d+)(-\w+-\d+\.m4s)$", lambda found: str(int(found.group(1)) + count) + found.group(2), uri)


def ask_for_what_comes(base, with_media):
    """What a player may wait for, {name: Asking}."""
    now = list_of(base)
    last = now.segments[-1].number
    asked = {"a list": Asking(f"{base}/v0/index.m3u8?_HLS_msn={last + 2}&_HLS_part=2")}
    if with_media:
        segment = [s for s in now.segments if not s.gap][-1].uri
        asked["the growing segment"] = Asking(f"{base}/v0/{segment_after(segment, 1)}")
        asked["the next segment"] = Asking(f"{base}/v0/{segment_after(segment, 2)}")
        asked["the hinted part"] = Asking(f"{base}/v0/{now.hint}")
        asked["FLV"] = Asking(f"{base}.flv")
    return asked


def stop(stack, base, asked):
    begun = time.monotonic()
    command(stack, "stop")
    for name, one in asked.items():
        one.join(timeout=max(begun + AT_ONCE - time.monotonic(), 0))
        check(not one.is_alive(), f"{name} is not answered {time.monotonic() - begun:.1f} s after the end")
    print(f"{len(asked)} answers within {time.monotonic() - begun:.2f} s: {({name: one.status for name, one in asked.items()})}", flush=True)
    ended = live_playlist(f"{base}/index.m3u8")
    check(ended and ended.ended, f"the list has an end: {ended and ended.text[-300:]}")


def test():
    with Stack(STREAM_STOP_HOLD_SECONDS="600") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        base = stack.info["hls_url"].rsplit("/", 1)[0]
        publisher = stack.publish_on(clip)
        wait_for(lambda: fetch(f"{base}/manifest.mpd")[0] == 200, "an MPD")
        asked = ask_for_what_comes(base, with_media=True)
        time.sleep(0.3)
        stop(stack, base, asked)
        check(asked["a list"].status == 200 and b"#EXT-X-ENDLIST" in asked["a list"].body, "the list that was waited for has an end")
        check(asked["the growing segment"].status == 200, "what had come of the growing segment")
        check(asked["the next segment"].status == 200 and len(asked["the next segment"].body) < 300, "nothing is in a further segment")
        check(asked["the hinted part"].status in (200, 404), "the hinted part")
        check(asked["FLV"].body[:3] == b"FLV", "FLV up to the end")
        manifest = fetch(f"{base}/manifest.mpd")[2].decode()
        check("mediaPresentationDuration" in manifest, f"the MPD has an end: {manifest[:400]}")
        check(fetch(f"{base}.flv")[0] == 404, "FLV of a closed stream")
        publisher.wait(timeout=20 * PATIENCE)

        command(stack, "start")
        publisher = stack.publish_on(clip)
        wait_for(lambda: (p := live_playlist(f"{base}/index.m3u8")) and not p.ended and len(p.segments) >= 2, "the stream to go on")
        wait_for(lambda: list_of(base).hint, "a hinted part")
        publisher.kill()
        publisher.wait()
        wait_for(lambda: list_of(base).segments[-1].gap, "a gap")
        stop(stack, base, ask_for_what_comes(base, with_media=False))


main(test)
