"""What stands in the media log beside the sources, and whether consumers of sources mind."""
import json
import os
import pathlib
import subprocess

from stack import check, fetch, packets, wait_for


def millrace_log(stack, *arguments):
    program = pathlib.Path(os.environ["MILLRACE_BIN"]) / "millrace-log"
    return subprocess.run([str(program), *arguments, "--json", "--dir", stack.info["media_log_directory"]], capture_output=True, text=True)


def lines(said):
    check(said.returncode == 0, f"millrace-log: {said.stderr}{said.stdout[-2000:]}")
    return [json.loads(line) for line in said.stdout.splitlines()]


def logs(stack, role=None):
    """The logs of all arenas, oldest first, as millrace-log lists them."""
    return [line for line in lines(millrace_log(stack, "list")) if line.get("role", "") == (role or line.get("role"))
            and "role" in line]


def pictures(stack, publication):
    """[(pts, segment, flags)] of the first picture's records in a log, in the order of decoding."""
    return [(r["dts"] + r["composition_offset"], r["segment"], r["flags"]) for r in lines(millrace_log(stack, "dump", publication))
            if r.get("track") == 0 and "sequence" in r]


def segment_starts(records):
    """{segment: pts of its first picture}."""
    starts = {}
    for pts, segment, _ in records:
        starts.setdefault(segment, pts)
    return starts


class Watch:
    """The stream's source as HLS shows it, from one look to the next."""

    def __init__(self, stack):
        self.stack, self.seen = stack, {}
        self.look()

    def look(self):
        status, _, text = fetch(self.stack.info["hls_url"])
        check(status == 200 and text.count(b"\nv0/index.m3u8") == 1, f"the source is one variant: {status} {text}")
        check(text.count(b"#EXT-X-MEDIA:") == 1, f"one audio rendition: {text}")
        playlist = self.stack.playlist(rendition="v0")
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
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", url, "-t", "4", "-c", "copy", str(kept)], stdin=subprocess.DEVNULL, check=True, timeout=60)
    return [time for time, _ in packets(kept)]
