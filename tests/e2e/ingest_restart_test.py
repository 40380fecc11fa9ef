#!/usr/bin/env python3
"""kill -9 of ingest: it is back and accepts the reconnecting publisher, the same URL goes on with growing numbers and one
discontinuity, and everything goes into one recording. Parts are what they were to who reads the log again, and the publication after it
goes on with the same target. How long it took is printed."""
import json
import os
import pathlib
import subprocess
import time

from stack import PATIENCE, Stack, check, main, make_clip, packets, wait_for


def accepted_again(stack, clip, since):
    """Publishes as an encoder that reconnects by itself: again at once when refused. The one that stays, and when it came."""
    while time.monotonic() - since < 20 * PATIENCE:
        started = time.monotonic()
        publisher = stack.publish(clip)
        while publisher.poll() is None:
            if time.monotonic() - started > 1.5 * PATIENCE:
                return publisher, started - since
            time.sleep(0.02)
    return None, None


def log(stack, *arguments):
    """Lines of millrace-log, a new reader each time."""
    program = pathlib.Path(os.environ["MILLRACE_BIN"]) / "millrace-log"
    said = subprocess.run([str(program), *arguments, "--json", "--dir", stack.info["media_log_directory"]], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in said.stdout.splitlines()]


def parts(stack, publication):
    """The description of a publication's log, and each record's place in parts and segments by its sequence."""
    described, *lines = log(stack, "dump", publication)
    places = {line["sequence"]: (line["track"], line["segment"], line["part"], line["dts"]) for line in lines if "sequence" in line}
    return described, places


def same_parts(stack, before, places):
    after, again = parts(stack, before["publication"])
    check(after["part_target_us"] == before["part_target_us"] > 0, f"the part target stays: {after}")
    shared = places.keys() & again.keys()
    check(len(shared) > 100 and all(again[sequence] == places[sequence] for sequence in shared), f"{len(shared)} records are where they were")
    check(any(part > 1 for _, _, part, _ in places.values()), "the first publication has parts")
    newest = log(stack, "dump", stack.stream_id)[0]
    check(newest["publication"] != before["publication"] and newest["part_target_us"] == before["part_target_us"], f"the next one keeps it: {newest}")
    _, places = parts(stack, newest["publication"])
    first = {}
    for track, _, part, _ in places.values():
        first.setdefault(track, part)
    check([first[track] for track in (0, 1)] == [1, 1], f"and has parts from its first records on: {first}")
    found = [(line["problems"], line["warnings"]) for line in log(stack, "verify")]
    check(all(not problems for problems, _ in found), f"no part breaks a rule: {found}")
    print(f"parts of {before['part_target_us'] / 1000} ms; warnings: {sum(len(warnings) for _, warnings in found)}")


def ingest_restart():
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=14)
        first = stack.publish(clip)
        before = wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 2 and p, "two segments")
        described, places = parts(stack, log(stack, "dump", stack.stream_id)[0]["publication"])
        killed = time.monotonic()
        stack.kill("ingest")
        check(first.wait(timeout=30) is not None, "the publisher noticed")
        second, took = accepted_again(stack, clip, killed)
        check(second, "accepted again")
        after = wait_for(lambda: (p := stack.playlist()) and p.segments and p.segments[-1][0] > before.last + 2 and p, "the playlist to go on")
        check(after.media_sequence >= before.media_sequence, "media sequence never steps back")
        same_parts(stack, described, places)
        breaks = [number for number, _, _, discontinuity, _ in after.segments if discontinuity]
        check(len(breaks) + after.discontinuity_sequence - before.discontinuity_sequence == 1, f"one discontinuity: {breaks}\n{after.text}")
        check(second.wait(timeout=60) == 0, "the second publisher ended well")
        recording = stack.wait_recordings(1)[0]
        sent = [digest for _, digest in packets(clip)]
        kept = [digest for _, digest in packets(recording)]
        before_kill = kept[:-len(sent)]
        check(kept[-len(sent):] == sent, "the recording ends with all of the second publication")
        check(before_kill == sent[:len(before_kill)] and len(before_kill) >= 60, f"and begins with the first's {len(before_kill)} frames")
        check(len(stack.recordings()) == 1, "it is one recording")
        print(f"accepted again {took:.2f} s after kill -9")


main(ingest_restart)
