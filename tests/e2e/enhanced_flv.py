"""Enhanced RTMP messages of our own, as FLV files that rtmp_publish sends: ffmpeg of our distribution encodes HEVC, AV1,
VP9, Opus, FLAC, AC-3, E-AC-3 and MP3 into MP4, and knows nothing of Enhanced RTMP. Here is the little MP4 reader and the
muxer in between (Veovera E-RTMP v2, "Enhanced Audio", "Enhanced Video")."""

import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

AUDIO, VIDEO, DATA = 8, 9, 18

# name: (kind, ffmpeg's options, FourCC)
ENCODERS = {
    "h264": (VIDEO, ["-c:v", "libx264", "-preset", "ultrafast", "-g", "{gop}", "-bf", "2"], b"avc1"),
    "hevc": (VIDEO, ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params",
                     "keyint={gop}:min-keyint={gop}:scenecut=0:bframes=2:log-level=error:open-gop=0"], b"hvc1"),
    "av1": (VIDEO, ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-lag-in-frames", "0",
                    "-g", "{gop}", "-keyint_min", "{gop}"], b"av01"),
    "vp9": (VIDEO, ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0",
                    "-g", "{gop}", "-keyint_min", "{gop}"], b"vp09"),
    "aac": (AUDIO, ["-c:a", "aac"], b"mp4a"),
    "opus": (AUDIO, ["-c:a", "libopus"], b"Opus"),
    "flac": (AUDIO, ["-c:a", "flac", "-strict", "-2"], b"fLaC"),
    "ac3": (AUDIO, ["-c:a", "ac3"], b"ac-3"),
    "eac3": (AUDIO, ["-c:a", "eac3"], b"ec-3"),
    "mp3": (AUDIO, ["-c:a", "libmp3lame"], b".mp3"),
}
WITHOUT_HEADER = (b"ac-3", b"ec-3", b".mp3")
WITH_COMPOSITION = (b"avc1", b"hvc1")


@dataclass
class Sample:
    time: float  # seconds, decode
    composition_ms: int
    key: bool
    payload: bytes


@dataclass
class Track:
    kind: int
    fourcc: bytes
    header: bytes  # as SequenceStart carries it; empty where there is none
    samples: list = field(default_factory=list)


def encode(codec, path, seconds=6, size="320x180", rate=25, gop=25, source=0, sample_rate=48000):
    """One track of a test picture or tone; returns its Track."""
    kind, options, fourcc = ENCODERS[codec]
    if kind == VIDEO:
        lavfi = f"testsrc2=size={size}:rate={rate}"
        extra = ["-pix_fmt", "yuv420p"]
    else:
        lavfi = f"sine=frequency={440 + 220 * source}:sample_rate={sample_rate}"
        extra = ["-ac", "2"]
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", lavfi, "-t", str(seconds), *extra,
               *[option.format(gop=gop) for option in options], "-f", "mp4", str(path)]
    subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    return read_mp4(Path(path).read_bytes(), fourcc)


# --- MP4 ---

def boxes(data, begin=0, end=None):
    end = len(data) if end is None else end
    while begin + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, begin)
        header = 8
        if size == 1:
            size, header = struct.unpack_from(">Q", data, begin + 8)[0], 16
        if size == 0:
            size = end - begin
        yield name, begin + header, begin + size
        begin += size


def find(data, path, begin=0, end=None):
    for name in path:
        begin, end = next((b, e) for n, b, e in boxes(data, begin, end) if n == name)
    return begin, end


def table(data, stbl, name, form):
    found = [(b, e) for n, b, e in boxes(data, *stbl) if n == name]
    if not found:
        return []
    begin = found[0][0]
    count = struct.unpack_from(">I", data, begin + 4)[0]
    step = struct.calcsize(form)
    return [struct.unpack_from(form, data, begin + 8 + i * step) for i in range(count)]


def descriptor(data, begin, end, wanted):
    """The body of an MPEG-4 descriptor within another's."""
    skipped = {3: 3, 4: 13}
    while begin < end:
        tag, size, begin = data[begin], 0, begin + 1
        while True:
            size = size << 7 | data[begin] & 0x7F
            begin += 1
            if not data[begin - 1] & 0x80:
                break
        if tag == wanted:
            return data[begin:begin + size]
        begin += skipped.get(tag, size)
    return b""


def opus_head(dops):
    channels, skip, rate, gain, family = struct.unpack_from(">BHIhB", dops, 1)
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, skip, rate, gain, family) + dops[11:]


def sequence_header(data, fourcc, begin, end):
    """begin, end: of the sample entry's body."""
    inner = begin + (78 if fourcc in (b"avc1", b"hvc1", b"av01", b"vp09") else 28)
    for name, b, e in boxes(data, inner, end):
        body = data[b:e]
        if name in (b"avcC", b"hvcC", b"av1C"):
            return body
        if name == b"vpcC":
            return body[4:]
        if name == b"dOps":
            return opus_head(body)
        if name == b"dfLa":
            return b"fLaC" + body[4:]
        if name == b"esds" and fourcc == b"mp4a":
            return descriptor(data, b + 4, e, 5)
    return b""


def read_mp4(data, fourcc):
    trak = find(data, [b"moov", b"trak"])
    mdhd, _ = find(data, [b"mdia", b"mdhd"], *trak)
    timescale = struct.unpack_from(">I", data, mdhd + 4 + (16 if data[mdhd] else 8))[0]
    stbl = find(data, [b"mdia", b"minf", b"stbl"], *trak)
    stsd, _ = find(data, [b"stsd"], *stbl)
    _, entry, entry_end = next(boxes(data, stsd + 8))
    video = fourcc in (b"avc1", b"hvc1", b"av01", b"vp09")
    header = b"" if fourcc in WITHOUT_HEADER else sequence_header(data, fourcc, entry, entry_end)
    stsz, _ = find(data, [b"stsz"], *stbl)
    fixed, count = struct.unpack_from(">II", data, stsz + 4)
    sizes = [fixed] * count if fixed else [s for s, in
                                           (struct.unpack_from(">I", data, stsz + 12 + 4 * i) for i in range(count))]
    durations = [d for n, d in table(data, stbl, b"stts", ">II") for _ in range(n)]
    offsets = [o for n, o in table(data, stbl, b"ctts", ">Ii") for _ in range(n)] or [0] * count
    keys = {n for n, in table(data, stbl, b"stss", ">I")} or set(range(1, count + 1))
    chunks = [c for c, in table(data, stbl, b"stco", ">I") or table(data, stbl, b"co64", ">Q")]
    runs = table(data, stbl, b"stsc", ">III")
    track = Track(VIDEO if video else AUDIO, fourcc, header)
    number, time = 0, 0
    for index, position in enumerate(chunks, 1):
        in_chunk = [n for first, n, _ in runs if first <= index][-1]
        for _ in range(in_chunk):
            payload = data[position:position + sizes[number]]
            track.samples.append(Sample(time / timescale, round(offsets[number] * 1000 / timescale),
                                        video and number + 1 in keys, payload))
            position += sizes[number]
            time += durations[number]
            number += 1
    return track


# --- messages ---

def u24(value):
    return struct.pack(">I", value & 0xFFFFFF)[1:]


def modifiers(kind, nanoseconds, unknown):
    """ModEx headers without the first byte's type, and the packet type that the last of them names comes behind."""
    out = []
    if unknown:
        out.append((bytes([len(unknown) - 1]) + unknown, 5))  # a type that nobody knows
    if nanoseconds is not None:
        out.append((bytes([2]) + u24(nanoseconds), 0))
    return out


def first_bytes(kind, frame_type, packet_type, mods):
    """The first byte, and ModEx headers."""
    def lead(packet):
        return bytes([0x80 | frame_type << 4 | packet if kind == VIDEO else 0x90 | packet])
    if not mods:
        return lead(packet_type)
    out = lead(7)
    for index, (body, modifier) in enumerate(mods):
        following = 7 if index + 1 < len(mods) else packet_type
        out += body + bytes([modifier << 4 | following])
    return out


def content(track, sample, packet_type):
    if packet_type == 1 and track.fourcc in WITH_COMPOSITION:
        return u24(sample.composition_ms) + sample.payload
    return sample.payload


def plain(track, sample, nanoseconds=None, unknown_modifier=b"", prefer_x=True):
    packet = 3 if prefer_x and track.fourcc in WITH_COMPOSITION and sample.composition_ms == 0 else 1
    head = first_bytes(track.kind, 1 if sample.key else 2, packet, modifiers(track.kind, nanoseconds, unknown_modifier))
    return head + track.fourcc + content(track, sample, packet)


def multitrack_packet(kind):
    return 6 if kind == VIDEO else 5


def one_track(track, track_id, sample, packet=1, payload=None):
    body = content(track, sample, packet) if payload is None else payload
    key = sample.key if sample else True
    head = first_bytes(track.kind, 1 if key else 2, multitrack_packet(track.kind), [])
    return head + bytes([packet]) + track.fourcc + bytes([track_id]) + body


def many_tracks(parts, codecs=False):
    """parts: (track, id, sample). One message; codecs: each with a FourCC of its own."""
    first = parts[0][0]
    key = parts[0][2].key
    out = first_bytes(first.kind, 1 if key else 2, multitrack_packet(first.kind), [])
    out += bytes([(2 if codecs else 1) << 4 | 1])
    if not codecs:
        out += first.fourcc
    for track, track_id, sample in parts:
        body = content(track, sample, 1)
        out += (track.fourcc if codecs else b"") + bytes([track_id]) + u24(len(body)) + body
    return out


def sequence_start(track, track_id=None):
    if track_id is not None:
        return one_track(track, track_id, None, 0, track.header)
    return first_bytes(track.kind, 1, 0, []) + track.fourcc + track.header


def sequence_end(track):
    return first_bytes(track.kind, 2, 2, []) + track.fourcc


def legacy(track, sample):
    """H.264, legacy HEVC (codec id 12), AAC and MP3 as before Enhanced RTMP."""
    if track.kind == VIDEO:
        codec = 7 if track.fourcc == b"avc1" else 12
        if sample is None:
            return bytes([0x10 | codec, 0, 0, 0, 0]) + track.header
        return bytes([(0x10 if sample.key else 0x20) | codec, 1]) + u24(sample.composition_ms) + sample.payload
    if track.fourcc == b".mp3":
        return b"\x2f" + sample.payload
    return (b"\xaf\x00" + track.header) if sample is None else b"\xaf\x01" + sample.payload


def amf_string(text):
    return struct.pack(">H", len(text)) + text


def color_info(transfer):
    """A metadata frame's payload: "colorInfo" and its object."""
    def number(name, value):
        return amf_string(name) + b"\0" + struct.pack(">d", value)
    config = b"\3" + number(b"bitDepth", 10) + number(b"colorPrimaries", 9) + number(
        b"transferCharacteristics", transfer) + number(b"matrixCoefficients", 9) + b"\0\0\x09"
    return b"\2" + amf_string(b"colorInfo") + b"\3" + amf_string(b"colorConfig") + config + b"\0\0\x09"


def metadata_frame(track, payload):
    return first_bytes(VIDEO, 1, 4, []) + track.fourcc + payload


# --- FLV ---

class FlvWriter:
    """Messages with their times; save() puts them in order, those of one time as they were added."""

    def __init__(self):
        self.messages = []

    def add(self, kind, seconds, body):
        self.messages.append((int(seconds * 1000), kind, body))

    def add_track(self, track, start=None, frame=plain):
        """A whole track: its header, unless it has none, and its samples."""
        if track.header:
            self.add(track.kind, 0, (start or sequence_start)(track))
        for sample in track.samples:
            self.add(track.kind, sample.time, frame(track, sample))
        return self

    def save(self, path):
        out = bytearray(b"FLV\x01\x05\0\0\0\x09\0\0\0\0")
        for time, kind, body in sorted(self.messages, key=lambda message: message[0]):
            tag = struct.pack(">B", kind) + u24(len(body)) + u24(time) + bytes([time >> 24 & 0xFF]) + b"\0\0\0" + body
            out += tag + struct.pack(">I", len(tag))
        Path(path).write_bytes(out)
        return path
