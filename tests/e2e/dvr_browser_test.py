#!/usr/bin/env python3
"""Chromium goes back in a live stream and to live again: hls.js and dash.js by the lists, and the watch page by its bar."""
import json
import re
import subprocess

from dvr_watcher import SETTINGS, Watcher
from stack import PATIENCE, ROOT, Stack, check, fetch, live_playlist, main, make_clip, need, wait_for


def in_browser(stack, watcher):
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/dvr.mjs"), stack.info["watch_url"], watcher.dvr], capture_output=True, text=True,
                            timeout=300 * PATIENCE)
    check(result.returncode == 0, f"the browser: {result.stdout}{result.stderr}")
    print(result.stdout.strip())
    seen = json.loads(result.stdout.splitlines()[-1])
    check(not [error for error in seen["errors"] if "fatal" in error], f"the browser: {seen}")
    check(seen["deltas"] > 3, f"the browser asks for what is new in the list: {seen}")
    live = live_playlist(watcher.live)
    check(seen["lowest"] < live.media_sequence - 20, f"the browser went back to {seen['lowest']}, live begins with {live.media_sequence}")
    check(seen["past"]["time"] < seen["live"]["time"] - 15 < seen["back"]["time"], f"the browser: {seen}")


def on_the_page(stack):
    """The watch page's bar goes back, its button to live."""
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/past.mjs"), stack.info["watch_url"]], capture_output=True, text=True, timeout=300 * PATIENCE)
    check(result.returncode == 0, f"the page: {result.stdout}{result.stderr}")
    print(result.stdout.strip())
    seen = json.loads(result.stdout.splitlines()[-1])
    check(not seen["problems"], f"the page: {seen}")
    live, past, back = seen["live"], seen["past"], seen["back"]
    check(past["date"] < live["date"] - 15000 and past["button"] and past["place"].startswith("\u2212"), f"the page: {seen}")
    check(past["date"] < seen["nearer"]["date"] < back["date"] and back["date"] > live["date"], f"the page: {seen}")


def by_dash(watcher):
    """The same segments as an MPD."""
    url = watcher.dvr.replace("dvr.m3u8", "dvr.mpd")
    status, headers, body = fetch(url)
    check(status == 200 and headers["Content-Type"] == "application/dash+xml", f"{url}: {status} {body}")
    depth = float(re.search(rb'timeShiftBufferDepth="PT([0-9.]+)S"', body).group(1))
    length = sum(seconds for _, _, seconds, *_ in watcher.media().segments)
    check(abs(depth - length) < 5, f"the MPD goes back {depth} s, the list {length} s")
    result = subprocess.run(["ffmpeg", "-v", "error", "-i", url, "-t", "5", "-map", "0:v:0", "-map", "0:a:0", "-f", "null", "-", "-progress", "pipe:1"],
                            capture_output=True, text=True, timeout=60 * PATIENCE)
    frames = [int(number) for number in re.findall(r"^frame=(\d+)", result.stdout, re.M)]
    check(result.returncode == 0 and frames and frames[-1] >= 135, f"ffmpeg {url}: {frames[-1:]} {result.stderr[-500:]}")
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/dash.mjs"), url, "--seconds", "8", "--back", "--stall", str(8000 * PATIENCE)],
                            capture_output=True, text=True, timeout=200 * PATIENCE)
    check(result.returncode == 0, f"dash.js: {result.stdout}{result.stderr}")
    print(result.stdout.strip())
    seen = json.loads(result.stdout)
    check(seen["behind"] > 20 and seen["played"] > 3 and seen["sound"] > 0 and not seen["refused"], f"dash.js goes back: {seen}")


def test():
    need("chromium", "node", "playwright-core", "dashjs")
    with Stack(**SETTINGS) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=30)
        watcher = Watcher(stack)
        stack.publish_on(clip)
        wait_for(watcher.media, "a list")
        watcher.for_seconds(40)
        in_browser(stack, watcher)
        on_the_page(stack)
        by_dash(watcher)


main(test)
