#!/usr/bin/env python3
"""What travels with sound and picture: HDR, captions in the pictures, languages of sounds, timed data. From encoders' own bitstreams and
Enhanced RTMP's metadata into playlists, the MPD, segments and recordings, as ffprobe, hls.js and dash.js in Chromium see them."""
import base64
import json
import os
import pathlib
import re
import struct
import subprocess
import sys

import captions
import enhanced_flv as flv
from stack import PATIENCE, ROOT, Stack, check, fetch, main, make_clip, need, wait_for
from viewer import Viewer, boxes

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))
SECONDS = 8
MASTER = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
HDR10 = f"hdr10=1:hdr10-opt=1:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:master-display={MASTER}:max-cll=1000,400"


def encode(path, *options, rate=25):
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=size=320x180:rate={rate}", "-t", str(SECONDS), *options,
                    "-f", "mp4", str(path)], check=True, timeout=240, stdin=subprocess.DEVNULL)
    return path.read_bytes()


def hevc(path, x265, pixels="yuv420p10le"):
    return flv.read_mp4(encode(path, "-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-pix_fmt", pixels, "-x265-params",
                               f"keyint=50:min-keyint=50:scenecut=0:bframes=0:log-level=error:open-gop=0:{x265}"), b"hvc1")


def without_messages(track):
    """The track without the SEI units of its record: encoders may have them in the key frames alone."""
    record = track.header
    out, at = bytearray(record[:22]), 23
    arrays = []
    for _ in range(record[22]):
        begin, kind = at, record[at] & 0x3F
        count = struct.unpack_from(">H", record, at + 1)[0]
        at += 3
        for _ in range(count):
            at += 2 + struct.unpack_from(">H", record, at)[0]
        if kind != 39:
            arrays.append(record[begin:at])
    track.header = bytes(out) + bytes([len(arrays)]) + b"".join(arrays)
    return track


def publish(stack, path):
    """By real time and to the end."""
    return stack.spawn(str(BIN / "rtmp_publish"), stack.info["publish_url"], str(path), "--enhanced", "*", stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


def probe(path):
    result = subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)], capture_output=True, text=True,
                            timeout=60 * PATIENCE)
    check(result.returncode == 0, f"ffprobe {path}: {result.stderr}")
    return json.loads(result.stdout)["streams"]


def seen(stack, path, expected, in_manifest="", seconds=SECONDS):
    """(multivariant playlist, MPD, what was delivered, the recording) of a publication to its end. The lists are the first with what is
    expected of them: the publication before may still be in them."""
    recordings = len(stack.recordings())
    viewer = Viewer(stack, stack.info["hls_url"])
    publisher = publish(stack, path)
    viewer.start()
    master = wait_for(lambda: listed(stack, stack.info["hls_url"], expected), f"a multivariant playlist with {expected}", 30)
    manifest = wait_for(lambda: listed(stack, mpd_url(stack), in_manifest), f"an MPD with {in_manifest}", 30)
    check(publisher.wait(timeout=60 * PATIENCE) == 0, "the publisher ended well")
    recording = stack.wait_recordings(recordings + 1)[-1]
    delivered = viewer.finish(stack.home / f"{path.stem}-hls.mp4", seconds)
    return master, manifest, delivered, recording


def listed(stack, url, expected):
    status, _, body = fetch(url)
    return status == 200 and expected in body.decode() and body.decode()


def mpd_url(stack):
    return stack.info["hls_url"].rsplit("/", 1)[0] + "/manifest.mpd"


def side_data(stream):
    return {data["side_data_type"]: data for data in stream.get("side_data_list", ())}


def is_hdr10(what, path, light):
    stream = next(s for s in probe(path) if s["codec_type"] == "video")
    # ffprobe says what the pictures' own parameter sets say, where they have a word for it.
    check(b"colrnclx" + struct.pack(">HHH", 9, 16, 9) in path.read_bytes(), f"{what}: no colr box of PQ")
    data = side_data(stream)
    level = data.get("Content light level metadata", {})
    check((level.get("max_content"), level.get("max_average")) == light, f"{what}: light levels: {data}")
    display = data.get("Mastering display metadata", {})
    check((display.get("red_x"), display.get("green_y"), display.get("max_luminance"), display.get("min_luminance")) ==
          ("34000/50000", "34500/50000", "10000000/10000", "1/10000"), f"{what}: mastering display: {data}")


def announcement(video_range, transfer):
    """What the multivariant playlist and the MPD say of it."""
    kind = "EssentialProperty" if video_range == "PQ" else "SupplementalProperty"
    return f"VIDEO-RANGE={video_range}", f'<{kind} schemeIdUri="urn:mpeg:mpegB:cicp:TransferCharacteristics" value="{transfer}"/>'


def number(name, value):
    return flv.amf_string(name) + b"\0" + struct.pack(">d", value)


def amf_object(properties):
    return b"\3" + b"".join(number(n.encode(), v) if isinstance(v, (int, float)) else flv.amf_string(n.encode()) + amf(v)
                            for n, v in properties.items()) + b"\0\0\x09"


def amf(value):
    if isinstance(value, str):
        return b"\2" + flv.amf_string(value.encode())
    return amf_object(value) if isinstance(value, dict) else b"\0" + struct.pack(">d", value)


COLOUR_INFO = {"colorConfig": {"bitDepth": 10, "colorPrimaries": 9, "transferCharacteristics": 16, "matrixCoefficients": 9},
               "hdrCll": {"maxFall": 300, "maxCLL": 900},
               "hdrMdcv": {"redX": 0.68, "redY": 0.32, "greenX": 0.265, "greenY": 0.69, "blueX": 0.15, "blueY": 0.06,
                           "whitePointX": 0.3127, "whitePointY": 0.329, "maxLuminance": 1000, "minLuminance": 0.0001}}


def hdr(stack):
    for name, alter in (("record", lambda track: track), ("key frames", without_messages)):
        print(f"HDR10 of x265, in its {name}", flush=True)
        track = alter(hevc(stack.home / "hdr.mp4", HDR10))
        path = flv.FlvWriter().add_track(track).save(stack.home / "hdr.flv")
        master, _, delivered, recording = seen(stack, path, *announcement("PQ", 16))
        is_hdr10("HLS", delivered, (1000, 400))
        is_hdr10("recording", recording, (1000, 400))
        check(master.count("#EXT-X-STREAM-INF") == 1, master)
    print("HDR10 by Enhanced RTMP's colorInfo", flush=True)
    track = hevc(stack.home / "plain.mp4", "repeat-headers=0")
    writer = flv.FlvWriter()
    writer.add(flv.VIDEO, 0, flv.sequence_start(track))
    writer.add(flv.VIDEO, 0, flv.metadata_frame(track, amf("colorInfo") + amf(COLOUR_INFO)))
    for sample in track.samples:
        writer.add(flv.VIDEO, sample.time, flv.plain(track, sample))
    _, _, delivered, recording = seen(stack, writer.save(stack.home / "info.flv"), *announcement("PQ", 16))
    is_hdr10("HLS", delivered, (900, 300))
    is_hdr10("recording", recording, (900, 300))
    print("HLG in AV1", flush=True)
    data = encode(stack.home / "hlg.mp4", "-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-lag-in-frames", "0", "-g", "50",
                  "-keyint_min", "50", "-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-colorspace",
                  "bt2020nc")
    path = flv.FlvWriter().add_track(flv.read_mp4(data, b"av01")).save(stack.home / "hlg.flv")
    _, _, delivered, _ = seen(stack, path, *announcement("HLG", 18))
    stream = next(s for s in probe(delivered) if s["codec_type"] == "video")
    check(stream.get("color_transfer") == "arib-std-b67", f"HLG: {stream}")


def closed_captions(stack):
    """CEA-608 as an encoder puts it into H.264."""
    print("no captions", flush=True)
    master, *_ = seen(stack, make_clip(stack.home / "none.flv", seconds=SECONDS, gop=60), "CLOSED-CAPTIONS=NONE", seconds=SECONDS - 0.2)
    check("TYPE=CLOSED-CAPTIONS" not in master, master)
    print("captions", flush=True)
    track = flv.read_mp4(encode(stack.home / "cc.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "50", "-bf", "0",
                                rate=25), b"avc1")
    captions.put_into(track, "MILLRACE")
    path = flv.FlvWriter().add_track(track, start=lambda t: flv.legacy(t, None), frame=flv.legacy).save(stack.home / "cc.flv")
    announced = 'schemeIdUri="urn:scte:dash:cc:cea-608:2015" value="CC1=und"'
    master, _, delivered, _ = seen(stack, path, 'INSTREAM-ID="CC1"', announced)
    check('TYPE=CLOSED-CAPTIONS,GROUP-ID="captions",NAME="CC1"' in master and 'INSTREAM-ID="CC1"' in master, master)
    check(re.search(r"^#EXT-X-STREAM-INF:.*CLOSED-CAPTIONS=\"captions\"", master, re.M), master)
    frames = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-read_intervals", "%+1", "-show_frames", "-of", "json", str(delivered)],
                            capture_output=True, text=True, timeout=60 * PATIENCE).stdout
    check("ATSC A53 Part 4 Closed Captions" in frames, f"ffprobe finds captions in what is delivered: {frames[:500]}")


def languages(stack):
    """Two sounds that the encoder's metadata names."""
    print("languages", flush=True)
    picture = flv.encode("h264", stack.home / "l.mp4", SECONDS, gop=50)
    first, second = (flv.encode("aac", stack.home / f"l{n}.mp4", SECONDS, source=n) for n in range(2))
    writer = flv.FlvWriter()
    tracks = {"0": {"language": "en", "title": "Stadium"}, "1": {"language": "de-AT", "title": 'Kommentar "live" <1>'}}
    writer.add(flv.DATA, 0, amf("onMetaData") + amf({"audioTrackIdInfoMap": tracks}))
    writer.add_track(picture, start=lambda t: flv.legacy(t, None), frame=flv.legacy)
    writer.add_track(first, start=lambda t: flv.legacy(t, None), frame=flv.legacy)
    writer.add(flv.AUDIO, 0, flv.sequence_start(second, 1))
    for sample in second.samples:
        writer.add(flv.AUDIO, sample.time, flv.one_track(second, 1, sample))
    master, manifest, delivered, recording = seen(stack, writer.save(stack.home / "languages.flv"), 'LANGUAGE="de-AT"', ' lang="de-AT"', SECONDS - 0.2)
    for part in ('LANGUAGE="en",NAME="Stadium",DEFAULT=YES', 'LANGUAGE="de-AT",NAME="Kommentar live <1>",DEFAULT=NO'):
        check(part in master, f"{part}: {master}")
    for part in (' lang="en"', ' lang="de-AT"', "<Label>Kommentar &quot;live&quot; &lt;1&gt;</Label>"):
        check(part in manifest, f"{part}: {manifest}")
    for what, path in (("HLS", delivered), ("recording", recording)):
        found = sorted((s["tags"].get("language"), s["tags"].get("handler_name")) for s in probe(path) if s["codec_type"] == "audio")
        check(found == [("deu", 'Kommentar "live" <1>'), ("eng", "Stadium")], f"{what}: {found}")


def crc32(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def splice_insert(event, out, seconds=0):
    """A splice_info_section of SCTE 35, immediate."""
    flags = 0x5F | (0x80 if out else 0) | (0x20 if seconds else 0) if seconds else (0xDF if out else 0x5F)
    command = struct.pack(">IBB", event, 0x7F, flags)
    command += struct.pack(">BI", 0xFE, seconds * 90000) if seconds else b""
    command += struct.pack(">HBB", 1, 0, 0)
    body = b"\0\0\0\0\0\0\0" + struct.pack(">I", 0xFFF << 20 | len(command) << 8 | 5)[0:4] + command + b"\0\0"
    section = b"\xfc" + struct.pack(">H", 0x3000 | len(body) + 4) + body
    return base64.b64encode(section + struct.pack(">I", crc32(section))).decode()


class Browser:
    """browser/data.mjs"""

    def __init__(self, stack, *arguments):
        self.process = stack.spawn("node", str(ROOT / "tests/e2e/browser/data.mjs"), *map(str, arguments), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)

    def seen(self):
        said, _ = self.process.communicate(timeout=180 * PATIENCE)
        check(self.process.returncode == 0, f"the browser: {said.decode()}")
        print(said.decode().strip()[:1500], flush=True)
        return json.loads(said.decode().splitlines()[-1])


TIMED_SECONDS = 40


def timed_flv(stack):
    """A text every second, a break of twelve seconds, and cues that are none."""
    picture = flv.encode("h264", stack.home / "t.mp4", TIMED_SECONDS, gop=50)
    sound = flv.encode("aac", stack.home / "ta.mp4", TIMED_SECONDS)
    captions.put_into(picture, "MILLRACE")
    writer = flv.FlvWriter()
    writer.add_track(picture, start=lambda t: flv.legacy(t, None), frame=flv.legacy)
    writer.add_track(sound, start=lambda t: flv.legacy(t, None), frame=flv.legacy)
    for second in range(1, TIMED_SECONDS):
        writer.add(flv.DATA, second, amf("onTextData") + amf({"text": f"second {second}"}))
    writer.add(flv.DATA, 2.5, amf("onSCTE35") + amf("no splice"))
    writer.add(flv.DATA, 16.2, amf("onCuePoint") + amf({"name": "scte35", "type": "event", "parameters": {"cue": splice_insert(77, True, 60)}}))
    writer.add(flv.DATA, 28.2, amf("onSCTE35") + amf(splice_insert(77, False)))
    return writer.save(stack.home / "timed.flv")


def date_ranges(stack, rendition):
    status, _, body = fetch(stack.info["hls_url"].rsplit("/", 1)[0] + f"/{rendition}/index.m3u8")
    return [line for line in body.decode().splitlines() if line.startswith("#EXT-X-DATERANGE")] if status == 200 else []


def timed(stack):
    print("timed data", flush=True)
    path = timed_flv(stack)
    player = stack.spawn(str(BIN / "rtmp_play"), f"{stack.info['publish_url'].rsplit('/', 1)[0]}/{stack.stream_id}", "--seconds", "90",
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    publisher = publish(stack, path)
    wait_for(lambda: listed(stack, mpd_url(stack), "InbandEventStream"), "an MPD that declares events", 30)
    hls = Browser(stack, "hls", stack.info["watch_url"], stack.info["hls_url"], 20)
    dash = Browser(stack, "dash", mpd_url(stack), 20)
    out = wait_for(lambda: [r for r in date_ranges(stack, "v0") if "SCTE35-OUT=0xFC" in r], "the break in the list", 40)
    check(len(out) == 1 and "PLANNED-DURATION=60.000" in out[0] and 'CLASS="urn:scte:scte35:2013:bin"' in out[0], f"{out}")
    both = wait_for(lambda: (r := date_ranges(stack, "v0")) and len(r) == 2 and r, "its end in the list", 40)
    ids = {re.search(r'ID="([^"]+)"', line).group(1) for line in both}
    check(both[0] == out[0] and len(ids) == 1 and "SCTE35-IN=0xFC" in both[1] and "END-DATE=" in both[1], f"{both}")
    check(date_ranges(stack, "a0") == both, "the same set in all lists")
    length = float(re.search(r",DURATION=([0-9.]+)", both[1]).group(1))
    check(11.9 < length < 12.1, f"the break lasted twelve seconds: {both[1]}")
    parts_are_segments(stack)
    told(hls.seen(), dash.seen(), ids)
    check(publisher.wait(timeout=90 * PATIENCE) == 0, "the publisher ended well")
    player.terminate()
    refused = re.search(r"timed_events_refused_total (\d+)", metrics(stack))
    check(refused and int(refused.group(1)) == 1, f"the cue that is none is counted: {refused}")


def metrics(stack):
    port = next(s["ops_port"] for s in stack.status()["services"] if s["name"] == "packaging")
    return fetch(f"http://127.0.0.1:{port}/metrics")[2].decode()


def parts_are_segments(stack):
    """Events stand in front of their fragments, and are in the picture's files alone."""
    for rendition, wanted in (("v0", True), ("a0", False)):
        playlist = stack.playlist(None, rendition)
        _, url, *_ = playlist.segments[-1]
        kinds = [kind for kind, _ in boxes(fetch(url)[2])]
        check(kinds[0] == b"styp" and (b"emsg" in kinds) == wanted, f"{rendition}: {kinds}")
        check(kinds.count(b"prft") == kinds.count(b"moof") >= 1, f"{rendition}: each chunk says when it came: {kinds}")
        for kind, following in zip(kinds, kinds[1:]):
            check(kind not in (b"prft", b"emsg") or following in (b"emsg", b"moof"), f"{rendition}: {kinds}")


def told(hls, dash, ids):
    for name, seen in (("hls.js", hls), ("dash.js", dash)):
        check(not seen["errors"], f"{name}: {seen['errors']}")
        texts = [int(re.search(r'onTextData {"text":"second (\d+)"}', text).group(1)) for text in seen["texts"]]
        check(len(texts) >= 8 and len(set(texts)) == len(texts), f"{name} tells of every text once: {texts}")
        check(sorted(texts) == list(range(min(texts), max(texts) + 1)), f"{name} misses none: {texts}")
    check(set(hls["ranges"]) == ids, f"hls.js: date ranges {hls['ranges']}")
    check("SCTE35-OUT" in next(iter(hls["ranges"].values())), f"hls.js: {hls['ranges']}")
    check(any("MILLRACE" in text for text in hls["captions"]), f"hls.js shows the captions: {hls['captions']}")
    check(dash["splices"] >= 1, f"dash.js tells of splices: {dash}")


PARTS = {"hdr": hdr, "captions": closed_captions, "languages": languages, "timed": timed}


def data():
    """All of it, or what the arguments name."""
    need("chromium", "node", "playwright-core", "dashjs")
    for name in sys.argv[1:] or PARTS:
        with Stack() as stack:
            PARTS[name](stack)


main(data)
