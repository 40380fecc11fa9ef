#!/usr/bin/env python3
"""A rendition and a mirror beside a stream's source, in an arena of another process (log_copy): no service takes one for the source,
also not one that was started after them, nor when their writer is killed and begins them again."""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from oracle import same_frames_again_and_again
from stack import Stack, check, fetch, leave, main, make_clip, packets, wait_for


def copy(stack, incarnation):
    program = pathlib.Path(os.environ["MILLRACE_BIN"]) / "log_copy"
    child = stack.spawn(str(program), stack.info["media_log_directory"], stack.stream_id, "--incarnation", str(incarnation),
                        stdout=subprocess.PIPE, text=True)
    check(child.stdout.readline() == "copying\n", f"the copies are begun: {child.poll()}")
    return child


def logs(stack):
    program = pathlib.Path(os.environ["MILLRACE_BIN"]) / "millrace-log"
    said = subprocess.run([str(program), "list", "--json", "--dir", stack.info["media_log_directory"]], capture_output=True, text=True, check=True)
    return [line for line in map(json.loads, said.stdout.splitlines()) if "role" in line]


class Watch:
    """The stream as HLS shows it, from one look to the next."""

    def __init__(self, stack):
        self.stack, self.seen = stack, {}
        self.look()

    def look(self):
        status, _, text = fetch(self.stack.info["hls_url"])
        check(status == 200 and text.count(b"#EXT-X-STREAM-INF") == 1, f"one variant: {status} {text}")
        check(text.count(b"#EXT-X-MEDIA:") == 1, f"one audio rendition: {text}")
        playlist = self.stack.playlist()
        for number, url, *_ in playlist.segments:
            check(self.seen.setdefault(number, url) == url, f"segment {number} is {url} and was {self.seen[number]}")
        check(playlist.text.count("#EXT-X-DISCONTINUITY\n") == 0 and not playlist.gaps, f"one run of segments\n{playlist.text}")
        return playlist

    def goes_on(self, segments=3):
        last = max(self.seen)
        wait_for(lambda: self.look().last >= last + segments, "the stream to go on", 30)


def api(stack, path):
    return json.loads(fetch(stack.info["api_url"] + path, {"Authorization": "Bearer " + stack.info["token"]})[2])


def one_stream_everywhere(stack):
    live = [stream for stream in api(stack, "/api/stream/list")["streams"] if stream["isLive"]]
    check([stream["streamId"] for stream in live] == [stack.stream_id], f"the API lists one: {live}")
    metrics = fetch(stack.info["metrics_url"])[2].decode()
    check("\nmillrace_live_streams 1\n" in metrics, "metrics counts one")
    frames = packets_of_viewer(stack)
    check(len(frames) == len(set(frames)) and len(frames) > 30, f"a viewer of FLV gets each frame once: {len(set(frames))} of {len(frames)}")


def packets_of_viewer(stack):
    """Times of a viewer's pictures."""
    url = stack.info["hls_url"].replace("/index.m3u8", ".flv")
    kept = stack.home / "viewer.flv"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", url, "-t", "3", "-c", "copy", str(kept)], stdin=subprocess.DEVNULL, check=True, timeout=60)
    return [time for time, _ in packets(kept)]


def renditions():
    with Stack(HLS_SEGMENT_MS="1000") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20)
        publisher = stack.publish_on(clip)
        wait_for(stack.playlist, "a playlist")
        watch = Watch(stack)
        first = copy(stack, 1)
        watch.goes_on()
        one_stream_everywhere(stack)
        # Who begins now finds all of them at once.
        for service in ("packaging", "recording", "metrics", "api"):
            before = stack.kill(service)
            stack.wait_ready(service, other_than=before)
        watch.goes_on()
        wait_for(lambda: "\nmillrace_live_streams 1\n" in fetch(stack.info["metrics_url"])[2].decode(), "metrics to count one")
        first.kill()
        first.wait()
        watch.goes_on(2)
        second = copy(stack, 2)
        watch.goes_on()
        one_stream_everywhere(stack)
        leave(publisher)
        check(second.wait(timeout=30) == 0, "the copies end with their source")
        recordings = stack.wait_recordings()
        same_frames_again_and_again(clip, recordings[0])
        time.sleep(2)
        check(len(stack.recordings()) == 1, f"one publication, one recording: {stack.recordings()}")
        roles = sorted(log["role"] for log in logs(stack))
        check(roles == ["mirror", "mirror", "rendition", "rendition", "source"], f"the logs were there: {roles}")


main(renditions)
