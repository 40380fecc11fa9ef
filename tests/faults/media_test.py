#!/usr/bin/env python3
"""Cases 23 to 25: time stamps that jump, B-frames with large offsets, tracks that are missing, late or stop; a track that changes and changes."""
import time

from wire import Peer, flv_tags, is_header
from oracle import Oracle
from crafted import all_frames, key_of, publish_tags, valid
from stack import Stack, check, fetch, main, make_clip


def jumps(stack, oracle, clip):
    """23: back by 1 ms, by 5 s, to 0, forward by an hour, equal times, audio ahead."""
    tags = flv_tags(clip)
    middle = 4000

    def moved(delta):
        return [time if time < middle else max(0, time + delta) for _, time, _ in tags]

    cases = {"back by 1 ms": moved(-1), "back by 5 s": moved(-5000), "to zero": [t if t < middle else t - middle for _, t, _ in tags],
             "forward an hour": moved(3_600_000), "equal times": [t - t % 80 for _, t, _ in tags],
             "audio 3 s ahead": [t + 3000 if kind == 8 and t >= middle else t for kind, t, _ in tags],
             "past 2^32": [(t + (1 << 32) - middle) & 0xFFFFFFFF for _, t, _ in tags],
             "past 0xFFFFFF": [t + 0xFFFFFF - middle for _, t, _ in tags]}
    for name, stamps in cases.items():
        print("  ", name, flush=True)
        recording, playlist = publish_tags(stack, oracle, tags, stamps)
        valid(playlist, recording)
        all_frames(tags, recording)


def offsets(stack, oracle, clip):
    """24: negative composition offsets, and offsets beyond 32,767 ms."""
    for offset in (-40, 33_000):
        tags = []
        for kind, time, body in flv_tags(clip):
            if kind == 9 and body[1] == 1:
                moved = (int.from_bytes(body[2:5], "big", signed=True) + offset) & 0xFFFFFF
                body = body[:2] + moved.to_bytes(3, "big") + body[5:]
            tags.append((kind, time, body))
        recording, playlist = publish_tags(stack, oracle, tags)
        valid(playlist, recording)
        all_frames(tags, recording)


def tracks(stack, oracle, clip):
    """25: audio only, video only, audio 4 s late, audio that stops."""
    tags = flv_tags(clip)
    cases = {"audio only": [t for t in tags if t[0] != 9], "video only": [t for t in tags if t[0] != 8],
             "late audio": [t for t in tags if t[0] != 8 or t[1] >= 4000], "audio stops": [t for t in tags if t[0] != 8 or t[1] < 4000]}
    header = next(t for t in tags if t[0] == 8)
    cases["late audio"].insert(next(i for i, t in enumerate(cases["late audio"]) if t[1] >= 4000), (8, 4000, header[2]))
    for name, chosen in cases.items():
        print("  ", name, flush=True)
        recording, playlist = publish_tags(stack, oracle, chosen)
        valid(playlist, recording)
        all_frames(chosen, recording)
        status, _, master = fetch(stack.info["hls_url"].replace("index.m3u8", "master.m3u8"))
        check(status == 200, "a multivariant playlist")
        if name.endswith("only"):
            check((b"mp4a" in master) == (name == "audio only") and (b"avc1" in master) == (name == "video only"), f"{name}: {master}")


def changes(stack, oracle, clip):
    """A sound that is 44.1 kHz in stereo and 48 kHz in mono by turns, one a frame: few recordings, and the encoder learns why."""
    sound = [tag for tag in flv_tags(clip) if tag[0] == 8]
    header = next(tag for tag in sound if is_header(tag))[2][:2]
    frame = next(tag for tag in sound if not is_header(tag))[2][:60]
    already = len(stack.recordings())
    with Peer(oracle.port) as peer:
        peer.publish(key_of(stack))
        for index in range(400):
            for body in (header + (b"\x12\x10", b"\x11\x88")[index % 2], frame):
                peer.media((8, index * 23, body))
        peer.expect(b"NetStream.Publish.TrackRefused")
    stack.wait_recordings(already + 11)
    time.sleep(2)  # for more of them, if there were any
    made = len(stack.recordings()) - already
    check(made <= 12, f"{made} recordings of 400 changes")


def media():
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=8)
        oracle = Oracle(stack)
        for run in (jumps, offsets, tracks, changes):
            with oracle.case(run.__doc__):
                run(stack, oracle, clip)


main(media)
