#!/usr/bin/env python3
"""A finished recording under /vod/<file>/: the same frames, times and length as the file, by ffmpeg's own demuxers of HLS and DASH; in
Chromium with hls.js and dash.js; its MPD as the schema has it. Of a private stream only who may have the file may have any of it so."""
import json
import re
import subprocess
import time
import urllib.parse

from dash_manifest import check_schema
from grants import forged, make_private, secrets, signed
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


def in_dash_js(file, url):
    """From the beginning to the end."""
    length = duration(file)
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/dash.mjs"), url, "--until-end", "--seconds", str((length + 30) * PATIENCE)],
                            capture_output=True, text=True, timeout=(length + 90) * PATIENCE)
    check(result.returncode == 0, f"dash.js: {result.stdout}{result.stderr}")
    print(result.stdout.strip())
    seen = json.loads(result.stdout)
    check(seen["ended"] and not seen["problems"] and not seen["refused"] and seen["sound"] > 0, f"dash.js: {seen}")
    check(seen["played"] > length - 3 and seen["longest"] < 2000 * PATIENCE, f"dash.js plays {length} s: {seen}")


def objects(api, name, token):
    """All that the playlists and the MPD of a recording lead to, without queries; each list hands the token on."""
    found, base = set(), f"{api}/vod/{name}/"

    def read(url, answer):
        check(answer[0] == 200 and "no-store" in answer[1]["Cache-Control"], f"{url} with its token: {answer[0]} {answer[1]['Cache-Control']}")
        found.add(url)
        return answer[2].decode()

    def follow(url, names):
        for each in names:
            check(each.endswith(f"?token={token}"), f"{url} hands the token on: {each}")
        return [urllib.parse.urljoin(url, each.split("?")[0]) for each in names]

    master = read(base + "index.m3u8", fetch(f"{base}index.m3u8?token={token}"))
    for url in follow(base, re.findall(r'URI="([^"]+)"', master) + re.findall(r"^[^#\s].*$", master, re.M)):
        text = read(url, fetch(f"{url}?token={token}"))
        found.update(follow(url, re.findall(r'URI="([^"]+)"', text) + re.findall(r"^[^#\s].*$", text, re.M)))
    manifest = read(base + "manifest.mpd", fetch(f"{base}manifest.mpd?token={token}"))
    for url in follow(base, re.findall(r'(?:initialization|media)="([^"]+)"', manifest)):
        found.add(re.sub(r"\$Number(%\d+d)?\$", "1", url))
    return found


def private(stack, clip):
    """Every object needs what the file needs: with the path of both forms, with a clip's query, for GET and HEAD, of a range."""
    make_private(stack)
    count = len(stack.recordings())
    stack.publish(clip, realtime=False).wait(60)
    recordings = stack.wait_recordings(count + 1)
    name = max(recordings, key=lambda path: path.stat().st_mtime).name
    api, token, secret = stack.info["api_url"].rstrip("/"), signed(stack), secrets(stack)["PLAYBACK_SECRET"]
    owner, stranger = {"Authorization": "Bearer " + stack.info["token"]}, {"Authorization": "Bearer " + stack.issue_token("stranger")}
    soon = int(time.time()) + 60
    cases = (("nobody", "", {}, 401), ("the owner", "", owner, 200), ("a stranger", "", stranger, 403), ("a bad bearer token", "", {"Authorization": "Bearer x.y.z"}, 401),
             ("a token", f"?token={token}", {}, 200), ("another stream's", f"?token={forged(secret, 'abcdefghijkl', soon)}", {}, 403),
             ("one that has run out", f"?token={forged(secret, stack.stream_id, 1)}", {}, 401),
             ("another secret's", f"?token={forged('x' * 32, stack.stream_id, soon)}", {}, 401), ("another address's", f"?token={signed(stack, ip='192.0.2.7')}", {}, 403))
    found = objects(api, name, token)
    kinds = {url.rsplit(".", 1)[1] for url in found}
    check(kinds == {"m3u8", "mpd", "mp4", "m4s"} and len(found) > 8, f"all kinds of objects: {sorted(found)}")
    for url in sorted(found):
        for address in (url, url.replace("/vod/", "/api/vod/")):
            for what, query, headers, expected in cases:
                for method, more in (("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=0-9"})):
                    status, fields, _ = fetch(address + query, {**headers, **more}, method)
                    wanted = 206 if expected == 200 and more else expected
                    check(status in (wanted, expected), f"{method} {more} {address} for {what}: {status} instead of {wanted}")
                    check("public" not in (fields["Cache-Control"] or ""), f"{address} for {what}: {fields['Cache-Control']}")
        check(fetch(f"{url}?start=1&end=2")[0] == 401, f"a clip of {url} for nobody")
    print(f"{len(found)} private objects, {len(cases)} askers each")
    make_private(stack, False)


def test():
    need("chromium", "node", "playwright-core", "dashjs", "xmllint")
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        publisher = stack.publish(clip, realtime=False)
        publisher.wait(60)
        [file] = stack.wait_recordings()
        api = stack.info["api_url"].rstrip("/")
        url = f"{api}/vod/{file.name}/index.m3u8"
        check(fetch(url)[0] == 200, f"{url}: {fetch(url)}")
        same(file, url)
        mpd = url.replace("index.m3u8", "manifest.mpd")
        same(file, mpd)
        for query in ("", "?start=7&end=13"):
            check_schema(fetch(mpd + query)[2].decode(), stack.home)
        clip_of(url)
        in_browser(stack, file, url)
        in_dash_js(file, mpd)
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
        private(stack, clip)


main(test)
