#!/usr/bin/env python3
"""Case 59: the wall clock of every service jumps by ten seconds and an hour forth and back, to 2038 and to 1970 while a stream is live; the
monotonic clock does not. Lists go on, and players of DASH who count segments by the clock that the MPD names find them."""
import glob
import re

from wire import Peer  # noqa: F401  (sets the path of the harness)
from dash_clock import newest_by_clock
from oracle import no_secret_in_logs, same_frames_again_and_again
from stack import SERVICES, Stack, check, fetch, lacks, leave, main, make_clip, wait_for

JUMPS = ("+10", "-10", "+3600", "-3600", "@2038-01-19 03:13:00", "@1970-01-02 00:00:00", "+0")


def dates(playlist):
    return re.findall(r"#EXT-X-PROGRAM-DATE-TIME:(\S+)", playlist.text)


def counted_by_the_clock(stack):
    """What became of the newest segment that the MPD says is there by its clock, and the Period's id."""
    counted = newest_by_clock(stack.info["hls_url"].rsplit("/", 1)[0] + "/manifest.mpd")
    return counted and (fetch(counted[0])[0], counted[1])


def clock():
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
    if not library:
        lacks("faketime")
    stack = Stack()
    jump = stack.home / "jump"
    jump.write_text("+0\n")
    stack.environment.update({"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(jump), "FAKETIME_NO_CACHE": "1",
                              "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"})
    with stack:
        stack.environment.pop("LD_PRELOAD")  # ffmpeg and the tools go by the true clock
        clip = make_clip(stack.home / "clip.flv", seconds=120, gop=60)
        pids = {name: stack.pid(name) for name in SERVICES}
        publisher = stack.publish_on(clip)
        playlist = wait_for(stack.playlist, "a playlist")
        seen = dates(playlist)
        _, period = wait_for(lambda: (c := counted_by_the_clock(stack)) and c[0] == 200 and c, "a grid to count segments by", 30)
        for to in JUMPS:
            print("  ", to, flush=True)
            # Never half a file: each look at the clock reads it.
            new = jump.with_name("jump.new")
            new.write_text(to + "\n")
            new.rename(jump)
            before = stack.playlist()
            for _ in range(3):
                counted = wait_for(lambda: (c := counted_by_the_clock(stack)) == (200, period) and c, "what the clock promises", 4)
                print("    counted by the clock:", counted, flush=True)
            playlist = wait_for(lambda: (p := stack.playlist()) and p.last >= before.last + 2 and p, "the stream to go on")
            check(publisher.poll() is None, f"the publisher lives through {to}")
            date = fetch(stack.info["hls_url"])[1]["Date"]
            check(to[0] != "@" or to[1:5] in date, f"packaging's clock is at {to}: {date}")
            check(not playlist.ended and playlist.media_sequence >= before.media_sequence, "the same playlist goes on")
            check(not any(segment[3] for segment in playlist.segments), f"no discontinuity\n{playlist.text}")
            check(dates(playlist) == sorted(dates(playlist)) and dates(playlist)[0] >= seen[0], f"dates never step back: {dates(playlist)}")
            api = stack.info["api_url"].rstrip("/")
            status, _, body = fetch(f"{api}/api/stream/key", {"Authorization": f"Bearer {stack.info['token']}"})
            check(status in (200, 401), f"the API answers: {status} {body}")  # a token may be over in 2038
        check({name: stack.pid(name) for name in SERVICES} == pids, "every service is the same process")
        for service in SERVICES:
            check(stack.health(service) == "ready", f"{service} is ready")
        leave(publisher)
        same_frames_again_and_again(clip, stack.wait_recordings()[0])
        no_secret_in_logs(stack)


main(clock)
