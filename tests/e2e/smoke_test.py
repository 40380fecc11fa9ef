#!/usr/bin/env python3
"""One stream end to end: published, listed by the API, watched over HLS, recorded whole; then everything stops cleanly."""
import json
import pathlib
import re
import subprocess
import urllib.parse

from stack import Stack, check, fetch, main, make_clip, packets, wait_for


def api(stack, path, token=True):
    headers = {"Authorization": "Bearer " + stack.info["token"]} if token else {}
    status, _, body = fetch(stack.info["api_url"] + path, headers)
    return status, json.loads(body) if body else None


def watch(stack):
    playlist = wait_for(stack.playlist, "a playlist")
    check(0 < playlist.segments[0][2] <= playlist.target, "EXTINF within the target duration")
    status, headers, body = fetch(playlist.segments[0][1])
    check(status == 200 and int(headers["Content-Length"]) == len(body) > 0, "a listed segment is whole")
    check(headers["Access-Control-Allow-Origin"] == "*", "CORS on segments")
    status, page_headers, page = fetch(stack.info["watch_url"])
    check(status == 200 and b"<video" in page, "the watch page")


def find_the_way(stack):
    """What status prints and the page at the API's address lead somewhere."""
    printed = stack.command("status").stdout
    for name, url in (("HLS", stack.info["hls_url"]), ("DASH", stack.info["dash_url"]), ("Watch", stack.info["watch_url"])):
        check(re.search(rf"^{name} +{re.escape(url)}$", printed, re.MULTILINE), f"status prints {name}: {printed}")
        wait_for(lambda: fetch(url)[0] == 200, f"{name} to answer")
    status, headers, page = fetch(stack.info["api_url"] + "/")
    check(status == 200 and headers["Content-Type"].startswith("text/html"), f"/ is a page: {status}")
    links = re.findall(r'(?:href|src)="([^"]+)"', page.decode())
    check(len(links) >= 5, f"its links: {links}")
    for link in links:
        status, _, _ = fetch(urllib.parse.urljoin(stack.info["api_url"], link))
        check(status == 200, f"/ leads to {link}: {status}")


def observe(stack):
    status, answer = api(stack, f"/api/stream/status/{stack.stream_id}", token=False)
    check(status == 200 and answer["isLive"] is True, f"status says live: {answer}")
    wait_for(lambda: api(stack, f"/api/stream/status/{stack.stream_id}", token=False)[1]["bitrate"] > 0, "a measured bitrate")
    status, answer = api(stack, "/api/stream/list")
    check(status == 200 and answer["streams"][0]["isLive"] is True, f"list: {answer}")
    status, _ = api(stack, "/api/stream/list", token=False)
    check(status == 401, "list without a token")


def smoke():
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=12)
        publisher = stack.publish(clip)
        watch(stack)
        find_the_way(stack)
        observe(stack)
        check(publisher.wait(timeout=120) == 0, "the publisher ended well")
        recording = stack.wait_recordings()[0]
        for stream in ("v", "a"):
            sent = [digest for _, digest in packets(clip, stream)]
            kept = [digest for _, digest in packets(recording, stream)]
            check(sent == kept, f"recorded {len(kept)} of {len(sent)} packets of {stream}")
        status, answer = api(stack, "/api/vod/list", token=False)
        check(status == 200 and recording.name in answer, f"vod list: {answer}")
        status, headers, body = fetch(stack.info["api_url"] + "/api/vod/file/" + recording.name, {"Range": "bytes=0-99"})
        check(status == 206 and len(body) == 100, "a range of the recording")
        pids = [service["pid"] for service in stack.status()["services"]]
        stopped = stack.down()
        check(stopped.returncode == 0, stopped.stdout + stopped.stderr)
        check(not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids), "nothing is left running")
        for log in (stack.home / "logs").rglob("current"):
            text = log.read_text(errors="replace")
            check("Sanitizer" not in text and "runtime error:" not in text, f"a sanitizer's report in {log}: {text[-3000:]}")
        left = subprocess.run(["ls", stack.info["media_log_directory"]], capture_output=True, check=False)
        check(left.returncode != 0, "the arena's memory is given back")


main(smoke)
