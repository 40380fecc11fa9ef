#!/usr/bin/env python3
"""A rendition and a mirror beside a stream's source, in an arena of another process (log_copy): no service takes one for the source,
also not one that was started after them, nor when their writer is killed and begins them again."""
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from oracle import same_frames_again_and_again
from rendition_logs import Watch, logs, one_stream_everywhere
from stack import Stack, check, fetch, leave, main, make_clip, wait_for


def copy(stack, incarnation):
    program = pathlib.Path(os.environ["MILLRACE_BIN"]) / "log_copy"
    child = stack.spawn(str(program), stack.info["media_log_directory"], stack.stream_id, "--incarnation", str(incarnation),
                        stdout=subprocess.PIPE, text=True)
    check(child.stdout.readline() == "copying\n", f"the copies are begun: {child.poll()}")
    return child


def renditions():
    with Stack(HLS_SEGMENT_MS="1000") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20)
        publisher = stack.publish_on(clip)
        wait_for(stack.playlist, "a playlist")
        watch = Watch(stack)
        first = copy(stack, 1)
        watch.goes_on()
        one_stream_everywhere(stack)
        # Who begins now finds all of them at once.
        for service in ("packaging", "recording", "metrics", "api"):
            before = stack.kill(service)
            stack.wait_ready(service, other_than=before)
        watch.goes_on()
        wait_for(lambda: "\nmillrace_live_streams 1\n" in fetch(stack.info["metrics_url"])[2].decode(), "metrics to count one")
        first.kill()
        first.wait()
        watch.goes_on(2)
        second = copy(stack, 2)
        watch.goes_on()
        one_stream_everywhere(stack)
        leave(publisher)
        check(second.wait(timeout=30) == 0, "the copies end with their source")
        recordings = stack.wait_recordings()
        same_frames_again_and_again(clip, recordings[0])
        time.sleep(2)
        check(len(stack.recordings()) == 1, f"one publication, one recording: {stack.recordings()}")
        # After the encoder has left there is a slate as well, for as long as it may come back.
        roles = sorted(log["role"] for log in logs(stack) if log["role"] != "slate")
        check(roles == ["mirror", "mirror", "rendition", "rendition", "source"], f"the logs were there: {roles}")


main(renditions)
