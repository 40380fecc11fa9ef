#!/usr/bin/env python3
"""A key that is replaced, a stream that is banned: cut at once, the recording intact. Private streams: nothing without the key. Who watches goes on
over another key and another visibility; a ban is the end."""
import datetime
import pathlib
import re
import tempfile
import threading

from grants import signed
from hooks import hls, rtmp
from low_latency import LowLatencyList
from stack import SERVICES, Stack, check, fetch, main, make_clip, packets, wait_for


class Following(threading.Thread):
    """Reads the first rendition's list again and again: had_end if it ever said that the stream is over, seen has of each of its segments the
    discontinuity sequence."""

    def __init__(self, stack, token=None):
        super().__init__(daemon=True)
        self.url = stack.info["hls_url"].rsplit("/", 1)[0] + "/v0/index.m3u8" + (f"?token={token}" if token else "")
        self.stopped, self.had_end, self.seen, self.refusals = threading.Event(), False, {}, set()
        self.start()

    def run(self):
        while not self.stopped.wait(0.1):
            status, _, body = fetch(self.url)
            if status != 200:
                self.refusals.add(status)
                continue
            playlist = LowLatencyList(body.decode())
            self.had_end = self.had_end or "#EXT-X-ENDLIST" in playlist.text
            self.seen.update({segment.number: segment.discontinuity for segment in playlist.segments if not segment.gap})

    def wait(self):
        wait_for(lambda: self.seen, "the list to be followed")
        return self

    def goes_on(self, what):
        """Behind all it had at first comes something of another publication."""
        first = self.seen[min(self.seen)]
        wait_for(lambda: self.seen[max(self.seen)] > first, f"{what}: the list to go on", 40)
        self.stopped.set()
        self.join()
        check(not self.had_end, f"{what}: the list said that the stream is over")
        check(not self.refusals, f"{what}: refused with {self.refusals}")


def moment(stack, service, pattern):
    """When the newest line that fits was written, by the service's own clock."""
    lines = [line for line in (stack.home / "logs" / service / "current").read_text().splitlines() if re.search(pattern, line)]
    check(lines, f"no line of {service} has {pattern}")
    stamp = re.search(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z", lines[-1]).group(1)
    return datetime.datetime.fromisoformat(stamp)


def cut_after(stack, child, what):
    wait_for(lambda: child.poll() is not None, what)
    wait_for(lambda: 'reason="unpublished"' in (stack.home / "logs/ingest/current").read_text(), "ingest's line")
    began = moment(stack, "auth", "under a new rule")
    ended = moment(stack, "ingest", 'publication ended.*reason="unpublished"')
    return (ended - began).total_seconds() * 1000


def play(stack, app, name):
    child = stack.spawn("ffmpeg", "-v", "quiet", "-rw_timeout", "10000000", "-i", rtmp(stack, app, name), "-t", "1", "-f", "null", "-")
    return child.wait(timeout=60) == 0


def a_replaced_key_is_cut(stack, clip):
    old = stack.info["publish_url"].rsplit("/", 1)[1]
    publisher = stack.publish(clip, loop=50)
    wait_for(stack.playlist, "a playlist")
    following = Following(stack).wait()
    result = stack.operator("--regenerate-key", stack.stream_id)
    key = result.stdout.strip()
    check(result.returncode == 0 and key.startswith("sk_") and key != old, result.stderr)
    milliseconds = cut_after(stack, publisher, "the old key's publisher to be cut")
    print(f"cut {milliseconds:.0f} ms after the key was replaced")
    check(milliseconds < 2000, "cut at once")  # 100 ms are promised; this machine may be busy
    check(stack.publish(clip).wait(timeout=30) != 0, "the old key is worth nothing")
    check(packets(stack.wait_recordings()[0]), "the recording is intact")
    check(stack.operator("--regenerate-key", "unknown").returncode != 0, "an unknown stream is an error")
    return key, following


def a_banned_stream_is_cut(stack, clip, key, following):
    publisher = stack.publish(clip, url=rtmp(stack, "live", key), loop=50)
    following.goes_on("another key")
    wait_for(lambda: not stack.playlist().ended and publisher.poll() is None and play(stack, "live", stack.stream_id), "it to play")
    check(stack.operator("--ban", stack.stream_id).returncode == 0, "ban")
    wait_for(lambda: publisher.poll() is not None, "the banned publisher to be cut")
    wait_for(lambda: fetch(stack.info["hls_url"])[0] == 404, "nothing of it to be shown")
    check(fetch(stack.info["hls_url"].replace("/index.m3u8", ".flv"))[0] == 404, "nor as FLV")
    check(stack.publish(clip, url=rtmp(stack, "live", key)).wait(timeout=30) != 0, "and kept out")
    check(not play(stack, "live", stack.stream_id), "nobody may watch")
    check(stack.operator("--unban", stack.stream_id).returncode == 0, "unban")


def a_private_stream_needs_its_key(stack, clip, key):
    publisher = stack.publish(clip, url=rtmp(stack, "live", key), loop=50)
    wait_for(lambda: play(stack, "live", stack.stream_id), "it to play")
    watching = stack.spawn("ffmpeg", "-v", "quiet", "-i", rtmp(stack, "live", stack.stream_id), "-f", "null", "-")
    segment = stack.playlist().segments[-1]
    following = Following(stack, signed(stack)).wait()
    check(stack.operator("--make-private", stack.stream_id).returncode == 0, "make it private")
    wait_for(lambda: publisher.poll() is not None, "the publication to start again under the new rule")
    publisher = stack.publish(clip, url=rtmp(stack, "live", key), loop=50)
    following.goes_on("private")
    wait_for(lambda: play(stack, "live", key), "it to play with its key", 40)
    wait_for(lambda: watching.poll() is not None, "a player without the key to be sent away")
    check(not play(stack, "live", stack.stream_id), "not without its key")
    check(play(stack, "live", f"{stack.stream_id}?key={key}"), "the key may stand beside the id")
    check(not play(stack, "live", f"{stack.stream_id}?key=sk_0"), "another key does not help")
    wait_for(lambda: fetch(stack.info["hls_url"])[0] == 401, "HLS to be closed")
    flv = stack.info["hls_url"].replace("/index.m3u8", ".flv")
    for url in (flv, stack.info["hls_url"], hls(stack, stack.stream_id).replace("index", "master"), segment[1], segment[4]):
        check(fetch(url)[0] == 401, f"{url} is open: {fetch(url)[0]}")
    packaging = stack.kill("packaging")
    stack.wait_ready("packaging", other_than=packaging)
    check(fetch(stack.info["hls_url"])[0] == 401, "also after a restart of packaging")
    following = Following(stack, signed(stack)).wait()
    check(stack.operator("--make-public", stack.stream_id).returncode == 0, "make it public")
    wait_for(lambda: publisher.poll() is not None, "the publication to start again under the new rule")
    stack.publish(clip, url=rtmp(stack, "live", key), loop=50)
    following.goes_on("public again")


def nothing_tells_a_key(stack, keys):
    for name in SERVICES:
        text = (stack.home / "logs" / name / "current").read_text(errors="replace")
        check(not any(key[3:] in text for key in keys), f"a key in the log of {name}")


def test():
    with tempfile.TemporaryDirectory() as directory:
        clip = make_clip(pathlib.Path(directory) / "clip.flv", seconds=10)
        with Stack(HLS_SEGMENT_MS="500") as stack:
            old = stack.info["publish_url"].rsplit("/", 1)[1]
            key, following = a_replaced_key_is_cut(stack, clip)
            a_banned_stream_is_cut(stack, clip, key, following)
            a_private_stream_needs_its_key(stack, clip, key)
            nothing_tells_a_key(stack, (old, key))


main(test)
