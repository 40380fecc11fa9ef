#!/usr/bin/env python3
"""Enhanced RTMP with messages of our own: every codec that it names, several tracks, modifiers, metadata frames and what can't be
taken, from the publisher into HLS, recordings and RTMP players of every ability; and the request to reconnect."""
import json
import os
import pathlib
import signal
import subprocess

import enhanced_flv as flv
from stack import ROOT, Stack, check, main, packets, wait_for
from viewer import Viewer

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))
SECONDS = 6
ALL, WITHOUT_MULTITRACK, LEGACY = ["--enhanced", "*"], ["--enhanced", "*", "--caps", "1"], []
NAMES = {b"avc1": "h264", b"hvc1": "hevc", b"av01": "av1", b"vp09": "vp9", b"mp4a": "aac", b"Opus": "opus", b"fLaC": "flac",
         b"ac-3": "ac3", b"ec-3": "eac3", b".mp3": "mp3"}


class Clips:
    """Each codec encoded once."""

    def __init__(self, directory):
        self.directory, self.tracks = directory, {}

    def path(self, codec):
        return self.directory / f"{codec}.mp4"

    def __getitem__(self, codec):
        if codec not in self.tracks:
            self.tracks[codec] = flv.encode(codec, self.path(codec), SECONDS)
        return self.tracks[codec]


class Publisher:
    def __init__(self, stack, path, *options, speed=2):
        self.errors = pathlib.Path(str(path) + ".log")
        with open(self.errors, "wb") as log:
            self.process = stack.spawn(str(BIN / "rtmp_publish"), stack.info["publish_url"], str(path), "--enhanced", "*",
                                       "--speed", str(speed), *options, stdout=subprocess.DEVNULL, stderr=log)

    def statuses(self):
        return [line.split()[1] for line in self.errors.read_text().splitlines() if line.startswith("status")]

    def succeeded(self):
        return self.process.wait(timeout=120) == 0


class Player:
    def __init__(self, stack, name, options, seconds=120):
        self.path = stack.home / f"{name}-player.txt"
        address = stack.info["publish_url"].rsplit("/", 1)[0]
        with open(self.path, "wb") as output:
            self.process = stack.spawn(str(BIN / "rtmp_play"), f"{address}/{stack.stream_id}", "--seconds", str(seconds), *options,
                                       stdout=output)

    def wait_accepted(self):
        wait_for(lambda: "NetStream.Play.Start" in self.statuses(), "the player to be accepted")

    def lines(self):
        return [line.split() for line in self.path.read_text().splitlines()]

    def hashes(self, track):
        return ["MD5:" + line[5] for line in self.lines() if line[0] == track and line[3] in "k-"]

    def statuses(self):
        return [line[1] for line in self.lines() if line[0] == "status"]


def streams(path):
    """ffprobe's streams of a file, with their frames counted by decoding them."""
    result = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)], capture_output=True,
                            text=True, timeout=120)
    check(result.returncode == 0, f"ffprobe {path}: {result.stderr}")
    return json.loads(result.stdout)["streams"]


def same(what, got, sent):
    check(got == sent, f"{what}: {len(got)} frames, sent {len(sent)}, "
                       f"the first that differs: {next((i for i, (a, b) in enumerate(zip(got, sent)) if a != b), 'none')}")


def hashes(path, stream):
    return [digest for _, digest in packets(path, stream)]


def recognised(what, path, video, audio):
    found = {stream["codec_type"]: stream for stream in streams(path)}
    check(found["video"]["codec_name"] == NAMES[video.fourcc], f"{what}: video is {found['video']['codec_name']}")
    check((found["video"]["width"], found["video"]["height"]) == (320, 180), f"{what}: the picture's size")
    check(int(found["video"]["nb_read_frames"]) == len(video.samples), f"{what}: {found['video']['nb_read_frames']} pictures decode")
    check(found["audio"]["codec_name"] == NAMES[audio.fourcc], f"{what}: audio is {found['audio']['codec_name']}")
    check((found["audio"]["sample_rate"], found["audio"]["channels"]) == ("48000", 2), f"{what}: the sound's form")


def with_modifiers(track, sample):
    return flv.plain(track, sample, nanoseconds=250_000, unknown_modifier=b"who knows")


def never_x(track, sample):
    return flv.plain(track, sample, prefer_x=False)


def legacy_start(track):
    return flv.legacy(track, None)


# name: video, its form, audio, its form, what a legacy player gets
CODECS = {
    "hevc-opus": ("hevc", {}, "opus", {}, set()),
    "av1-flac": ("av1", {}, "flac", {}, set()),
    "vp9-ac3": ("vp9", {}, "ac3", {}, set()),
    "legacy-hevc-eac3": ("hevc", {"start": legacy_start, "frame": flv.legacy}, "eac3", {}, set()),
    "enhanced-h264-legacy-mp3": ("h264", {"frame": never_x}, "mp3", {"frame": flv.legacy}, {"video", "audio"}),
    "modifiers-enhanced-aac": ("hevc", {"frame": with_modifiers}, "aac", {"frame": with_modifiers}, {"audio"}),
    "av1-enhanced-mp3": ("av1", {}, "mp3", {}, {"audio"}),
}


def every_codec(stack, clips):
    for name, (video, video_form, audio, audio_form, for_legacy) in CODECS.items():
        print(name, flush=True)
        path = stack.home / f"{name}.flv"
        flv.FlvWriter().add_track(clips[video], **video_form).add_track(clips[audio], **audio_form).save(path)
        able, legacy = Player(stack, f"{name}-all", ALL), Player(stack, f"{name}-legacy", LEGACY)
        viewer = Viewer(stack, stack.info["hls_url"])
        recordings = len(stack.recordings())
        able.wait_accepted()
        legacy.wait_accepted()
        publisher = Publisher(stack, path)
        viewer.start()
        check(publisher.succeeded(), f"{name}: the publisher ended well: {publisher.statuses()}")
        recording = stack.wait_recordings(recordings + 1)[-1]
        delivered = viewer.finish(stack.home / f"{name}-hls.mp4", SECONDS)
        check(able.process.wait(timeout=60) == 0, f"{name}: the player ended well")
        for what, got in ((f"{name}: recording", recording), (f"{name}: HLS", delivered)):
            recognised(what, got, clips[video], clips[audio])
            same(what, hashes(got, "v"), hashes(clips.path(video), "v"))
            same(what, hashes(got, "a"), hashes(clips.path(audio), "a"))
        same(f"{name}: player", able.hashes("video"), hashes(clips.path(video), "v"))
        same(f"{name}: player", able.hashes("audio"), hashes(clips.path(audio), "a"))
        legacy.process.wait(timeout=60)
        for kind, codec in (("video", video), ("audio", audio)):
            expected = hashes(clips.path(codec), kind[0]) if kind in for_legacy else []
            same(f"{name}: legacy player's {kind}", legacy.hashes(kind), expected)
        if 0 < len(for_legacy) < 2:
            check("NetStream.Play.TrackRefused" in legacy.statuses(), f"{name}: the legacy player is told of the rest: {legacy.statuses()}")
        if not for_legacy:
            check("NetStream.Play.NoSupportedTrackFound" in legacy.statuses(), f"{name}: the legacy player is told: {legacy.statuses()}")


def many_tracks(stack, clips):
    """Two pictures, three sounds: one of a message of its own, two always in one message."""
    print("many tracks", flush=True)
    hevc, h264, opus, ac3, aac = (clips[codec] for codec in ("hevc", "h264", "opus", "ac3", "aac"))
    writer = flv.FlvWriter().add_track(hevc).add_track(aac)
    writer.add(flv.VIDEO, 0, flv.sequence_start(h264, 4))
    for sample in h264.samples:
        writer.add(flv.VIDEO, sample.time, flv.one_track(h264, 4, sample))
    writer.add(flv.AUDIO, 0, flv.sequence_start(opus, 1))
    for pair in zip(opus.samples, ac3.samples):
        writer.add(flv.AUDIO, pair[0].time, flv.many_tracks([(opus, 1, pair[0]), (ac3, 2, pair[1])], codecs=True))
    path = writer.save(stack.home / "many.flv")
    sent = {"video": hashes(clips.path("hevc"), "v"), "video:4": hashes(clips.path("h264"), "v"), "audio": hashes(clips.path("aac"), "a")}
    in_pairs = min(len(opus.samples), len(ac3.samples))
    sent["audio:1"] = hashes(clips.path("opus"), "a")[:in_pairs]
    sent["audio:2"] = hashes(clips.path("ac3"), "a")[:in_pairs]
    players = {"all": (ALL, set(sent)), "single": (WITHOUT_MULTITRACK, {"video", "audio"}), "legacy": (LEGACY, {"audio"}),
               "some": (["--enhanced", "hvc1,Opus"], {"video", "audio", "audio:1"})}
    running = {name: Player(stack, f"many-{name}", options) for name, (options, _) in players.items()}
    recordings = len(stack.recordings())
    for player in running.values():
        player.wait_accepted()
    check(Publisher(stack, path).succeeded(), "the publisher of many tracks ended well")
    for name, (_, gets) in players.items():
        check(running[name].process.wait(timeout=60) == 0, f"many tracks: player {name} ended well")
        for track, frames in sent.items():
            same(f"many tracks: player {name}: {track}", running[name].hashes(track), frames if track in gets else [])
    found = [stream["codec_name"] for stream in streams(stack.wait_recordings(recordings + 1)[-1])]
    check(sorted(found) == ["aac", "ac3", "h264", "hevc", "opus"], f"many tracks: the recording has {found}")


def not_taken(stack, clips):
    """A track nobody knows beside a good one, then nothing but that."""
    print("unknown codecs", flush=True)
    strange = flv.Track(flv.VIDEO, b"vp08", b"\1\2\3", clips["vp9"].samples)
    path = flv.FlvWriter().add_track(strange).add_track(clips["aac"]).save(stack.home / "strange.flv")
    player = Player(stack, "strange", LEGACY)
    player.wait_accepted()
    publisher = Publisher(stack, path)
    check(publisher.succeeded(), "the publisher of a strange track ended well")
    check("NetStream.Publish.TrackRefused" in publisher.statuses(), f"the publisher is told of its track: {publisher.statuses()}")
    player.process.wait(timeout=60)
    same("sound beside a strange track", player.hashes("audio"), hashes(clips.path("aac"), "a"))
    path = flv.FlvWriter().add_track(strange).save(stack.home / "strange-only.flv")
    publisher = Publisher(stack, path, speed=1)
    check(publisher.process.wait(timeout=60) != 0, "a publisher of nothing else is closed")
    check("NetStream.Publish.Failed" in publisher.statuses(), f"and told why: {publisher.statuses()}")


def changing_codec(stack, clips):
    """H.264, then HEVC in the same publication, with metadata for HDR: viewers go on, players get what they can take."""
    print("a change of codec", flush=True)
    hdr = flv.color_info(16)
    writer = flv.FlvWriter().add_track(clips["h264"], start=legacy_start, frame=flv.legacy)
    writer.add(flv.VIDEO, SECONDS, flv.metadata_frame(clips["hevc"], hdr))
    writer.add(flv.VIDEO, SECONDS, flv.sequence_start(clips["hevc"]))
    for sample in clips["hevc"].samples:
        writer.add(flv.VIDEO, SECONDS + sample.time, flv.plain(clips["hevc"], sample))
    path = writer.save(stack.home / "change.flv")
    able, legacy = Player(stack, "change-all", ALL), Player(stack, "change-legacy", LEGACY)
    able.wait_accepted()
    legacy.wait_accepted()
    publisher = Publisher(stack, path, "--stay-open", "4")
    def inits():
        playlist = stack.playlist()
        return playlist and len({init for *_, init in playlist.segments[-12:]}) >= 2 and len(able.hashes("video")) > 160
    wait_for(inits, "a second configuration in the playlist")
    late = Player(stack, "change-late", ALL)
    check(publisher.succeeded(), "the changing publisher ended well")
    h264, hevc = hashes(clips.path("h264"), "v"), hashes(clips.path("hevc"), "v")
    for player in (able, legacy, late):
        player.process.wait(timeout=60)
    same("a change of codec: player", able.hashes("video"), h264 + hevc)
    same("a change of codec: legacy player", legacy.hashes("video"), h264)
    kinds = [line[3] for line in late.lines() if line[0] == "video"]
    check(kinds[:3] == ["m", "c", "k"], f"a late player begins with metadata and configuration: {kinds[:4]}")


def reconnect(stack, clips):
    """On SIGTERM clients that know how are asked to come back, and leave by themselves."""
    print("reconnect", flush=True)
    path = flv.FlvWriter().add_track(clips["hevc"]).save(stack.home / "reconnect.flv")
    publisher = Publisher(stack, path, "--stay-open", "60", "--obey")
    player = Player(stack, "reconnect", [*ALL, "--obey"])
    wait_for(lambda: player.hashes("video"), "the player's first frame")
    old = stack.kill("ingest", signal.SIGTERM)
    check(publisher.succeeded(), "the publisher left by itself")
    check(publisher.statuses() == ["NetConnection.Connect.ReconnectRequest"], f"the publisher was asked: {publisher.statuses()}")
    player.process.wait(timeout=60)
    check("NetConnection.Connect.ReconnectRequest" in player.statuses(), f"the player was asked: {player.statuses()}")
    stack.wait_ready("ingest", other_than=old)
    publisher = Publisher(stack, path)
    check(publisher.succeeded(), "the publisher is back")


def enhanced():
    with Stack() as stack:
        clips = Clips(stack.home)
        every_codec(stack, clips)
        many_tracks(stack, clips)
        not_taken(stack, clips)
        changing_codec(stack, clips)
        reconnect(stack, clips)


main(enhanced)
