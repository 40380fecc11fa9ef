#!/usr/bin/env python3
"""A finished recording under /vod/<file>/: the same frames, times and length as the file, by ffmpeg's own demuxers of HLS and DASH and in Chromium with hls.js;
and only who may have the file may have it so."""
import json
import subprocess

from stack import PATIENCE, ROOT, Stack, check, fetch, main, make_clip, need, packets


def decoded(source, kind):
    """[(pts seconds, hash of the picture or sound)] as ffmpeg decodes it."""
    result = subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-i", str(source), "-map", f"0:{kind}:0", "-f", "framehash", "-hash", "md5", "-"],
                            capture_output=True, text=True, timeout=120 * PATIENCE)
    check(result.returncode == 0, f"ffmpeg {source}: {result.stderr}")
    base = 1
    rows = []
    for line in result.stdout.splitlines():
        if line.startswith("#tb 0:"):
            top, bottom = line.split(":")[1].split("/")
            base = int(top) / int(bottom)
        elif not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            rows.append((int(fields[2]) * base, fields[5]))
    return rows


def duration(source):
    result = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(source)], capture_output=True, text=True,
                            timeout=60 * PATIENCE)
    check(result.returncode == 0, f"ffprobe {source}: {result.stderr}")
    return float(result.stdout)


def same(file, url, apart=0.05):
    check(abs(duration(file) - duration(url)) < apart, f"{url}: {duration(url)} s, the file {duration(file)} s")
    for kind in ("v", "a"):
        ours, expected = packets(url, kind), packets(file, kind)
        check([data for _, data in ours] == [data for _, data in expected], f"{url}: {len(ours)} packets of {kind}, the file {len(expected)}, or others")
        begin = min(packets(file, "v")[0][0], packets(file, "a")[0][0])
        first = min(packets(url, "v")[0][0], packets(url, "a")[0][0])
        off = max(abs((one - first) - (other - begin)) for (one, _), (other, _) in zip(ours, expected))
        check(off < 0.002, f"{url}: times of {kind} are up to {off} s off")
        ours, expected = decoded(url, kind), decoded(file, kind)
        # An edit list may hide a sound's priming; a player of fragments hears it.
        behind = ours[len(ours) - len(expected):] if len(ours) - len(expected) in (0, 1) else []
        check([data for _, data in behind] == [data for _, data in expected], f"{url}: decoded {kind}: {len(ours)} frames, the file {len(expected)}, or others")


def clip_of(url):
    text = fetch(url + "?start=7&end=8")[2].decode()
    check("v0/index.m3u8?start=7" in text, f"the lists of a clip: {text}")
    body = fetch(url.replace("index.m3u8", "v0/index.m3u8?start=7&end=8"))[2].decode()
    check(body.count("#EXTINF") == 1 and body.rstrip().endswith("#EXT-X-ENDLIST"), f"one segment has it: {body}")


def in_browser(stack, file, url):
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/vod.mjs"), stack.info["watch_url"], url], capture_output=True, text=True,
                            timeout=120 * PATIENCE)
    check(result.returncode == 0, f"the browser: {result.stdout}{result.stderr}")
    print(result.stdout.strip())
    seen = json.loads(result.stdout.splitlines()[-1])
    # The first picture is shown two frames after its decoding, where hls.js sees the beginning.
    check(set(seen["errors"]) <= {"bufferSeekOverHole"} and seen["frames"] > 100 and seen["sound"] > 0, f"the browser: {seen}")
    check(abs(seen["duration"] - duration(file)) < 0.1, f"it takes the file for {seen['duration']} s long: {duration(file)}")


def test():
    need("chromium", "node", "playwright-core")
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        publisher = stack.publish(clip, realtime=False)
        publisher.wait(60)
        [file] = stack.wait_recordings()
        api = stack.info["api_url"].rstrip("/")
        url = f"{api}/vod/{file.name}/index.m3u8"
        check(fetch(url)[0] == 200, f"{url}: {fetch(url)}")
        same(file, url)
        same(file, url.replace("index.m3u8", "manifest.mpd"))
        clip_of(url)
        in_browser(stack, file, url)
        # What somebody else made: other boxes, an edit list for the sound's priming, the index behind.
        other = file.with_name("holiday.mp4")
        subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-i", str(clip), "-t", "10", "-c:v", "copy", "-c:a", "aac", "-metadata", "title=x",
                        str(other)], check=True, stdin=subprocess.DEVNULL)
        # The file's length counts an empty edit in front.
        same(other, f"{api}/vod/holiday.mp4/index.m3u8", 0.2)
        status, _, body = fetch(f"{api}/vod/nothing.mp4/index.m3u8")
        check(status == 404, f"what there is not: {status}")
        file.with_name("damaged.mp4").write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        status, _, body = fetch(f"{api}/vod/damaged.mp4/index.m3u8")
        check(status == 422 and b"cannot be presented" in body, f"half a file: {status} {body}")


main(test)
