#!/usr/bin/env python3
"""Every codec over Enhanced RTMP arrives in HLS and in the recording: recognised and decoded by ffprobe, each coded frame once
and unchanged, sound and picture as far apart as they were sent. Several tracks are all delivered and recorded. Chromium plays what it has
decoders for, and says so of what it has none for. Sound that changes its sample rate in the middle of a group of pictures begins a
recording that is decoded without an error, and shows what the one before does not."""
import datetime
import json
import os
import pathlib
import re
import subprocess

import enhanced_flv
from stack import PATIENCE, ROOT, Stack, check, fetch, main, need, wait_for
from viewer import joined

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))
SECONDS = 6
TOLERANCE = 0.0015  # a millisecond of RTMP's and rounding
# What is sent; CODECS of the multivariant playlist without what depends on the encoder's choices.
PAIRS = [
    ("hevc", "aac", ["hvc1.1.6.L", "mp4a.40.2"]),
    ("av1", "opus", ["av01.0.0", "Opus"]),
    ("vp9", "flac", ["vp09.00.", "fLaC"]),
    ("h264", "ac3", ["avc1.", "ac-3"]),
    ("hevc", "eac3", ["hvc1.1.6.L", "ec-3"]),
    ("h264", "mp3", ["avc1.", "mp4a.6B"]),
]


def probe(source, *options):
    result = subprocess.run(["ffprobe", "-v", "warning", *options, "-of", "json", str(source)], capture_output=True, text=True,
                            timeout=60 * PATIENCE)
    check(result.returncode == 0 and not result.stderr, f"ffprobe of {source}: {result.stderr}")
    return json.loads(result.stdout)


def streams(source):
    """[(codec, frames that can be decoded)]"""
    return [(s["codec_name"], int(s.get("nb_read_frames", 0))) for s in probe(source, "-count_frames", "-show_streams")["streams"]]


def packets(source, stream):
    found = probe(source, "-select_streams", stream, "-show_packets", "-show_data_hash", "MD5")["packets"]
    return [(float(p["dts_time"]), p["data_hash"]) for p in found]


def same(what, sent, got, encoded):
    """sent: {stream: file of the encoder}. Every packet once, in order, sound and picture in step."""
    starts = {}
    for stream, source in sent.items():
        was, now = packets(source, stream), packets(got, stream)
        check([h for _, h in was] == [h for _, h in now], f"{what}: {encoded[stream]}: {len(now)} packets, sent {len(was)}")
        starts[stream] = (was[0][0], now[0][0])
        for (a, _), (b, _) in zip(was, now):
            moved = (b - starts[stream][1]) - (a - starts[stream][0])
            check(abs(moved) <= TOLERANCE, f"{what}: {encoded[stream]} packet at {a:.3f} s is moved by {moved * 1000:.3f} ms")


def sync_samples(path, track_id):
    """One boolean a sample: of the fragments' flags, or by stss in a file without fragments."""
    data, found = path.read_bytes(), []
    for name, begin, end in enhanced_flv.boxes(data):
        for kind, b, e in enhanced_flv.boxes(data, begin, end) if name in (b"moof", b"moov") else ():
            if kind == b"traf":
                found += fragment_flags(data, b, e, track_id)
            elif kind == b"trak" and path.suffix == ".mp4" and b"moof" not in data:
                tkhd, _ = enhanced_flv.find(data, [b"tkhd"], b, e)
                if int.from_bytes(data[tkhd + 12:tkhd + 16], "big") != track_id:
                    continue
                stbl = enhanced_flv.find(data, [b"mdia", b"minf", b"stbl"], b, e)
                stsz, _ = enhanced_flv.find(data, [b"stsz"], *stbl)
                count = int.from_bytes(data[stsz + 8:stsz + 12], "big")
                named = [kind for kind, _, _ in enhanced_flv.boxes(data, *stbl)]
                keys = {n for n, in enhanced_flv.table(data, stbl, b"stss", ">I")}
                found += [b"stss" not in named or n + 1 in keys for n in range(count)]
    return found


def fragment_flags(data, begin, end, track_id):
    def number(at, size=4):
        return int.from_bytes(data[at:at + size], "big")

    tfhd, _ = enhanced_flv.find(data, [b"tfhd"], begin, end)
    if number(tfhd + 4) != track_id:
        return []
    fields = number(tfhd + 1, 3)
    usual = number(tfhd + 8 + (4 if fields & 0x08 else 0)) if fields & 0x20 else None
    trun, _ = enhanced_flv.find(data, [b"trun"], begin, end)
    fields, count = number(trun + 1, 3), number(trun + 4)
    size = 4 * sum(1 for bit in (0x100, 0x200, 0x400, 0x800) if fields & bit)
    place = trun + 12 + 4 * sum(1 for bit in (0x100, 0x200) if fields & bit)
    flags = [number(place + size * n) if fields & 0x400 else usual for n in range(count)]
    return [not flag & 0x10000 for flag in flags]


def check_sync(what, path, video):
    """All of the sound; of the picture what its encoder made so."""
    sound, pictures = sync_samples(path, 2), sync_samples(path, 1)
    check(sound and all(sound), f"{what}: {sound.count(False)} of {len(sound)} samples of sound are no sync samples")
    check(pictures == [sample.key for sample in video.samples], f"{what}: sync samples of the picture: {pictures}")


def delivered_track(stack, rendition):
    """The newest publication's segments of a rendition, once they are all there: init segment and segments."""
    found = {}

    def whole():
        playlist = stack.playlist(rendition=rendition)
        if not playlist or not playlist.segments:
            return False
        newest = playlist.segments[-1][4]
        found["init"] = newest
        found["segments"] = [(url, seconds) for _, url, seconds, _, init in playlist.segments if init == newest]
        return sum(seconds for _, seconds in found["segments"]) > SECONDS - 0.1

    wait_for(whole, f"the last segment of {rendition}", 30)
    parts = []
    for url in [found["init"], *[url for url, _ in found["segments"]]]:
        status, _, body = fetch(url)
        check(status == 200, f"{status} for {url}")
        parts.append(body)
    return parts[0], parts[1:]


def delivered(stack, path, *renditions):
    """Renditions as one file."""
    path.write_bytes(joined([delivered_track(stack, rendition) for rendition in renditions]))
    return path


def publish(stack, flv):
    publisher = stack.spawn(str(BIN / "rtmp_publish"), stack.info["publish_url"], str(flv), stdout=subprocess.DEVNULL)
    check(publisher.wait(timeout=60 * PATIENCE) == 0, f"publishing {flv.name} ended well")


def pair(stack, video, audio, codecs, recordings):
    print(video, audio, flush=True)
    tracks = {name: enhanced_flv.encode(name, stack.home / f"{name}.mp4", seconds=SECONDS) for name in (video, audio)}
    flv = stack.home / f"{video}-{audio}.flv"
    writer = enhanced_flv.FlvWriter()
    for track in tracks.values():
        writer.add_track(track)
    writer.save(flv)
    publish(stack, flv)
    recording = stack.wait_recordings(recordings)[-1]
    hls = delivered(stack, stack.home / f"{video}-{audio}-hls.mp4", "v0", "a0")
    expected = [(video, len(tracks[video].samples)), (audio, len(tracks[audio].samples))]
    sent = {"v": stack.home / f"{video}.mp4", "a": stack.home / f"{audio}.mp4"}
    for what, file in (("recording", recording), ("HLS", hls)):
        check(streams(file) == expected, f"{what}: {streams(file)}, sent {expected}")
        same(what, sent, file, {"v": video, "a": audio})
        check_sync(f"{what}: {video}, {audio}", file, tracks[video])
    status, _, master = fetch(stack.info["hls_url"].replace("index.m3u8", "master.m3u8"))
    line = next(line for line in master.decode().splitlines() if line.startswith("#EXT-X-STREAM-INF"))
    told = line.split('CODECS="')[1].split('"')[0].split(",")
    check(status == 200 and len(told) == 2 and all(t.startswith(c) for t, c in zip(told, codecs)), f"CODECS: {line}")
    check("RESOLUTION=320x180" in line, f"RESOLUTION: {line}")


def many_tracks(stack, recordings):
    """Two pictures and three sounds: all of them in HLS and in the recording."""
    names = ["h264", "hevc", "aac", "opus", "flac"]
    tracks = {name: enhanced_flv.encode(name, stack.home / f"{name}.mp4", seconds=SECONDS) for name in names}
    writer = enhanced_flv.FlvWriter()
    for name in ("h264", "aac"):
        writer.add(tracks[name].kind, 0, enhanced_flv.sequence_start(tracks[name]))
    # Of pictures of one time the second track's comes first.
    for track_id, name in ((1, "hevc"), (1, "opus"), (2, "flac")):
        track = tracks[name]
        writer.add(track.kind, 0, enhanced_flv.sequence_start(track, track_id))
        for sample in track.samples:
            writer.add(track.kind, sample.time, enhanced_flv.one_track(track, track_id, sample))
    for name in ("h264", "aac"):
        for sample in tracks[name].samples:
            writer.add(tracks[name].kind, sample.time, enhanced_flv.plain(tracks[name], sample))
    flv = writer.save(stack.home / "many.flv")
    publish(stack, flv)
    recording = stack.wait_recordings(recordings)[-1]
    for rendition, name in (("v0", "h264"), ("a0", "aac"), ("v1", "hevc"), ("a2", "opus"), ("a3", "flac")):
        hls = streams(delivered(stack, stack.home / f"many-{rendition}.mp4", rendition))
        check(hls == [(name, len(tracks[name].samples))], f"HLS: {rendition} has {hls}, sent {name}")
    for rendition in ("v0", "v1"):
        init, segments = delivered_track(stack, rendition)
        for number, segment in enumerate(segments):
            path = stack.home / "segment.mp4"
            path.write_bytes(init + segment)
            first = probe(path, "-show_packets")["packets"][0]
            check(first["flags"].startswith("K"), f"segment {number} of {rendition} begins with a key frame: {first}")
    status, _, master = fetch(stack.info["hls_url"])
    groups = set(re.findall(r'^#EXT-X-STREAM-INF:.*AUDIO="([^"]+)"', master.decode(), re.M))
    check(status == 200 and groups == {"audio-mp4a", "audio-Opus", "audio-fLaC"}, f"a group for each codec of sound: {master.decode()}")
    got = streams(recording)
    check(sorted(got) == sorted((n, len(tracks[n].samples)) for n in names), f"the recording's tracks: {got}")


def shown(path):
    """Hashes of the pictures that a player shows, in order. The whole file is decoded without an error."""
    result = subprocess.run(["ffmpeg", "-v", "warning", "-xerror", "-i", str(path), "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5",
                             "-", "-map", "0:a?", "-f", "null", "-"], capture_output=True, text=True, timeout=60 * PATIENCE)
    check(result.returncode == 0 and not result.stderr, f"decoding {path}: {result.stderr}")
    return [line.split(",")[-1].strip() for line in result.stdout.splitlines() if not line.startswith("#")]


def began(path):
    """When a recording begins, by its name."""
    stamp = re.search(r"-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)\.(\d{3})Z", path.name)
    return datetime.datetime.strptime(stamp[1], "%Y-%m-%dT%H-%M-%S").timestamp() + int(stamp[2]) / 1000


def sound_changes(stack, recordings):
    """At 3.1 s, in the middle of a group of 2 s: the second recording begins with that group's key frame, and is shown from there on."""
    print("another sample rate", flush=True)
    at = 3.1
    video = enhanced_flv.encode("h264", stack.home / "group.mp4", seconds=SECONDS, gop=50)
    sounds = [enhanced_flv.encode("aac", stack.home / f"aac-{rate}.mp4", seconds=SECONDS, sample_rate=rate) for rate in (48000, 44100)]
    parts = [[s for s in sounds[0].samples if s.time < at], [s for s in sounds[1].samples if s.time >= at]]
    writer = enhanced_flv.FlvWriter().add_track(video)
    for sound, samples in zip(sounds, parts):
        writer.add(sound.kind, 0 if sound is sounds[0] else samples[0].time, enhanced_flv.sequence_start(sound))
        for sample in samples:
            writer.add(sound.kind, sample.time, enhanced_flv.plain(sound, sample))
    publish(stack, writer.save(stack.home / "rates.flv"))
    files = stack.wait_recordings(recordings + 1)[-2:]
    pictures, whole = [shown(file) for file in files], shown(stack.home / "group.mp4")
    for file, sent, rate in zip(files, parts, ("48000", "44100")):
        track = next(s for s in probe(file, "-count_frames", "-show_streams")["streams"] if s["codec_type"] == "audio")
        check((track["sample_rate"], int(track["nb_read_frames"])) == (rate, len(sent)), f"sound: {track}, sent {len(sent)} at {rate}")
        first = probe(file, "-select_streams", "v", "-read_intervals", "%+#1", "-show_packets")["packets"][0]
        check(first["flags"].startswith("K"), f"{file.name} begins with a key frame: {first}")
    check(pictures[1] == whole[-len(pictures[1]):], f"the second recording shows the last {len(pictures[1])} pictures")
    check(pictures[0] == [h for h in whole if h in set(pictures[0])], "the first shows its pictures in order")
    twice = len(pictures[0]) + len(pictures[1]) - len(whole)
    check(set(pictures[0] + pictures[1]) == set(whole) and 0 <= twice <= 2, f"all {len(whole)} pictures are shown, {twice} of them twice")
    lengths = [float(probe(file, "-show_format")["format"]["duration"]) for file in files]
    # A picture that is decoded before others and shown behind them ends the first file: three pictures at most.
    check(abs(sum(lengths) - SECONDS) < 0.2, f"the recordings are {lengths} s long")
    check(abs(began(files[1]) - began(files[0]) - lengths[0]) < 0.2, f"the second begins where the first ends: {files}, {lengths}")


def browser(stack, video, audio):
    """Chromium with the watch page, for longer than its buffer holds."""
    print("browser", video, audio, flush=True)
    writer = enhanced_flv.FlvWriter()
    for name in (video, audio):
        writer.add_track(enhanced_flv.encode(name, stack.home / f"browser-{name}.mp4", seconds=40))
    flv = writer.save(stack.home / "browser.flv")
    known = stack.playlist().last if stack.playlist() else -1
    publisher = stack.spawn(str(BIN / "rtmp_publish"), stack.info["publish_url"], str(flv), stdout=subprocess.DEVNULL)
    wait_for(lambda: (p := stack.playlist()) and p.last >= known + 3, "three segments", 30)
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/watch.mjs"), stack.info["watch_url"], "10"], capture_output=True,
                            text=True, timeout=120 * PATIENCE)
    print(result.stdout.strip())
    check(result.returncode == 0, f"the browser: {result.stdout}{result.stderr}")
    publisher.kill()
    publisher.wait()


def unsupported(stack):
    """MP3 in MP4 is nothing that Chromium plays: the watch page says so instead of trying for ever."""
    writer = enhanced_flv.FlvWriter()
    for name in ("h264", "mp3"):
        writer.add_track(enhanced_flv.encode(name, stack.home / f"unsupported-{name}.mp4", seconds=60))
    flv = writer.save(stack.home / "unsupported.flv")
    known = stack.playlist().last if stack.playlist() else -1
    publisher = stack.spawn(str(BIN / "rtmp_publish"), stack.info["publish_url"], str(flv), stdout=subprocess.DEVNULL)
    wait_for(lambda: (p := stack.playlist()) and p.last >= known + 3, "three segments", 30)
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/state.mjs"), stack.info["watch_url"], "unsupported"],
                            capture_output=True, text=True, timeout=120 * PATIENCE)
    print(result.stdout.strip())
    check(result.returncode == 0 and "mp4a" in result.stdout, f"the browser: {result.stdout}{result.stderr}")
    publisher.kill()
    publisher.wait()


def codecs():
    need("chromium", "node", "playwright-core")
    with Stack() as stack:
        for count, (video, audio, names) in enumerate(PAIRS, start=1):
            pair(stack, video, audio, names, count)
        many_tracks(stack, len(PAIRS) + 1)
        sound_changes(stack, len(PAIRS) + 2)
        browser(stack, "av1", "opus")
        browser(stack, "vp9", "opus")
        unsupported(stack)


main(codecs)
