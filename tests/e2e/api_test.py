#!/usr/bin/env python3
"""The REST API against a running stack: every documented route in both families with its members and types; settings that
hold while live; a new key that cuts the publisher; recordings with their details."""
import json
import re

from stack import Stack, check, fetch, main, make_clip, wait_for

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
    import urllib.error
    import urllib.request
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


def api():
    with Stack(STREAM_STOP_HOLD_SECONDS="300") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=6)
        publisher = stack.publish(clip, loop=20)
        wait_for(lambda: is_live(stack, stack.stream_id), "the stream to be live")
        is_measured(stack, 400)
        name, secret = routes(stack)
        settings(stack, name, clip, publisher)
        stop_and_start(stack, name, clip)
        new_key(stack, name, secret, clip)


main(api)
