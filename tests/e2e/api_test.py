#!/usr/bin/env python3
"""The REST API against a running stack: every documented route in both families with its members and types; settings that
hold while live; a new key that cuts the publisher; recordings with their details."""
import fractions
import http.client
import json
import os
import pathlib
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

from stack import Stack, check, fetch, main, make_clip, wait_for
from websocket_client import WebSocket

BIN = pathlib.Path(os.environ["MILLRACE_BIN"])
PUBLIC_ID = re.compile(r"^[a-z0-9]{12}$")
KEY = re.compile(r"^sk_[0-9a-f]{32}$")
NUMBER, TEXT, YES_NO, OBJECT = (int, float), str, bool, dict


def call(stack, path, method="GET", body=None, token=True, expect=200):
    """The document of both families' answers, which have the same status and members."""
    headers = {"Authorization": "Bearer " + stack.info["token"]} if token else {}
    answers = []
    for family in ("/api", ""):
        status, _, text = request(stack, family + path, method, body, headers)
        check(status == expect, f"{method} {family}{path}: {status} {text[:300]}")
        answers.append(json.loads(text))
    if isinstance(answers[0], dict):
        check(set(answers[0]) == set(answers[1]), f"{path}: both families have the same members")
    return answers[1]


def request(stack, path, method="GET", body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {**(headers or {}), **({"Content-Type": "application/json"} if data else {})}
    made = urllib.request.Request(stack.info["api_url"] + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(made, timeout=15) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def has(document, what, **types):
    for name, kind in types.items():
        check(isinstance(document.get(name), kind) and (kind is YES_NO or not isinstance(document[name], bool)),
              f"{what}: {name} of {document}")


def is_measured(stack, clip_kbps):
    def measured():
        answer = json.loads(request(stack, f"/api/stream/metrics/{stack.stream_id}")[2])
        return answer if answer["bitrate"] > 0 and answer["fps"] > 0 and answer["resolution"] != "0x0" else None
    statistics = wait_for(measured, "measured numbers")
    check(statistics["resolution"] == "320x180", f"the picture's size: {statistics}")
    wait_for(lambda: 25 <= measured()["fps"] <= 35, "30 frames a second")
    check(abs(statistics["bandwidth"] - 1.2 * statistics["bitrate"]) <= 1, f"a fifth above: {statistics}")
    check(statistics["bitrate"] < 20 * clip_kbps, f"kbit/s: {statistics}")
    has(statistics, "statistics", bitrate=NUMBER, fps=NUMBER, resolution=TEXT, totalViewers=NUMBER, peakViewers=NUMBER)


def routes(stack):
    key = call(stack, "/stream/key")
    check(KEY.match(key["streamKey"]) and PUBLIC_ID.match(key["streamId"]), f"key and id: {key}")
    check(key["streamUrl"].endswith("/live/" + key["streamKey"]), "the publish URL has the key")
    check(key["hlsUrl"].endswith(f"/live/{key['streamId']}/index.m3u8"), "the HLS URL has the public id")
    credentials = call(stack, "/stream/credentials")
    has(credentials, "credentials", streamKey=TEXT, streamUrl=TEXT, hlsUrl=TEXT, isStreaming=YES_NO, streamSettings=OBJECT)
    check(credentials["isStreaming"] is True, "is streaming")
    name, secret = key["streamId"], key["streamKey"]
    for path in (f"/stream/details/{name}", f"/stream/{secret}", f"/stream/details/{secret}"):
        details = call(stack, path)
        has(details, path, streamKey=TEXT, streamUrl=TEXT, hlsUrl=TEXT, isLive=YES_NO, metrics=OBJECT, settings=OBJECT,
            createdAt=TEXT, updatedAt=TEXT)
        has(details["metrics"], path, bitrate=NUMBER, latency=NUMBER, bandwidth=NUMBER)
        has(details["settings"], path, quality=TEXT, maxBitrate=NUMBER, resolution=TEXT)
        check(re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", details["createdAt"]), "createdAt in ISO 8601")
    streams = call(stack, "/stream/list")["streams"]
    check(len(streams) == 1 and streams[0]["streamKey"] == secret and streams[0]["isLive"] is True, f"list: {streams}")
    for asked in (name, secret):
        has(call(stack, f"/stream/status/{asked}", token=False), "status", isLive=YES_NO, bitrate=NUMBER, latency=NUMBER,
            bandwidth=NUMBER)
        has(call(stack, f"/metrics/{asked}", token=False), "metrics", bitrate=NUMBER, bandwidth=NUMBER, latency=NUMBER,
            lastUpdated=NUMBER)
    everything = call(stack, "/metrics", token=False)
    check(list(everything) == [name], f"all metrics by public id: {everything}")
    for path in ("/stream/status/none", "/stream/metrics/none", "/metrics/none"):
        check("message" in call(stack, path, token=False, expect=404), "a 404 has its message")
    call(stack, "/stream/details/none", expect=404)
    for method, path in (("GET", "/stream/key"), ("GET", "/stream/list"), ("GET", f"/stream/{name}"),
                         ("POST", f"/stream/start/{name}"), ("POST", f"/stream/stop/{name}"), ("POST", "/stream/regenerate-key"),
                         ("POST", f"/stream/settings/{name}"), ("DELETE", f"/stream/key/{name}")):
        call(stack, path, method, token=False, expect=401)
    public = (request(stack, "/api" + path)[2] for path in
              (f"/stream/status/{name}", f"/stream/metrics/{name}", f"/metrics/{name}", "/metrics", f"/stream/status/{secret}"))
    check(all(secret.encode() not in text for text in public), "no public answer has the key")
    return name, secret


def is_live(stack, name):
    return json.loads(request(stack, f"/api/stream/status/{name}")[2])["isLive"]


def settings(stack, name, clip, publisher):
    changed = call(stack, f"/stream/settings/{name}", "POST", {"quality": "720p", "maxBitrate": 5000, "resolution": "1280x720"})
    check(changed["settings"] == {"quality": "720p", "maxBitrate": 5000, "resolution": "1280x720"}, f"settings: {changed}")
    changed = call(stack, f"/stream/settings/{name}", "POST", {"maxBitrate": 6000})
    check(changed["settings"] == {"quality": "720p", "maxBitrate": 6000, "resolution": "1280x720"}, f"merged: {changed}")
    check(call(stack, f"/stream/{name}")["settings"] == changed["settings"], "settings are stored")
    for field, value in (("quality", 5), ("maxBitrate", "fast"), ("maxBitrate", -1), ("resolution", "large"), ("surprise", 1)):
        refused = call(stack, f"/stream/settings/{name}", "POST", {field: value}, expect=400)
        check(refused["field"] == field and field in refused["message"], f"the field is named: {refused}")
    check(publisher.poll() is None, "within its limits it stays")
    call(stack, f"/stream/settings/{name}", "POST", {"resolution": "160x90"})
    publisher.wait(timeout=20)
    wait_for(lambda: not is_live(stack, name), "the end of a picture that is too large now")
    call(stack, f"/stream/settings/{name}", "POST", {"resolution": "", "maxBitrate": 40})
    fast = stack.publish(clip, loop=20)
    fast.wait(timeout=30)
    log = (stack.home / "logs" / "ingest" / "current").read_text(errors="replace")
    check("ingest.bitrate" in log and "ingest.resolution" in log, "both limits were the reason")
    call(stack, f"/stream/settings/{name}", "POST", {"maxBitrate": 0, "quality": ""})


def stop_and_start(stack, name, clip):
    publisher = stack.publish(clip, loop=20)
    wait_for(lambda: is_live(stack, name), "live again")
    check(call(stack, f"/stream/stop/{name}", "POST") == {"success": True, "message": "Stream stopped successfully"}, "stop")
    publisher.wait(timeout=20)
    wait_for(lambda: not is_live(stack, name), "the stopped stream to end")
    refused = stack.publish(clip)
    check(refused.wait(timeout=20) != 0, "an encoder that comes back is refused")
    started = call(stack, f"/stream/start/{name}", "POST")
    has(started, "start", success=YES_NO, message=TEXT, streamUrl=TEXT, hlsUrl=TEXT)


def new_key(stack, name, secret, clip):
    publisher = stack.publish(clip, loop=20)
    wait_for(lambda: is_live(stack, name), "live after start")
    status, _, text = request(stack, f"/api/stream/key/{secret}", "DELETE", headers={"Authorization": "Bearer " + stack.info["token"]})
    renewed = json.loads(text)
    check(status == 200 and KEY.match(renewed["newStreamKey"]) and renewed["newStreamKey"] != secret, f"a new key: {renewed}")
    check(renewed["newStreamUrl"].endswith(renewed["newStreamKey"]) and name in renewed["hlsUrl"], f"its URLs: {renewed}")
    check(publisher.wait(timeout=20) != 0, "the old key's publisher is cut")
    call(stack, f"/stream/details/{secret}", expect=404)
    again = call(stack, "/stream/regenerate-key", "POST")
    check(again["streamKey"] == again["newStreamKey"] and again["streamUrl"] == again["newStreamUrl"], f"both names: {again}")
    log = "".join(p.read_text(errors="replace") for p in (stack.home / "logs").rglob("current"))
    check(secret not in log and again["streamKey"] not in log, "no log has a key")


def probe(path):
    result = subprocess.run(["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)],
                            capture_output=True, text=True, timeout=60, check=True)
    document = json.loads(result.stdout)
    return document["format"], {stream["codec_type"]: stream for stream in document["streams"]}


def raw(stack, path, method="GET", headers=None):
    """The path goes out as it is."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(stack.info["api_url"]).netloc, timeout=15)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def recordings(stack, name):
    file = stack.wait_recordings()[0]
    for path in ("/vod/list", "/vod"):
        check(file.name in call(stack, path, token=False), f"{path} has {file.name}")
    check(call(stack, "/vod/list?limit=1&offset=0", token=False) == [file.name], "a page of one")
    for query in ("limit=-1", "limit=9223372036854775808", "offset=1000000000"):
        call(stack, "/vod/list?" + query, token=False, expect=400)
    details = call(stack, f"/vod/details/{file.name}", token=False)
    form, streams = probe(file)
    video, audio = streams["video"], streams["audio"]
    check(details["filename"] == file.name and details["size"] == int(form["size"]) == file.stat().st_size, f"size: {details}")
    check(abs(details["durationSeconds"] - float(form["duration"])) < 0.05, f"{details['durationSeconds']} s, ffprobe says {form['duration']}")
    hours, minutes, seconds = (int(part) for part in details["duration"].split(":"))
    check(abs(3600 * hours + 60 * minutes + seconds - float(form["duration"])) <= 0.6, f"duration: {details['duration']}")
    check((details["video"]["width"], details["video"]["height"]) == (video["width"], video["height"]), f"picture: {details}")
    rate = float(fractions.Fraction(video["avg_frame_rate"]))
    check(abs(details["video"]["fps"] - rate) < 0.01 * rate, f"{details['video']['fps']} fps, ffprobe says {rate}")
    check(details["video"]["codec"] == f"avc1.4d40{video['level']:02x}", f"{details['video']['codec']} for {video['profile']} {video['level']}")
    check(details["audio"] == {"codec": "mp4a.40.2", "sampleRate": int(audio["sample_rate"]), "channels": audio["channels"]}, f"sound: {details}")
    check(details["codecs"] == details["video"]["codec"] + ",mp4a.40.2" and details["streamId"] == name, f"details: {details}")
    whole = file.read_bytes()
    for path in ("/api/vod/file/", "/vod/file/", "/vod/"):
        status, headers, body = raw(stack, path + file.name)
        check(status == 200 and body == whole and headers["Content-Type"] == "video/mp4", f"{path}: the file")
        tag = headers["ETag"]
        status, headers, body = raw(stack, path + file.name, headers={"Range": "bytes=100-299", "If-Range": tag})
        check(status == 206 and body == whole[100:300] and headers["Content-Range"] == f"bytes 100-299/{len(whole)}", "a range")
        check(raw(stack, path + file.name, headers={"Range": "bytes=-50"})[2] == whole[-50:], "the last bytes")
        check(raw(stack, path + file.name, headers={"Range": f"bytes={len(whole)}-"})[0] == 416, "beyond the end")
        check(raw(stack, path + file.name, headers={"If-None-Match": tag})[0] == 304, "not modified")
        status, headers, body = raw(stack, path + file.name, "HEAD")
        check(status == 200 and body == b"" and int(headers["Content-Length"]) == len(whole) and headers["ETag"] == tag, "HEAD")
    for path in ("/api/vod/file/", "/vod/file/", "/vod/", "/api/vod/details/", "/vod/details/"):
        for shape in ("..%2f..%2fdata%2fstreaming.db", "%2e%2e%2fsecrets.env", "..%5csecrets.env", "a.mp4%00", "%2e%2e", ".x.mp4"):
            status, _, body = raw(stack, path + shape)
            check(status == 400 and b"message" in body, f"{path}{shape}: {status}")
        check(raw(stack, path + "none.mp4")[0] == 404, f"{path}none.mp4")
    return file


def private(stack, name, file):
    subprocess.run([BIN / "millrace-auth", "--make-private", name], env=stack.environment, check=True, capture_output=True, timeout=20)
    wait_for(lambda: raw(stack, f"/api/stream/status/{name}")[0] == 404, "a private stream to be nobody's else to see")
    wait_for(lambda: file.name not in json.loads(raw(stack, "/vod/list")[2]), "its recordings to leave the public list")
    check(raw(stack, f"/vod/details/{file.name}")[0] == 404, "nor are there details")
    owner = {"Authorization": "Bearer " + stack.info["token"]}
    check(file.name in json.loads(raw(stack, "/vod/list", headers=owner)[2]), "its owner sees them")
    check(raw(stack, f"/vod/details/{file.name}", headers=owner)[0] == 200, "with their details")
    check(raw(stack, f"/stream/status/{name}", headers=owner)[0] == 200, "and the stream")


def advertisements(stack):
    tag = call(stack, "/ads/vast-tag?streamId=abc", token=False)
    check(list(tag) == ["vastTag"] and urllib.parse.urlsplit(tag["vastTag"]).path == "/ads/vast", f"the tag: {tag}")
    with urllib.request.urlopen(tag["vastTag"], timeout=15) as answer:
        check(answer.headers["Access-Control-Allow-Origin"] == "*", "players of other origins may read it")
        document = xml.etree.ElementTree.fromstring(answer.read())
    space = "{http://www.iab.com/VAST}"
    check(document.tag == space + "VAST" and document.get("version") == "4.2", "a VAST 4.2 document")
    inline = document.find(f"{space}Ad/{space}InLine")
    check([child.tag.removeprefix(space) for child in inline] == ["AdSystem", "Impression", "AdServingId", "AdTitle", "Creatives"],
          "the elements that a schema wants, in its order")
    linear = inline.find(f"{space}Creatives/{space}Creative/{space}Linear")
    check(linear.findtext(f"{space}Duration") == "00:00:20", "its duration")
    media = linear.find(f"{space}MediaFiles/{space}MediaFile")
    check(media.text == "https://cdn.example/ad.mp4?a=1&b=2" and media.get("type") == "video/mp4", f"its file: {media.text}")
    check(inline.findtext(f"{space}AdTitle") == "Tea & <Cake>", "its title")


def as_older_servers_did(stack, clip):
    key = call(stack, "/stream/key")
    check(key["hlsUrl"].endswith(f"/live/{key['streamKey']}/index.m3u8"), f"hlsUrl has the key: {key}")
    stack.publish(clip, loop=20)
    playlist = wait_for(lambda: stack.playlist(key["hlsUrl"]), "a playlist under the key")
    check(len(playlist.segments) > 0, "with segments")
    with urllib.request.urlopen(key["hlsUrl"], timeout=15) as answer:
        check(answer.url.endswith(f"/live/{key['streamId']}/index.m3u8"), f"it leads to the public id: {answer.url}")
    check(raw(stack, "/api/metrics")[0] == 200, "metrics")
    wait_for(lambda: list(json.loads(raw(stack, "/api/metrics")[2])) == [key["streamKey"]], "metrics by key")
    socket = WebSocket(urllib.parse.urlsplit(stack.info["api_url"]).port)
    shown = wait_for(lambda: (m := json.loads(socket.recv()))["event"] == "metricsUpdate" and m["data"], "numbers over WebSocket")
    check((shown["streamKey"], shown["streamId"]) == (key["streamKey"], key["streamId"]), f"by key over WebSocket: {shown}")
    hls = urllib.parse.urlsplit(key["hlsUrl"])
    status, _, _ = fetch(f"{hls.scheme}://{hls.netloc}/live/sk_{'0' * 32}/index.m3u8")
    check(status == 404, "a key that nobody has")


def older():
    with Stack(PUBLIC_STREAM_KEYS="true", FFMPEG_PATH="/usr/bin/ffmpeg", VAST_MEDIA_URL="https://cdn.example/ad.mp4?a=1&b=2",
               VAST_SECONDS="20", VAST_TITLE="Tea & <Cake>") as stack:
        advertisements(stack)
        as_older_servers_did(stack, make_clip(stack.home / "clip.flv", seconds=6))
        log = (stack.home / "logs" / "api" / "current").read_text(errors="replace")
        check("FFMPEG_PATH is not used" in log, "a variable that is not needed any more is named")


def api():
    with Stack(STREAM_STOP_HOLD_SECONDS="300", RECONNECT_GRACE_SECONDS="0") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=6)
        publisher = stack.publish(clip, loop=20)
        wait_for(lambda: is_live(stack, stack.stream_id), "the stream to be live")
        is_measured(stack, 400)
        name, secret = routes(stack)
        settings(stack, name, clip, publisher)
        stop_and_start(stack, name, clip)
        new_key(stack, name, secret, clip)
        file = recordings(stack, name)
        private(stack, name, file)
    older()


main(api)
