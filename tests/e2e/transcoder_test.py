#!/usr/bin/env python3
"""millrace-transcoder beside a running stack: its renditions have the source's pictures at the source's times, in the source's
segments, whatever kills it; what it makes is what ffmpeg makes of the same clip; nobody takes its logs for sources; and damaged
pictures are left out, the others go on."""
import json
import os
import pathlib
import random
import re
import subprocess
import time

from rendition_logs import Watch, lines, logs, millrace_log, one_stream_everywhere, pictures, segment_starts
from stack import PATIENCE, Stack, check, leave, main, make_clip, packets, wait_for

PROGRAM = pathlib.Path(os.environ["MILLRACE_BIN"]) / "millrace-transcoder"
LADDER = "180p30 300\n120p30 150\n"
NAMES = ("v0-180p", "v0-120p")
KILLS = 10
UNAVAILABLE = 69


class Child:
    def __init__(self, stack, *arguments):
        ladder = stack.home / "ladder"
        ladder.write_text(LADDER)
        # A slow machine's child is late, and leaves nothing out.
        self.process = stack.spawn(str(PROGRAM), "--dir", stack.info["media_log_directory"], "--stream", stack.stream_id,
                                   "--ladder-file", str(ladder), "--preset", "ultrafast", "--nice", "0", "--skip-seconds", "600",
                                   "--keep-seconds", "300", "--arena-bytes", str(48 << 20), "--wait", "30", "--status", *arguments,
                                   stdout=open(stack.home / "status", "wb"), stderr=open(stack.home / "transcoder.log", "ab"))
        self.stack = stack

    def status(self):
        """The newest whole line of it, None before there is one."""
        said = (self.stack.home / "status").read_text().splitlines(keepends=True)
        whole = [line for line in said if line.endswith("\n")]
        return json.loads(whole[-1]) if whole else None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ends(self, seconds=60):
        status = self.process.wait(timeout=seconds * PATIENCE)
        check(status == 0, f"the child ends with its source: {status}\n{(self.stack.home / 'transcoder.log').read_text()[-2000:]}")


def renditions_of(stack, origin):
    """{name: [log, …]} of one publication, by incarnation."""
    made = {}
    for log in logs(stack, "rendition"):
        if log["origin"] == origin:
            made.setdefault(log["rendition"], []).append(log)
    return {name: sorted(each, key=lambda log: log["incarnation"]) for name, each in made.items()}


def newest_source(stack):
    return max(logs(stack, "source"), key=lambda log: log["epoch"])["publication"]


def check_segments(stack, log, source):
    """Its segments begin with key frames where the source's do, to the tick; returns its records."""
    records = pictures(stack, log["publication"])
    for segment, pts in segment_starts(records).items():
        check(source.get(segment) == pts, f"{log['rendition']}: segment {segment} begins at {pts}, in the source at {source.get(segment)}")
    last = None
    for pts, segment, flags in records:
        begins = segment != last
        check(("K" in flags) == begins and ("S" in flags) == begins, f"{log['rendition']}: record at {pts} of {segment} has {flags}")
        last = segment
    return records


def check_killed(stack, origin):
    """What a child that was killed again and again has left: one run of segments a rendition, each of them begun once."""
    source_records = pictures(stack, origin)
    source, times = segment_starts(source_records), {pts for pts, _, _ in source_records}
    made = renditions_of(stack, origin)
    check(sorted(made) == sorted(NAMES), f"the renditions are {sorted(made)}")
    for name, each in made.items():
        numbers = [log["incarnation"] for log in each]
        check(numbers == sorted(set(numbers)), f"{name}: incarnations {numbers}")
        check(len(each) >= KILLS // 2, f"{name}: {len(each)} logs of {KILLS + 1} children")
        before = 0
        for log in each:
            records = check_segments(stack, log, source)
            segments = [segment for _, segment, _ in records]
            check(segments[0] == before + 1 or before == 0, f"{name}: incarnation {log['incarnation']} begins with {segments[0]} after {before}")
            check({pts for pts, _, _ in records} <= times, f"{name}: pictures that the source hasn't got")
            before = segments[-1]
        check(before == max(source), f"{name} ends with segment {before}, the source with {max(source)}")


def confined(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status and not re.search(r"Max address space +unlimited", limits)


def killed_while_live(stack):
    clip = make_clip(stack.home / "clip.flv", seconds=20, size="640x360")
    publisher = stack.publish_on(clip)
    wait_for(stack.playlist, "a playlist")
    watch = Watch(stack)
    randomly = random.Random(20261130)
    child = Child(stack)
    wait_for(lambda: child.status() and all(r["frames_out"] for r in child.status()["renditions"]), "pictures", 60)
    wait_for(lambda: confined(child.process.pid), "the child to be confined")
    one_stream_everywhere(stack)
    for _ in range(KILLS):
        time.sleep(randomly.uniform(0.3, 1.8))
        child.kill()
        child = Child(stack)
    wait_for(lambda: child.status() and all(r["frames_out"] for r in child.status()["renditions"]), "pictures again", 60)
    # Who begins now finds all of these logs at once.
    for service in ("packaging", "recording", "metrics"):
        before = stack.kill(service)
        stack.wait_ready(service, other_than=before)
    watch.goes_on()
    wait_for(lambda: one_stream_everywhere(stack) is None, "one stream", 20)
    origin = newest_source(stack)
    leave(publisher)
    child.ends()
    check_killed(stack, origin)
    check(len(stack.wait_recordings()) == 1, "one publication, one recording")


def offline(clip, path, filters):
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(clip), "-an", "-vf", filters, "-fps_mode", "passthrough", "-c:v", "libx264",
                    "-preset", "ultrafast", "-bf", "0", "-b:v", "300k", str(path)], check=True, stdin=subprocess.DEVNULL, timeout=120)
    return path


def psnr(one, other):
    """Of the pictures in their order, in dB."""
    said = subprocess.run(["ffmpeg", "-v", "info", "-r", "25", "-i", str(one), "-r", "25", "-i", str(other), "-lavfi",
                           "[0:v]setpts=N/25/TB[a];[1:v]setpts=N/25/TB[b];[a][b]psnr", "-f", "null", "-"],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
    return float(re.search(r"PSNR .*average:(\S+)", said.stderr).group(1))


def as_offline(stack):
    """A publisher comes again, with other pictures and twice the frame rate: a child that is there from its beginning to its end
    makes of it what ffmpeg makes of the clip."""
    clip = make_clip(stack.home / "fast.flv", seconds=8, rate=50, size="1280x720", gop=50, bitrate="1500k")
    publisher = stack.publish(clip)
    child = Child(stack, "--from-oldest")
    publisher.wait(timeout=60 * PATIENCE)
    child.ends(120)
    origin = newest_source(stack)
    made = renditions_of(stack, origin)
    check(sorted(made) == sorted(NAMES), f"the renditions are {sorted(made)}")
    source = segment_starts(pictures(stack, origin))
    for name, size in (("v0-180p", "320:180"), ("v0-120p", "214:120")):
        check(len(made[name]) == 1, f"{name} has one log: {made[name]}")
        records = check_segments(stack, made[name][0], source)
        reference = offline(clip, stack.home / "offline.mp4", f"select=not(mod(n\\,2)),scale={size}:flags=bicubic,setsar=1")
        expected = sorted(time for time, _ in packets(reference))
        check(len(records) == len(expected), f"{name}: {len(records)} pictures, ffmpeg makes {len(expected)}")
        for (pts, _, _), second in zip(records, expected):
            at = (pts - records[0][0]) / 90000
            check(abs(at - (second - expected[0])) < 0.0015, f"{name}: a picture at {at}, ffmpeg's at {second - expected[0]}")
        written = stack.home / "rendition.h264"
        with open(written, "wb") as out:
            subprocess.run([str(PROGRAM.parent / "log_pictures"), stack.info["media_log_directory"], made[name][0]["publication"]],
                           check=True, stdout=out, timeout=60)
        decibels = psnr(written, reference)
        # About 40; one picture off is 25.
        check(decibels > 35, f"{name}: the same pictures in the same order: {decibels} dB")


def bears_damage(stack):
    """Pictures with bytes of them changed: some are missing, and the child is there to its source's end."""
    publisher = stack.publish(stack.home / "fast.flv", "-bsf:v", "noise=amount=300")
    child = Child(stack, "--from-oldest")
    publisher.wait(timeout=60 * PATIENCE)
    child.ends(120)
    said = child.status()
    missing = said["frames_in"] - said["frames_decoded"]
    check(said["frames_undecodable"] + said["frames_left_out"] > 0, f"some of the pictures are damaged: {said}")
    check(0 <= missing < said["frames_in"] // 2, f"{missing} of the pictures are missing: {said}")
    check({each["name"] for each in said["renditions"] if each["frames_out"]} == set(NAMES), f"all renditions go on: {said}")
    source = segment_starts(pictures(stack, newest_source(stack)))
    for name, each in renditions_of(stack, newest_source(stack)).items():
        last = pictures(stack, each[-1]["publication"])[-1][1]
        check(max(source) - last <= 1, f"{name} ends with segment {last}, the source with {max(source)}")
    for service in ("ingest", "packaging", "recording", "metrics"):
        check(stack.health(service) == "ready", f"{service} is {stack.health(service)}")


def without_encoder(stack):
    for encoder in ("nvenc_h264", "svt_av1", "amf_h264", "x266"):
        said = subprocess.run([str(PROGRAM), "--dir", stack.info["media_log_directory"], "--stream", stack.stream_id, "--encoder", encoder],
                              capture_output=True, text=True, timeout=60)
        check(said.returncode == UNAVAILABLE and "transcoder failed" in said.stderr, f"{encoder}: {said.returncode} {said.stderr}")


def transcoder():
    with Stack(TRANSCODE="off", HLS_SEGMENT_MS="1000", MEDIA_LOG_KEEP_SECONDS="300", RECONNECT_GRACE_SECONDS="0") as stack:
        killed_while_live(stack)
        as_offline(stack)
        bears_damage(stack)
        without_encoder(stack)
        for log in lines(millrace_log(stack, "verify")):
            check(log["role"] != "rendition" or not log["problems"], f"{log}")


main(transcoder)
