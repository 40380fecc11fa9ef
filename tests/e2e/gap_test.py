#!/usr/bin/env python3
"""A publisher is away and may come back: playlists go on part by part with gaps, who waits is answered, over kills of packaging and
ingest; DASH, recording and RTMP players take no notice. When it comes back numbers go on, when it does not the list is closed."""
import json
import os
import pathlib
import subprocess
import time

from low_latency import Checker, LowLatencyList
from stack import PATIENCE, Stack, check, fetch, leave, main, make_clip, packets, wait_for
from viewer import boxes

# A cut, twelve pieces, a manifest, two kills and an encoder that connects have to fit in.
GRACE = min(round(40 * PATIENCE), 110)  # the most there is
# A player's playlist asks for a part more than there is: so many of a third of a second say that lists move on.
PIECES = 12


def list_url(stack, rendition):
    return stack.info["hls_url"].rsplit("/", 1)[0] + f"/{rendition}/index.m3u8"


def is_gap(playlist):
    newest = playlist.all()[-1]
    return newest.gap or any(part.gap for part in newest.parts)


def cut(publisher):
    publisher.kill()
    publisher.wait()


def follow(checkers, until, what, seconds=60):
    """Blocking reloads of both lists until that is so; each is answered, none with 503."""
    def step():
        for checker in checkers:
            failures = checker.failures
            checker.poll()
            if checker.failures > failures:
                raise OSError("packaging is away")
        return until()
    wait_for(step, what, seconds, interval=0.0)


def gaps(checker):
    return sum(part.gap for segment in checker.list.all() for part in segment.parts) if checker.list else 0


def answered_in_a_gap(stack, checkers):
    """Many pieces in a row, each asked for before it is there."""
    polls = [checker.polls for checker in checkers]
    failures = [checker.failures for checker in checkers]
    follow(checkers, lambda: all(is_gap(c.list) for c in checkers), "the gap to begin")
    ends = [checker.list.end() for checker in checkers]
    follow(checkers, lambda: all(gaps(c) >= PIECES for c in checkers), f"{PIECES} pieces of a gap")
    check(all(checker.list.end() > end for checker, end in zip(checkers, ends)), "the lists move on")
    check([checker.failures for checker in checkers] == failures, "every request that waited was answered")
    check(all(checker.polls > before + PIECES for checker, before in zip(checkers, polls)), "each part came by itself")
    print(f"longest wait {max(max(c.waits[-PIECES:]) for c in checkers) * 1000:.0f} ms")
    missing = checkers[0].list.segments[-1]
    check(missing.gap, f"a whole segment of a gap: {checkers[0].list.text}")
    for checker, rendition in zip(checkers, ("v0", "a0")):
        nothing_is_in(stack, rendition, checker)
    status, _, body = fetch(stack.info["hls_url"])
    check(status == 200 and b"v0/index.m3u8" in body and b"avc1." in body, f"new viewers are offered what there was: {body}")


def nothing_is_in(stack, rendition, checker):
    """Behind the name of a segment that is a gap there is a fragment without samples, for who loads it all the same."""
    gap = next(segment for segment in checker.list.segments if segment.gap)
    base = list_url(stack, rendition).replace("index.m3u8", "")
    status, headers, body = fetch(base + gap.uri)
    check(status == 200 and "immutable" in headers["Cache-Control"], f"{gap.uri}: {status} {headers}")
    found = dict(boxes(body))
    check(list(found) == [b"styp", b"moof", b"mdat"] and len(found[b"mdat"]) == 8, f"it has no samples: {body}")
    status, _, init = fetch(base + gap.init)
    check(status == 200, f"{gap.init}: {status}")
    path = stack.home / f"{rendition}-gap.mp4"
    path.write_bytes(init + body)
    said = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", str(path)],
                          capture_output=True, text=True, check=False)
    check(said.returncode == 0 and said.stdout.strip() in ("0", "N/A", ""), f"ffprobe reads it: {said}")


def killed_in_a_gap(stack, checkers):
    for service in ("packaging", "ingest"):
        before = [checker.list.end() for checker in checkers]
        pid = stack.kill(service)
        stack.wait_ready(service, other_than=pid)
        follow(checkers, lambda before=before: all(c.list and c.list.end()[0] > end[0] + 1 for c, end in zip(checkers, before)),
               f"the lists to move on after a kill of {service}")
        check(all(is_gap(checker.list) for checker in checkers), "the gap goes on")


def manifest(stack):
    status, _, body = fetch(stack.info["hls_url"].rsplit("/", 1)[0] + "/manifest.mpd")
    return body.decode() if status == 200 else ""


def dash_moves_on(stack):
    before = manifest(stack)
    check(before.count("<Period ") >= 1 and 'type="dynamic"' in before, f"a manifest in the gap: {before}")
    wait_for(lambda: manifest(stack) not in ("", before), "another manifest")


def comes_back(stack, clip, checkers):
    numbers = [checker.list.last for checker in checkers]
    publisher = stack.publish_on(clip)
    follow(checkers, lambda: all(c.list.segments and not c.list.segments[-1].gap for c in checkers), "segments of the encoder that is back")
    for checker, number in zip(checkers, numbers):
        first = next(s for s in checker.list.segments if s.number > number and not s.gap)
        check(first.discontinuity == checker.list.segments[0].discontinuity + 1, f"one discontinuity: {checker.list.text}")
    wait_for(lambda: manifest(stack).count("<Period ") >= 1 and not is_gap(checkers[0].list), "a Period of it")
    return publisher


def stays_away(stack, checkers):
    """The list is closed when the time is over, the recording is what was sent, and no log is damaged."""
    follow(checkers, lambda: all(c.list.ended for c in checkers), "the lists to be closed", GRACE + 30)
    program = pathlib.Path(os.environ["MILLRACE_BIN"]) / "millrace-log"
    said = subprocess.run([str(program), "verify", "--json", "--dir", stack.info["media_log_directory"]], capture_output=True, text=True, check=False)
    logs = [json.loads(line) for line in said.stdout.splitlines()]
    check(said.returncode == 0 and any(log["role"] == "slate" for log in logs), f"millrace-log verify: {said.stdout}")
    check(all(log["bytes"] == 0 for log in logs if log["role"] == "slate"), "slates have no bytes")
    for recording in stack.wait_recordings(1):
        check(len(packets(recording)) > 100, f"{recording} is whole")


def gap():
    with Stack(RECONNECT_GRACE_SECONDS=str(GRACE)) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        publisher = stack.publish_on(clip)
        wait_for(lambda: (p := stack.playlist()) and "#EXT-X-PART:" in p.text and len(p.segments) >= 4, "a playlist with parts", 40)
        checkers = [Checker(list_url(stack, rendition)) for rendition in ("v0", "a0")]
        follow(checkers, lambda: all(c.polls > 6 for c in checkers), "playlists")
        cut(publisher)
        answered_in_a_gap(stack, checkers)
        dash_moves_on(stack)
        killed_in_a_gap(stack, checkers)
        publisher = comes_back(stack, clip, checkers)
        leave(publisher)
        stays_away(stack, checkers)
        for checker in checkers:
            check(not checker.wrong, f"{checker.url}: {len(checker.wrong)} faults, first: {checker.wrong[:3]}")
    with Stack(RECONNECT_GRACE_SECONDS="8", SLATE="off") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        publisher = stack.publish_on(clip)
        wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 2, "a playlist")
        cut(publisher)
        closed = wait_for(lambda: (p := stack.playlist()) and p.ended and p, "the list to be closed", 30)
        check(not closed.gaps, f"nothing is made up where it is not wanted: {closed.text}")
        check("#EXT-X-GAP" not in LowLatencyList(fetch(list_url(stack, "v0"))[2].decode()).text, "no gaps")


main(gap)
