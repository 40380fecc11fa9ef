#!/usr/bin/env python3
"""Lists with a stream's past while recording is late: who plays is never refused, and nothing that was shown is taken back."""
import pathlib
import signal
import time

from dvr_watcher import SETTINGS, Watcher
from stack import Stack, check, fetch, leave, main, make_clip, wait_for


def always_there(watcher, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for address in (watcher.dvr, watcher.dvr.replace("dvr.m3u8", "dvr.mpd")):
            status, _, body = fetch(address)
            check(status == 200, f"{address}: {status} {body[:200]}")
        watcher.look()
        time.sleep(0.5)


def test():
    with Stack(**SETTINGS) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=30)
        watcher = Watcher(stack)
        stack.kill("recording", signal.SIGSTOP)
        publisher = stack.publish_on(clip)
        wait_for(watcher.media, "a list")
        wait_for(lambda: fetch(watcher.dvr.replace("dvr.m3u8", "dvr.mpd"))[0] == 200, "the MPD")
        first = watcher.media().media_sequence
        always_there(watcher, 25)
        past = watcher.media()
        check(past.media_sequence == first and past.gaps, f"what the log has let go of is a gap: {past.text}")
        stack.kill("recording", signal.SIGCONT)
        always_there(watcher, 10)
        check(watcher.media().media_sequence == first, "numbers do not step back, nor leave before their time")
        for file in pathlib.Path(stack.info["vod_directory"]).glob("*.part.mp4"):
            file.unlink()
        always_there(watcher, 5)
        leave(publisher)


main(test)
