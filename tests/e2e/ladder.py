"""A stream with a ladder, as players see it. The ladder is a small one, as slow machines run it too."""
import json
import re
import subprocess

from low_latency import attributes
from stack import Playlist, Stack, check, fetch, make_clip

LADDER = "180p30 300\n120p30 150\n"
MADE = ["v0-180p", "v0-120p"]
NAMES = ["v0", *MADE]


def base(stack):
    return stack.info["hls_url"].rsplit("/", 1)[0]


def rendition(stack, name, query=""):
    status, _, body = fetch(f"{base(stack)}/{name}/index.m3u8{query}", timeout=20)
    return Playlist(body.decode(), f"{base(stack)}/{name}/index.m3u8") if status == 200 else None


def variants(stack):
    """[(attributes, name)] of the multivariant playlist."""
    status, _, body = fetch(stack.info["hls_url"])
    found = re.findall(r"^#EXT-X-STREAM-INF:(.*)\n(.+)/index.m3u8$", body.decode(), re.M) if status == 200 else []
    return [(attributes(said), name) for said, name in found]


def said_of(stack):
    """What players learn of each that is made before they choose."""
    return {name: {key: said.get(key) for key in ("CODECS", "RESOLUTION", "BANDWIDTH", "FRAME-RATE")} for said, name in variants(stack) if name in MADE}


def all_offered(stack):
    return [name for _, name in variants(stack)] if sorted(name for _, name in variants(stack)) == sorted(NAMES) else None


def make_source(directory):
    """Pictures that each of the ladder's is smaller than."""
    return make_clip(directory / "clip.flv", seconds=20, rate=5, gop=10, size="640x360", bitrate="800k")


def ladder_stack(directory, **environment):
    (directory / "ladder").write_text(LADDER)
    return Stack(**{"TRANSCODE_OWN_LADDER": str(directory / "ladder"), "RTMP_PRESET": "ultrafast", "HLS_SEGMENT_MS": "2000", **environment})


def got(url):
    status, _, body = fetch(url, timeout=20)
    check(status == 200, f"{url}: {status}")
    return body


def first_packet(stack, media):
    """(pts, flags) of the first packet of an init segment and a segment, in ticks of 1/90000 s."""
    path = stack.home / "segment.mp4"
    path.write_bytes(media)
    said = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts,flags:stream=time_base", "-of",
                           "json", str(path)], capture_output=True, text=True, timeout=30)
    found = json.loads(said.stdout)
    check(found.get("packets") and found["streams"][0]["time_base"] == "1/90000", f"pictures: {said.stdout}{said.stderr}")
    return found["packets"][0]["pts"], found["packets"][0]["flags"]


def check_segments(stack):
    """Under the same names, at the same times, with key frames first: through HTTP."""
    lists = {name: {number: (url, init) for number, url, _, _, init in rendition(stack, name).segments} for name in NAMES}
    numbers = sorted(set.intersection(*(set(each) for each in lists.values())))[-3:]
    check(len(numbers) == 3, f"segments that are in all lists: {lists}")
    media = {(name, number): got(lists[name][number][1]) + got(lists[name][number][0]) for name in NAMES for number in numbers}
    for name in MADE:
        for number in numbers:
            url, beside = lists[name][number][0], lists["v0"][number][0]
            check(url.rsplit("/", 1)[1] == beside.rsplit("/", 1)[1], f"{name}: {url} beside {beside}")
            pts, flags = first_packet(stack, media[name, number])
            expected, _ = first_packet(stack, media["v0", number])
            check(pts == expected and flags.startswith("K"), f"{name}: segment {number} begins at {pts} ({flags}), the source's at {expected}")
