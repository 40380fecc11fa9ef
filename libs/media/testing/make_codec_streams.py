#!/usr/bin/env python3
"""Makes the streams of codec_streams/: what FFmpeg's encoders write, a second or so each, as a media log holds it.

usage: make_codec_streams.py DIRECTORY    (needs ffmpeg with libx265, libsvtav1, libvpx-vp9, libopus, libmp3lame)

A file: six 32-bit numbers (timescale, width, height, sample rate, channels, size of the configuration), the
configuration; then for each sample composition offset, duration, 1 for a key frame (2: a recovery point), size, and its bytes. Big endian.
"""
import os
import struct
import subprocess
import sys
import tempfile

VIDEO = ["-f", "lavfi", "-i", "testsrc=size=160x90:rate=25:duration=0.8"]
AUDIO = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=0.8"]
X265 = "log-level=none:info=0:keyint=10:min-keyint=10:scenecut=0:bframes=2:open-gop=0"
PQ = ":colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
STREAMS = {
    "h264": VIDEO + ["-c:v", "libx264", "-g", "10", "-crf", "40", "-bf", "2", "-pix_fmt", "yuv420p"],
    "hevc": VIDEO + ["-c:v", "libx265", "-crf", "40", "-pix_fmt", "yuv420p", "-x265-params", X265, "-tag:v", "hvc1"],
    "hevc_open": VIDEO + ["-c:v", "libx265", "-crf", "40", "-pix_fmt", "yuv420p",
                          "-x265-params", X265.replace("open-gop=0", "open-gop=1"), "-tag:v", "hvc1"],
    "hevc_pq": VIDEO + ["-c:v", "libx265", "-crf", "40", "-pix_fmt", "yuv420p10le", "-x265-params", X265 + PQ,
                        "-tag:v", "hvc1"],
    "av1": VIDEO + ["-c:v", "libsvtav1", "-preset", "12", "-g", "10", "-crf", "60", "-pix_fmt", "yuv420p"],
    "vp9": VIDEO + ["-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p", "-g", "10", "-crf", "60", "-b:v", "0", "-cpu-used", "8"],
    "aac": AUDIO + ["-c:a", "aac", "-ac", "2", "-b:a", "32k"],
    "opus": AUDIO + ["-c:a", "libopus", "-ac", "2", "-b:a", "24k"],
    "flac": AUDIO + ["-c:a", "flac", "-ac", "1", "-strict", "-2", "-frame_size", "1152"],
    "ac3": AUDIO + ["-c:a", "ac3", "-ac", "1", "-b:a", "48k"],
    "eac3": AUDIO + ["-c:a", "eac3", "-ac", "2", "-b:a", "64k"],
    "mp3": AUDIO + ["-c:a", "libmp3lame", "-ac", "1", "-b:a", "32k"],
}


def boxes(data, start, end):
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", data[start:start + 8])
        yield kind.decode("latin1"), start + 8, start + size
        start += size


def find(data, path, start=0, end=None):
    for kind, first, last in boxes(data, start, len(data) if end is None else end):
        if kind == path[0]:
            return (first, last) if len(path) == 1 else find(data, path[1:], first, last)
    return None


def table(data, stbl, name, fields):
    found = find(data, [name], *stbl)
    if not found:
        return None
    count = struct.unpack(">I", data[found[0] + 4:found[0] + 8])[0]
    size = struct.calcsize(">" + fields)
    rows = (struct.unpack_from(">" + fields, data, found[0] + 8 + size * i) for i in range(count))
    return [row[0] if len(row) == 1 else row for row in rows]


def runs(rows):
    return [value for count, value in rows for _ in range(count)]


def sample_bytes(data, stbl):
    first = find(data, ["stsz"], *stbl)[0]
    common, count = struct.unpack(">II", data[first + 4:first + 12])
    sizes = [common] * count if common else struct.unpack(f">{count}I", data[first + 12:first + 12 + 4 * count])
    chunks = table(data, stbl, "stco", "I")
    per_chunk = table(data, stbl, "stsc", "III")
    result = []
    for number, offset in enumerate(chunks, 1):
        for _ in range([row for row in per_chunk if row[0] <= number][-1][1]):
            result.append(data[offset:offset + sizes[len(result)]])
            offset += sizes[len(result) - 1]
    return result


def descriptor(data, wanted):
    """The payload of the first MPEG-4 descriptor with this tag, searched for in depth."""
    at = 0
    while at < len(data):
        tag, size, at = data[at], 0, at + 1
        while True:
            size, at = size << 7 | data[at] & 0x7F, at + 1
            if not data[at - 1] & 0x80:
                break
        if tag == wanted:
            return data[at:at + size]
        inner = {3: 3, 4: 13}.get(tag)
        if inner is not None:
            found = descriptor(data[at + inner:at + size], wanted)
            if found is not None:
                return found
        at += size
    return None


def configuration(entry, parts, samples):
    if entry == "vp09":
        return parts["vpcC"][4:]  # FFmpeg sends it without the full box's version and flags
    if entry == "Opus":
        channels, skip, rate, gain, family = struct.unpack(">xBHIhB", parts["dOps"][:11])
        return b"OpusHead\x01" + struct.pack("<BHIhB", channels, skip, rate, gain, family) + parts["dOps"][11:]
    if entry == "fLaC":
        return b"fLaC" + parts["dfLa"][4:]
    if entry == "mp4a":
        specific = descriptor(parts["esds"][4:], 5)
        return specific if specific is not None else samples[0][:4]
    return parts[{"avc1": "avcC", "hvc1": "hvcC", "av01": "av1C", "ac-3": "dac3", "ec-3": "dec3"}[entry]]


def is_cra(sample):
    at = 0
    while at < len(sample):
        if sample[at + 4] >> 1 & 0x3F == 21:
            return True
        at += 4 + struct.unpack_from(">I", sample, at)[0]
    return False


def pack(data, channels):
    stbl = find(data, ["moov", "trak", "mdia", "minf", "stbl"])
    timescale = struct.unpack_from(">I", data, find(data, ["moov", "trak", "mdia", "mdhd"])[0] + 12)[0]
    description = find(data, ["stsd"], *stbl)
    entry, first, last = next(boxes(data, description[0] + 8, description[1]))
    video = entry in ("avc1", "hvc1", "av01", "vp09")
    parts = {kind: data[a:b] for kind, a, b in boxes(data, first + (78 if video else 28), last)}
    width, height = struct.unpack_from(">HH", data, first + 24) if video else (0, 0)
    samples = sample_bytes(data, stbl)
    durations = runs(table(data, stbl, "stts", "II"))
    offsets = table(data, stbl, "ctts", "Ii")
    offsets = runs(offsets) if offsets else [0] * len(samples)
    keys = table(data, stbl, "stss", "I")
    config = configuration(entry, parts, samples)
    rate = 0 if video else struct.unpack_from(">I", data, first + 24)[0] >> 16
    out = struct.pack(">6I", timescale, width, height, rate, channels, len(config)) + config
    for number, sample in enumerate(samples, 1):
        key = 1 if keys is None or number in keys else 0
        key += key == 1 and entry == "hvc1" and is_cra(sample)
        out += struct.pack(">iIBI", offsets[number - 1], durations[number - 1], key, len(sample)) + sample
    return out


def main():
    with tempfile.TemporaryDirectory() as scratch:
        for name, options in STREAMS.items():
            made = os.path.join(scratch, name + ".mp4")
            subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *options, "-fflags", "+bitexact",
                            "-map_metadata", "-1", made], check=True, stdin=subprocess.DEVNULL)
            with open(made, "rb") as file:
                packed = pack(file.read(), int(options[options.index("-ac") + 1]) if "-ac" in options else 0)
            with open(os.path.join(sys.argv[1], name + ".stream"), "wb") as file:
                file.write(packed)
            print(f"{name}: {len(packed)} bytes")


if __name__ == "__main__":
    main()
