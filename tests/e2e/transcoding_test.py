#!/usr/bin/env python3
"""The service that keeps a transcoder at each live source (TRANSCODE=always): it starts one, starts another when that is killed, goes on
when it is killed itself, ends with its streams, and says so when the encoder cannot be used. By itself (off) it does nothing."""
import os
import pathlib
import re
import signal
import tempfile
import time

from rendition_logs import logs, one_stream_everywhere
from stack import Stack, check, fetch, leave, main, make_clip, wait_for
from transcoders import children, children_of, the_child


def newest_incarnations(stack):
    """{name: incarnation of the live log} of the newest publication."""
    origin = max(logs(stack, "source"), key=lambda log: log["epoch"])["publication"]
    return {log["rendition"]: log["incarnation"] for log in logs(stack, "rendition") if log["origin"] == origin and log["state"] == "live"}


def metrics(stack):
    service = next(s for s in stack.status()["services"] if s["name"] == "transcoding")
    return fetch(f"http://127.0.0.1:{service['ops_port']}/metrics")[2].decode()


def killed(stack, clip):
    publisher = stack.publish_on(clip)
    first = the_child(stack)
    wait_for(lambda: newest_incarnations(stack) == {"v0-480p": 1, "v0-360p": 1}, "renditions", 60)
    page = metrics(stack)
    check("\nmillrace_transcoding_children 1\n" in page and "\nmillrace_child_processes 1\n" in page, "one child is counted")
    used = dict(re.findall(r"^millrace_child_processes_(\w+) ([\d.e+]+)$", page, re.M))
    check(float(used["cpu_seconds_total"]) > 0 and float(used["resident_memory_bytes"]) > 1e6, f"what it uses: {used}")
    os.kill(first, signal.SIGKILL)
    second = the_child(stack, other_than=first)
    wait_for(lambda: newest_incarnations(stack) == {"v0-480p": 2, "v0-360p": 2}, "renditions of the second", 60)
    check("\nmillrace_transcoding_failures_total 1\n" in metrics(stack), "a failure is counted")
    before = stack.kill("transcoding")
    stack.wait_ready("transcoding", other_than=before)
    the_child(stack, other_than=second)
    wait_for(lambda: second not in children(), "the child of the service that was killed to end", 20)
    wait_for(lambda: set(newest_incarnations(stack)) == {"v0-480p", "v0-360p"}, "renditions of the third", 60)
    check(min(newest_incarnations(stack).values()) >= 3, f"it goes on: {newest_incarnations(stack)}")
    wait_for(lambda: one_stream_everywhere(stack) is None, "one stream", 20)
    leave(publisher)
    wait_for(lambda: not children_of(stack), "the child to end with its stream", 40)
    publisher = stack.publish_on(clip)
    wait_for(lambda: newest_incarnations(stack) == {"v0-480p": 1, "v0-360p": 1}, "renditions of the next publication", 60)
    check(stack.health("transcoding") == "ready", "all is well")
    leave(publisher)


def always(clip):
    with Stack(TRANSCODE="always", RTMP_PRESET="ultrafast", HLS_SEGMENT_MS="1000", RECONNECT_GRACE_SECONDS="0") as stack:
        killed(stack, clip)
        publisher = stack.publish_on(clip)
        the_child(stack)
        stack.down()
        check(not children_of(stack), "no transcoder outlives its stack")
        publisher.wait(timeout=30)


def without_encoder(clip):
    with Stack(TRANSCODE="always", RTMP_ENCODER="svt_av1", HLS_SEGMENT_MS="1000") as stack:
        publisher = stack.publish_on(clip)
        wait_for(stack.playlist, "a playlist all the same")
        wait_for(lambda: stack.health("transcoding") == "degraded", "transcoding to say that it has no encoder", 40)
        check("\nmillrace_transcoding_starts_total 0\n" in metrics(stack), "none is started that could not do anything")
        leave(publisher)


def off(clip):
    with Stack(TRANSCODE="off", HLS_SEGMENT_MS="1000") as stack:
        publisher = stack.publish_on(clip)
        wait_for(stack.playlist, "a playlist")
        time.sleep(2)
        check(not children_of(stack) and not logs(stack, "rendition"), "nothing is transcoded by itself")
        leave(publisher)


def transcoding():
    with tempfile.TemporaryDirectory() as directory:
        clip = make_clip(pathlib.Path(directory) / "clip.flv", seconds=20, rate=10, gop=10, size="1280x720", bitrate="2500k")
        off(clip)
        always(clip)
        without_encoder(clip)


main(transcoding)
