#!/usr/bin/env python3
"""Real encoders, and times that cross 24, 31 and 32 bits: what is published, what an RTMP player receives, what HLS delivers and what the recording holds are the
same access units, with times right to the millisecond, for H.264 with B-frames and AAC. nginx-rtmp's push, which waits for no answer; and players are shown the
streams that nginx-rtmp's players are shown, no other."""
import os
import pathlib
import subprocess
import time

from nginx_rtmp import Nginx
from stack import PATIENCE, ROOT, Stack, check, main, make_clip, packets, wait_for
from viewer import Viewer

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))
# RTMP and FLV count milliseconds; the recording and the segments count samples and 90 kHz ticks.
TOLERANCE = 0.001001
SECONDS = 8
KINDS = {"v": "video", "a": "audio"}


# Each starts a publisher and returns it with the file that holds what it publishes.

def ffmpeg(stack, clip):
    return stack.publish(clip), clip


def gstreamer(stack, clip, sink="rtmp2sink", suffix=""):
    """GStreamer makes the FLV again, with times of its own: a second branch keeps what is sent."""
    sent = stack.home / f"{sink}.flv"
    log = open(stack.home / f"{sink}.log", "wb")
    return stack.spawn("gst-launch-1.0", "-q", "flvmux", "name=m", "streamable=true", "!", "tee", "name=t",
                       "t.", "!", "queue", "!", sink, "sync=true", f"location={stack.info['publish_url']}{suffix}",
                       "t.", "!", "queue", "!", "filesink", f"location={sent}", "filesrc", f"location={clip}", "!", "flvdemux", "name=d",
                       "d.video", "!", "queue", "!", "h264parse", "!", "m.", "d.audio", "!", "queue", "!", "aacparse", "!", "m.",
                       stdout=log, stderr=log), sent


def librtmp(stack, clip):
    return gstreamer(stack, clip, "rtmpsink", " live=1")


def own(stack, clip, *options):
    return stack.spawn(str(BIN / "rtmp_publish"), stack.info["publish_url"], str(clip), *options, stdout=subprocess.DEVNULL), clip


def obs(stack, clip):
    """OBS Studio's order of commands, chunk size, header types and signed handshake."""
    return own(stack, clip, "--style", "obs", "--digest")


def crossing_24_bits(stack, clip):
    """Extended time stamps begin within the clip; type 3 chunks repeat them."""
    return own(stack, clip, "--offset", str(0xFFFFFF - 4000), "--speed", "4", "--chunk-size", "128")


def crossing_24_bits_without_repeating(stack, clip):
    return own(stack, clip, "--offset", str(0xFFFFFF - 4000), "--speed", "4", "--chunk-size", "128", "--omit-extended")


def crossing_31_bits(stack, clip):
    return own(stack, clip, "--offset", str((1 << 31) - 4000), "--speed", "4")


def crossing_32_bits(stack, clip):
    return own(stack, clip, "--offset", str((1 << 32) - 4000), "--speed", "4")


ENCODERS = (ffmpeg, gstreamer, librtmp, obs, crossing_24_bits, crossing_24_bits_without_repeating, crossing_31_bits, crossing_32_bits)


class Player:
    """An RTMP player that is there before the publisher."""

    def __init__(self, stack, name):
        self.path = stack.home / f"{name}-player.txt"
        address = stack.info["publish_url"].rsplit("/", 1)[0]
        with open(self.path, "wb") as output:
            self.process = stack.spawn(str(BIN / "rtmp_play"), f"{address}/{stack.stream_id}", "--seconds", "120", stdout=output)

    def frames(self, stream):
        """[(pts seconds, md5)] without configurations."""
        fields = [f for f in map(str.split, self.path.read_text().splitlines()) if f[0] in KINDS.values() and f[3] != "c"]
        first = int(fields[0][1]) if fields else 0
        # Counted from the first message, so that times that begin again at 2^32 go on.
        return [((((int(f[1]) - first + (1 << 31)) % (1 << 32) - (1 << 31)) + int(f[2])) / 1000, "MD5:" + f[5])
                for f in fields if f[0] == KINDS[stream]]


def same_frames(what, sent, got):
    """Every frame once, in order, and each as far from the first video frame as when it was published."""
    for stream, kind in KINDS.items():
        check([d for _, d in got[stream]] == [d for _, d in sent[stream]],
              f"{what}: {kind}: {len(got[stream])} frames, sent {len(sent[stream])}: " + difference(sent[stream], got[stream]))
        for (was, _), (now, _) in zip(sent[stream], got[stream]):
            moved = (now - got["v"][0][0]) - (was - sent["v"][0][0])
            check(abs(moved) <= TOLERANCE, f"{what}: {kind} frame at {was:.3f} s is moved by {moved * 1000:.3f} ms")


def difference(sent, got):
    for index, ((_, a), (_, b)) in enumerate(zip(sent, got)):
        if a != b:
            return f"the first that differs is number {index}"
    return "one is a part of the other"


def all_streams(source):
    return {stream: packets(source, stream) for stream in KINDS}


def publish_with(stack, encoder, clip, recordings):
    name = encoder.__name__
    player = Player(stack, name)
    viewer = Viewer(stack, stack.info["hls_url"])
    wait_for(lambda: "Play.Start" in player.path.read_text(), "the player to wait for its publisher")
    publisher, published = encoder(stack, clip)
    viewer.start()
    check(publisher.wait(timeout=120) == 0, f"{name} ended well")
    recording = stack.wait_recordings(recordings)[-1]
    delivered = viewer.finish(stack.home / f"{name}-hls.mp4", SECONDS)
    wait_for(lambda: len(player.frames("v")) >= len(packets(clip, "v")), f"{name}: the player's last frame", 10)
    player.process.kill()
    sent = all_streams(published)
    check([d for _, d in sent["v"]] == [d for _, d in packets(clip, "v")], f"{name} publishes the clip's frames")
    same_frames(f"{name}: recording", sent, all_streams(recording))
    same_frames(f"{name}: HLS", sent, all_streams(delivered))
    same_frames(f"{name}: RTMP player", sent, {stream: player.frames(stream) for stream in KINDS})


def shown_streams(stack, url):
    """What ffprobe makes of a stream that it joins."""
    out = stack.home / "probe.txt"
    with open(out, "wb") as output:
        probe = stack.spawn("ffprobe", "-v", "error", "-analyzeduration", "1500000", "-show_entries", "stream=codec_type,codec_name", "-of", "csv=p=0", url,
                            stdout=output)
        check(probe.wait(timeout=30 * PATIENCE) == 0, f"ffprobe of {url.split('/')[2]} ends")
    return sorted(out.read_text().split())


def pushed_by_nginx(stack, clip, recordings):
    """nginx-rtmp pushes a stream here; it and Millrace show players the same tracks, and a copy of some seconds ends."""
    nginx = Nginx(stack.home / "nginx", push=stack.info["publish_url"])
    try:
        source = f"rtmp://127.0.0.1:{nginx.port}/push/x"
        publisher = stack.publish(clip, loop=10, url=source)
        live = stack.info["publish_url"].rsplit("/", 1)[0] + "/" + stack.stream_id
        wait_for(stack.playlist, "the pushed stream", 20)
        shown = {url: shown_streams(stack, url) for url in (source, live, stack.info["hls_url"].replace("/index.m3u8", ".flv"))}
        check(shown[source] == ["aac,audio", "h264,video"], f"nginx-rtmp shows {shown[source]}")
        check(len(set(map(tuple, shown.values()))) == 1, f"tracks that nginx-rtmp does not show: {shown}")
        copy = stack.spawn("ffmpeg", "-v", "error", "-i", live, "-t", "2", "-c", "copy", str(stack.home / "copy.mkv"))
        check(copy.wait(timeout=30 * PATIENCE) == 0, "a copy of two seconds ends")
        publisher.kill()
        publisher.wait()
    finally:
        nginx.kill()
    recording = stack.wait_recordings(recordings)[-1]
    sent, got = ([digest for _, digest in packets(source)] for source in (clip, recording))
    check(len(got) > 25 and "".join(got) in "".join(sent * 12), f"the recording's {len(got)} frames are a run of the clip's")


def interop():
    # A relay that ends says nothing, and is awaited that long.
    with Stack(RECONNECT_GRACE_SECONDS="2") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=SECONDS)
        for count, encoder in enumerate(ENCODERS, start=1):
            print(encoder.__name__, flush=True)
            publish_with(stack, encoder, clip, count)
            time.sleep(1)
        print("nginx-rtmp's push", flush=True)
        pushed_by_nginx(stack, clip, len(ENCODERS) + 1)


main(interop)
