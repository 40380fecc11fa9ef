#!/usr/bin/env python3
"""Cases 26, 27 and 29 to 31: configurations that make no sense, media in other forms than FLV's, groups of pictures of every length, very large
pictures, and metadata that lies."""
import struct
import subprocess

from wire import Peer, chunk, flv_tags, is_header, number, send_realtime, string
from oracle import Oracle, no_secret_in_logs
from crafted import all_frames, key_of, publish_tags, valid
from stack import Stack, check, fetch, main, make_clip, packets, wait_for

MAX_SEGMENT = 12
LARGE = 8 << 20


def decodes(stack):
    """The newest segments decode without a complaint."""
    playlist = stack.playlist()
    _, url, _, _, init = playlist.segments[-1]
    media = fetch(init)[2] + fetch(url)[2]
    played = subprocess.run(["ffmpeg", "-v", "error", "-i", "-", "-f", "null", "-"], input=media, capture_output=True, timeout=60)
    check(played.returncode == 0, f"{url}: {played.stderr.decode()[-300:]}")


def groups(stack, oracle):
    """29: groups of pictures of 10 s, 70 s, without end, of one picture; 240 and 0.2 pictures a second."""
    cases = {"10 s": dict(seconds=26, rate=10, gop=100), "70 s": dict(seconds=75, rate=5, gop=350), "without end": dict(seconds=40, rate=10, gop=100_000),
             "all intra": dict(seconds=8, rate=25, gop=1), "240 a second": dict(seconds=4, rate=240, gop=240), "0.2 a second": dict(seconds=31, rate="1/5", gop=1)}
    for name, shape in cases.items():
        print("  ", name, flush=True)
        clip = make_clip(stack.home / "shape.flv", size="160x90", bitrate="100k", bframes=0, **shape)
        tags = flv_tags(clip)
        recording, _ = publish_tags(stack, oracle, tags, speed=16 if shape["seconds"] > 20 else 2)
        all_frames(tags, recording)
        playlist = stack.playlist()
        valid(playlist, recording)
        check(playlist.target <= MAX_SEGMENT, f"{name}: target duration {playlist.target}\n{playlist.text}")


def beginnings(stack, oracle, clip):
    """29: the first picture is no key frame; pictures that are nothing but SEI."""
    tags = flv_tags(clip)
    first_key = next(i for i, tag in enumerate(tags) if tag[0] == 9 and not is_header(tag))
    headless = tags[:first_key] + tags[first_key + 1:]
    recording, _ = publish_tags(stack, oracle, headless)
    valid(stack.playlist(), recording)
    decodes(stack)
    sei = struct.pack(">I", 4) + b"\x06\x05\x00\x80"
    dressed = [(kind, time, body[:5] + sei) if kind == 9 and body[0] == 0x27 and index % 3 == 0 else (kind, time, body)
               for index, (kind, time, body) in enumerate(tags)]
    recording, _ = publish_tags(stack, oracle, dressed)
    valid(stack.playlist(), recording)
    all_frames(dressed, recording)


def large_key_frame(stack, oracle, clip):
    """30: a key frame of 8 MiB with sound between its chunks; one that is too large."""
    tags = flv_tags(clip)
    headers = [tag for tag in tags if is_header(tag) and tag[0] != 18]
    sounds = [tag for tag in tags if tag[0] == 8 and not is_header(tag)]
    pictures = [tag for tag in tags if tag[0] == 9 and not is_header(tag)]
    body = pictures[0][2]
    filler = struct.pack(">I", LARGE) + b"\x0c" + b"\xff" * (LARGE - 2) + b"\x80"
    parts = chunk(9, body[:5] + filler + body[5:], csid=6, message_stream=1, timestamp=0)
    already = len(stack.recordings())
    with Peer(oracle.port) as peer:
        peer.publish(key_of(stack))
        for tag in headers:
            peer.media(tag)
        # Chunks of 4096 bytes behind headers of 12 and 1: sound is put where one ends.
        places = [0, 12 + 4096] + [12 + 4096 + 4097 * n for n in range(100, 2000, 40)]
        for index, (begin, end) in enumerate(zip(places, places[1:] + [len(parts)])):
            peer.send(parts[begin:end])
            if end != len(parts):
                peer.media(sounds[index])
        # While the picture is on its way its sound is in the log already; afterwards the stream goes on.
        rest = sorted(pictures[1:] + sounds[len(places) - 1:], key=lambda tag: tag[1])
        send_realtime(peer, rest, speed=4)
        peer.drain()
    recording = stack.wait_recordings(already + 1)[-1]
    check(len(packets(recording, "v")) == len(pictures) and len(packets(recording, "a")) == len(sounds), "every picture and every sound")
    check(recording.stat().st_size > LARGE, "the large picture is there as it was")
    with Peer(oracle.port) as peer:
        peer.publish(key_of(stack)).send(chunk(9, b"\x17\x01" + bytes(4094), csid=6, message_stream=1, length=0xFFFFFF))
        check(peer.is_closed(5), "16 MiB are refused when they are announced")


def bad_configurations(stack, oracle, clip):
    """27: AVC configurations that are cut off, with lengths of 3 bytes; NAL units that lie."""
    tags = flv_tags(clip)
    header = next(body for kind, _, body in tags if kind == 9 and is_header((kind, 0, body)))
    good = header[5:]
    broken = {"31 SPS of which one is there": good[:5] + b"\xff" + good[6:], "cut off": good[:9],
              "version 0": b"\x00" + good[1:], "lengths of 3 bytes": good[:4] + b"\xfe" + good[5:], "SPS of nothing": good[:5] + b"\xe1\x00\x00\x00",
              "SPS of 64 KiB of zeros": good[:5] + b"\xe1\xff\xff" + bytes(65535) + b"\x00"}
    for name, configuration in broken.items():
        with Peer(oracle.port) as peer:
            peer.publish(key_of(stack)).media((9, 0, header[:5] + configuration))
            try:
                peer.expect(b"NetStream.Publish.TrackRefused", seconds=5)
                if name == "version 0":  # with nothing else it is closed
                    peer.expect(b"NetStream.Publish.Failed", seconds=10)
            except TimeoutError:
                check(False, f"{name} is refused")
    lies = [struct.pack(">I", 0xFFFFFFFF) + b"\x65", struct.pack(">I", 100) + b"\x65\x00", bytes(4), b"\x00\x00", b""]
    mixed = []
    for index, (kind, time, body) in enumerate(tags):
        mixed.append((kind, time, body))
        if kind == 9 and not is_header((kind, time, body)) and index % 5 == 0:
            mixed.append((9, time, b"\x27\x01\x00\x00\x00" + lies[index // 5 % len(lies)]))
    recording, _ = publish_tags(stack, oracle, mixed, speed=4)
    all_frames(tags, recording)


def units_of(body):
    at, found = 5, []
    while at + 4 <= len(body):
        size = int.from_bytes(body[at:at + 4], "big")
        found.append(body[at + 4:at + 4 + size])
        at += 4 + size
    return found


def with_lengths(units):
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


def other_forms(stack, oracle, clip):
    """26, 27: start codes for lengths, parameter sets in the frames alone, empty NAL units, wrong key flags, an empty AAC header: all is taken."""
    tags = flv_tags(clip)
    record = next(body for kind, _, body in tags if kind == 9 and is_header((kind, 0, body)))[5:]
    size = int.from_bytes(record[6:8], "big")
    sps, pps = record[8:8 + size], record[11 + size:11 + size + int.from_bytes(record[9 + size:11 + size], "big")]
    sets_in_frames = [sps, pps]

    def start_codes(units, code=b"\0\0\0\1"):
        return b"".join(code + unit for unit in units)

    def change(header, picture):
        """header: in place of the picture's, none: left out; picture: of first byte, whether it is an IDR and its units."""
        changed = [(8, 0, b"\xaf\x00")]
        for kind, time, body in tags:
            if kind == 9 and is_header((kind, time, body)):
                changed += [] if header is None else [(kind, time, body[:5] + header)]
            elif kind == 9:
                units = units_of(body)
                first, payload = picture(body[0], any(unit[0] & 31 == 5 for unit in units), units)
                changed.append((kind, time, bytes([first]) + body[1:5] + payload))
            else:
                changed.append((kind, time, body))
        return changed

    cases = {
        "start codes, no header": change(None, lambda first, idr, units: (first, start_codes(sets_in_frames * idr + units))),
        "short start codes, all marked as key": change(start_codes(sets_in_frames), lambda first, idr, units: (0x17, start_codes(units, b"\0\0\1"))),
        "header without sets, empty units, none marked as key": change(
            record[:5] + b"\xe0\x00", lambda first, idr, units: (0x27, bytes(4) + bytes(4).join(with_lengths([u]) for u in sets_in_frames * idr + units))),
    }
    keys = [index for index, body in enumerate(body for kind, _, body in tags if kind == 9 and not is_header((kind, 0, body)))
            if any(unit[0] & 31 == 5 for unit in units_of(body))]
    for name, chosen in cases.items():
        print("  ", name, flush=True)
        recording, playlist = publish_tags(stack, oracle, chosen, speed=4)
        valid(playlist, recording)
        all_frames(tags, recording)
        decodes(stack)
        shown = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=flags", "-of", "csv=p=0", str(recording)],
                               capture_output=True, text=True, timeout=60)
        found = [index for index, line in enumerate(shown.stdout.split()) if line.startswith("K")]
        check(found == keys and not shown.stderr, f"{name}: key frames at {found}, sent at {keys} {shown.stderr}")
        played = subprocess.run(["ffmpeg", "-v", "error", "-i", str(recording), "-f", "null", "-"], capture_output=True, text=True, timeout=60)
        check(not played.stderr, f"{name}: {played.stderr[-300:]}")


def without_configuration(stack, oracle, clip):
    """26, 27: AAC, then H.264 that nothing configures: the publisher is told within 2 s, the other track goes on, lists are without the one."""
    tags = flv_tags(clip)
    for kind, wanted in ((8, "avc1"), (9, "mp4a")):
        already = len(stack.recordings())
        chosen = [tag for tag in tags if not (tag[0] == kind and is_header(tag))]
        with Peer(oracle.port) as peer:
            peer.publish(key_of(stack))
            send_realtime(peer, [tag for tag in chosen if tag[1] < 2000], None, 1.0)
            peer.expect(b"NetStream.Publish.TrackRefused", seconds=5)
            send_realtime(peer, [tag for tag in chosen if tag[1] >= 2000], [tag[1] for tag in chosen if tag[1] >= 2000], 2.0)
            wait_for(lambda: (p := stack.playlist()) and p.segments, "a segment")
            status, _, master = fetch(stack.info["hls_url"].replace("index.m3u8", "master.m3u8"))
            check(status == 200 and f'CODECS="{wanted}'.encode() in master and b"," not in master.split(b'CODECS="')[1].split(b'"')[0],
                  f"only {wanted} is offered: {master}")
            decodes(stack)
            peer.drain()
        recording = stack.wait_recordings(already + 1)[-1]
        check(len(packets(recording, "v" if kind == 8 else "a")) > 0, "the good track is recorded")


def metadata(stack, oracle, clip):
    """31: onMetaData that is absent, late, twice, wrong, with texts for numbers and without end."""
    tags = [tag for tag in flv_tags(clip) if tag[0] != 18]

    def script(**properties):
        body = b"".join(struct.pack(">H", len(k)) + k.encode() + (v if isinstance(v, bytes) else number(v)) for k, v in properties.items())
        return (18, 0, string("onMetaData") + b"\x08" + struct.pack(">I", len(properties)) + body + b"\x00\x00\x09")

    lie = script(width=1920, height=1080, videocodecid=2, audiocodecid=2, audiosamplerate=8000, framerate=1e308)
    text = script(videocodecid=string("avc1"), audiocodecid=string("mp4a"), duration=float("nan"), width=float("-inf"))
    # What begins is not whole: the count promises what does not come.
    torn = (18, 0, string("onMetaData") + b"\x08\xff\xff\xff\xff" + b"\x00\x05width")
    deep = (18, 0, string("onMetaData") + (b"\x03\x00\x01a" * 5000))
    cases = {"absent": tags, "late": tags[:40] + [lie] + tags[40:], "twice": [lie, text] + tags, "text": [text] + tags, "torn": [torn] + tags, "deep": [deep] + tags,
             "again and again": [entry for tag in tags for entry in (tag, lie)]}
    for name, chosen in cases.items():
        print("  ", name, flush=True)
        recording, playlist = publish_tags(stack, oracle, chosen, speed=4)
        valid(playlist, recording)
        all_frames(tags, recording)
        status, _, master = fetch(stack.info["hls_url"].replace("index.m3u8", "master.m3u8"))
        check(status == 200 and b"RESOLUTION=320x180" in master and b"avc1" in master, f"{name}: media win over metadata: {master}")


def pictures():
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=6)
        oracle = Oracle(stack)
        with oracle.case(groups.__doc__):
            groups(stack, oracle)
        for run in (beginnings, bad_configurations, other_forms, without_configuration, metadata, large_key_frame):
            with oracle.case(run.__doc__, growth_kib=32 * 1024):
                run(stack, oracle, clip)
        no_secret_in_logs(stack)


main(pictures)
