#!/usr/bin/env python3
"""RTMP players as they are (ffmpeg, rtmpdump, GStreamer's rtmp2src and, on librtmp, rtmpsrc) get every frame from a key frame on, with
whole messages and with small chunks."""
import subprocess

from stack import PATIENCE, Stack, check, main, make_clip, packets, wait_for

SECONDS = 8


def ffmpeg(stack, url, path):
    return stack.spawn("ffmpeg", "-v", "error", "-i", url, "-c", "copy", "-f", "flv", str(path))


def rtmpdump(stack, url, path):
    """Asks for start 0, as for a recording."""
    return stack.spawn("rtmpdump", "-q", "-r", url, "-o", str(path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def rtmpdump_live(stack, url, path):
    return stack.spawn("rtmpdump", "-q", "-v", "-r", url, "-o", str(path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def gstreamer(stack, url, path, source="rtmp2src", suffix=""):
    log = open(stack.home / f"{path.stem}.log", "wb")
    return stack.spawn("gst-launch-1.0", "-q", source, f"location={url}{suffix}", "!", "filesink", "buffer-mode=unbuffered", f"location={path}",
                       stdout=log, stderr=log)


def librtmp(stack, url, path):
    return gstreamer(stack, url, path, "rtmpsrc", " live=1")


PLAYERS = (ffmpeg, rtmpdump, rtmpdump_live, gstreamer, librtmp)


def frames(path, stream):
    return [digest for _, digest in packets(path, stream)] if path.exists() and path.stat().st_size > 1000 else []


def ends_like(got, whole, player):
    """From some frame on to the last. rtmp2src keeps its last message back when the stream's end comes with it."""
    ends = (whole, whole[:-1]) if player is gstreamer else (whole,)
    return bool(got) and any(got == end[-len(got):] for end in ends)


def play_all(clip, chunk_size):
    with Stack(RTMP_CHUNK_SIZE=str(chunk_size)) as stack:
        url = stack.info["publish_url"].rsplit("/", 1)[0] + "/" + stack.stream_id
        publisher = stack.publish(clip)
        wait_for(stack.playlist, "the stream", 20)
        players = [(player, stack.home / f"{player.__name__}.flv") for player in PLAYERS]
        running = [player(stack, url, path) for player, path in players]
        check(publisher.wait(timeout=60 * PATIENCE) == 0, "the publisher")
        whole = {stream: frames(clip, stream) for stream in "va"}
        for player, path in players:
            what = f"chunks of {chunk_size}, {player.__name__}"
            try:
                wait_for(lambda p=path, of=player: all(ends_like(frames(p, s), whole[s], of) for s in "va"), f"{what}: the last frames", 15, 0.5)
            finally:
                print(f"{what}: {[len(frames(path, s)) for s in 'va']} of {[len(whole[s]) for s in 'va']} frames", flush=True)
        for child in running:
            child.kill()


def refused():
    """A chunk size that peers would not take stops the start with a word."""
    stack = Stack(RTMP_CHUNK_SIZE="100")
    try:
        result = stack.command("up", "--detach")
        check(result.returncode != 0 and "RTMP_CHUNK_SIZE" in result.stdout + result.stderr, f"{result.stdout}{result.stderr}")
    finally:
        stack.close()


def play():
    base = Stack()
    try:
        clip = make_clip(base.home / "clip.flv", seconds=SECONDS, bitrate="1500k")
        for chunk_size in (0, 128, 4096):
            play_all(clip, chunk_size)
        refused()
    finally:
        base.close()


if __name__ == "__main__":
    main(play)
