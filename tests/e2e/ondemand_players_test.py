#!/usr/bin/env python3
"""Who has renditions made on demand: ffprobe and hls.js, as they are; nobody who may not see the stream. A source whose picture changes is
planned again."""
import json
import pathlib
import subprocess
import tempfile
import time

from grants import make_private, signed
from ladder import all_offered, base, ladder_stack, make_source, said_of
from ondemand import LINGER, Viewer, at_rest, cold, live_renditions, metric, newest
from stack import PATIENCE, ROOT, check, fetch, leave, main, make_clip, wait_for
from transcoders import children_of


def by_ffprobe(stack):
    """It opens every variant, one after the other."""
    before = metric(stack, "starts_total")
    began = time.monotonic()
    said = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "program_stream=codec_type,width,height", "-of", "json", stack.info["hls_url"]],
                          capture_output=True, text=True, timeout=120 * PATIENCE)
    found = sorted({s["height"] for program in json.loads(said.stdout)["programs"] for s in program["streams"] if s["codec_type"] == "video"})
    print(f"ffprobe: {found} after {time.monotonic() - began:.1f} s, made: {live_renditions(stack)}", flush=True)
    check(found == [120, 180, 360], f"ffprobe: {said.stdout}{said.stderr}")
    check(metric(stack, "starts_total") == before + 1, "it starts one transcoder")
    at_rest(stack)


def by_hls_js(stack):
    said = subprocess.run(["node", str(ROOT / "tests/e2e/browser/ladder.mjs"), "hls", stack.info["hls_url"], "--turns", "2"],
                          capture_output=True, text=True, timeout=240 * PATIENCE)
    print(said.stdout.strip(), flush=True)
    check(said.returncode == 0, f"hls.js comes to renditions that nobody makes: {said.stdout}{said.stderr}")
    at_rest(stack)


def unseen(stack, clip):
    """Who may not watch a stream has nothing of it made."""
    make_private(stack)  # cuts it
    publisher = stack.publish_on(clip)
    token = f"?token={signed(stack)}"
    wait_for(lambda: "\nv0-180p/index.m3u8" in fetch(f"{stack.info['hls_url']}{token}")[2].decode(), "the private stream's ladder", 60)
    url, init = newest(stack, "v0-180p", token)
    before = metric(stack, "starts_total")
    for path in (url.split("?")[0], f"{url.split('?')[0]}?token=forged", f"{base(stack)}/v0-180p/index.m3u8?_HLS_msn=1", init.split("?")[0]):
        check(fetch(path)[0] in (401, 403), f"not for strangers: {path}")
    check(fetch(f"{base(stack)}/v0-90p/index.m3u8{token}")[0] == 404, "nothing by another name")
    time.sleep(2)
    check(metric(stack, "starts_total") == before and not children_of(stack), "nothing is made for strangers")
    cold(stack, "v0-180p", token)
    at_rest(stack)
    leave(publisher)
    make_private(stack, False)


def spliced(path, clips):
    """One FLV of several clips: the encoder goes on with another picture."""
    parts, at_ms = [], 0
    for number, clip in enumerate(clips):
        data, place, last = clip.read_bytes(), 13, 0
        if number == 0:
            parts.append(data[:place])
        while place + 15 <= len(data):
            size = int.from_bytes(data[place + 1:place + 4], "big")
            last = int.from_bytes(bytes([data[place + 7]]) + data[place + 4:place + 7], "big")
            stamp = (last + at_ms).to_bytes(4, "big")
            if number == 0 or data[place] != 18:
                parts.append(data[place:place + 4] + stamp[1:] + stamp[:1] + data[place + 8:place + 15 + size])
            place += size + 15
        at_ms += last + 40
    path.write_bytes(b"".join(parts))
    return path


def another_picture(stack, directory):
    """The encoder goes on with a picture of another shape: what is offered is planned again."""
    wide = make_clip(directory / "wide.flv", seconds=16, rate=5, gop=10, size="640x360", bitrate="800k")
    square = make_clip(directory / "square.flv", seconds=60, rate=5, gop=10, size="480x360", bitrate="800k")
    publisher = stack.publish(spliced(directory / "both.flv", [wide, square]))
    wait_for(lambda: all_offered(stack), "all renditions to be offered", 60)
    check([s["RESOLUTION"] for s in said_of(stack).values()] == ["320x180", "214x120"], f"of the first picture: {said_of(stack)}")
    wait_for(lambda: [s["RESOLUTION"] for s in said_of(stack).values()] == ["240x180", "160x120"], "others to be offered of another picture", 60)
    media = directory / "other.mp4"
    media.write_bytes(cold(stack, "v0-180p"))
    size = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=width,height", "-of", "csv=p=0", str(media)],
                          capture_output=True, text=True, timeout=30).stdout.strip()
    check(size == "240,180", f"they are that: {size}")
    viewer = Viewer(stack, "v0-180p")
    wait_for(lambda: len(viewer.seen) >= 2, "the viewer to watch")
    viewer.leave()
    check(set(viewer.seen.values()) == {200}, f"every listed segment was there: {viewer.seen}")
    publisher.terminate()
    publisher.wait(timeout=20)


def ondemand_players():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        with ladder_stack(directory, TRANSCODE="ondemand", TRANSCODE_LINGER_SECONDS=str(LINGER), RECONNECT_GRACE_SECONDS="1") as stack:
            clip = make_source(directory)
            stack.publish_on(clip)
            wait_for(lambda: all_offered(stack), "all renditions to be offered", 60)
            by_ffprobe(stack)
            by_hls_js(stack)
            unseen(stack, clip)
            another_picture(stack, directory)


main(ondemand_players)
