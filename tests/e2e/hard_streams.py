"""Streams that are hard to deliver, as FLV files for rtmp_publish: key frames where the encoder likes, tracks that are missing or come
late."""
import subprocess

import enhanced_flv as flv

RATE = 25
# Scenes of these seconds in turn: x264 makes a key frame at each change, else every 250 pictures, as OBS has it with "0 = auto".
SCENES = (1.3, 3.7, 0.9, 5.2, 2.1, 8.7, 0.6, 4.4)
SOURCES = ("testsrc2", "smptehdbars", "testsrc", "yuvtestsrc")
LATE = 24  # seconds of the stream


def uneven_picture(path, seconds):
    inputs, scenes, at = [], [], 0.0
    while at < seconds:
        number = len(scenes)
        length = SCENES[number % len(SCENES)]
        inputs += ["-f", "lavfi", "-t", str(length), "-i", f"{SOURCES[number % len(SOURCES)]}=size=320x180:rate={RATE}"]
        scenes.append(f"[{number}:v]format=yuv420p,setsar=1[v{number}];")
        at += length
    graph = "".join(scenes) + "".join(f"[v{number}]" for number in range(len(scenes))) + f"concat=n={len(scenes)}[out]"
    subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex", graph, "-map", "[out]", "-t", str(seconds), "-c:v", "libx264", "-preset", "veryfast",
                    "-g", "250", "-f", "mp4", str(path)], check=True, timeout=240, stdin=subprocess.DEVNULL)
    return flv.read_mp4(path.read_bytes(), b"avc1")


def picture(home, seconds):
    return flv.encode("h264", home / "picture.mp4", seconds, rate=RATE, gop=2 * RATE)


def sound(home, seconds, source=0):
    return flv.encode("aac", home / f"sound{source}.mp4", seconds, source=source)


def write(path, *tracks):
    """Of the first picture and sound, as every encoder sends them."""
    writer = flv.FlvWriter()
    for track in tracks:
        writer.add_track(track, start=lambda t: flv.legacy(t, None), frame=flv.legacy)
    return writer.save(path)


def irregular(home, seconds):
    return write(home / "irregular.flv", uneven_picture(home / "uneven.mp4", seconds), sound(home, seconds))


def audio_only(home, seconds):
    return write(home / "audio.flv", sound(home, seconds))


def video_only(home, seconds):
    return write(home / "video.flv", picture(home, seconds))


def late_sound(home, seconds):
    """There is no sound at all until a while later."""
    writer = flv.FlvWriter().add_track(picture(home, seconds), start=lambda t: flv.legacy(t, None), frame=flv.legacy)
    track = sound(home, seconds)
    writer.add(flv.AUDIO, LATE, flv.legacy(track, None))
    for sample in track.samples:
        if sample.time >= LATE:
            writer.add(flv.AUDIO, sample.time, flv.legacy(track, sample))
    return writer.save(home / "late.flv")


def second_sound(home, seconds):
    """A second sound, of Enhanced RTMP, that is added later."""
    writer = flv.FlvWriter()
    for track in (picture(home, seconds), sound(home, seconds)):
        writer.add_track(track, start=lambda t: flv.legacy(t, None), frame=flv.legacy)
    second = sound(home, seconds, source=1)
    writer.add(flv.AUDIO, LATE, flv.sequence_start(second, 1))
    for sample in second.samples:
        if sample.time >= LATE:
            writer.add(flv.AUDIO, sample.time, flv.one_track(second, 1, sample))
    return writer.save(home / "second.flv")
