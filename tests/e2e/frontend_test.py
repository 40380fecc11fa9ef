#!/usr/bin/env python3
"""A frontend's whole session, by an account of ours and by a token of another issuer: sign up, log in, get a key, publish, hear the
numbers over both kinds of socket, see status and statistics, change settings, get a new key and see the publisher cut, list and
download the recording, delete the account."""
import json
import queue
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from stack import PATIENCE, ROOT, Failure, Stack, check, fetch, main, need, packets, wait_for

sys.path.insert(0, str(ROOT / "tests/faults"))
from tokens import Issuer, Key  # noqa: E402

SECONDS = 20


def steady_clip(path):
    """A constant 1 Mbit/s, so that what was sent is known."""
    subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-f", "lavfi", "-i",
                    "sine=frequency=440:sample_rate=48000", "-t", str(SECONDS), "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-bf", "0", "-b:v", "1M",
                    "-minrate", "1M", "-maxrate", "1M", "-bufsize", "500k", "-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-b:a", "96k", "-f", "flv", str(path)],
                   check=True, stdin=subprocess.DEVNULL)
    return path, path.stat().st_size * 8 / SECONDS / 1000


class Api:
    """The calls of one user."""

    def __init__(self, stack, token=None):
        self.base, self.token = stack.info["api_url"].rstrip("/"), token

    def call(self, method, path, body=None, form=None, expect=200):
        data, headers = None, {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        if form is not None:
            data, headers["Content-Type"] = urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded"
        request = urllib.request.Request(self.base + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        check(status == expect, f"{method} {path}: {status} {text[:300]}")
        return json.loads(text) if text else None


class Listener:
    """One of the sockets, in a process of its own."""

    def __init__(self, stack, kind, token):
        self.kind, self.heard = kind, queue.Queue()
        self.child = stack.spawn("node", str(ROOT / "tests/e2e/frontend/listen.mjs"), kind, stack.info["api_url"].rstrip("/"), token,
                                 stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            self.heard.put(json.loads(line))

    def next(self):
        try:
            return self.heard.get(timeout=15 * PATIENCE)
        except queue.Empty:
            raise Failure(f"{self.kind}: nothing was heard (exit code {self.child.poll()})") from None

    def wait(self, what, wanted, tries=60):
        for _ in range(tries):
            data = self.next()
            if wanted(data):
                return data
        raise Failure(f"{self.kind}: {what} never came; last: {data}")


def numbers_arrive(stack, api, key, stream_id, sent_kbps):
    listeners = [Listener(stack, kind, api.token) for kind in ("ws", "socket.io")]
    for listener in listeners:
        mine = lambda data: data.get("streamId") == stream_id and abs(data["bitrate"] - sent_kbps) <= 0.05 * sent_kbps  # noqa: E731
        data = listener.wait(f"a bitrate within 5 % of {sent_kbps:.0f} kbit/s", mine)
        check(data["streamKey"] == key, f"{listener.kind}: the owner sees the key, not {data['streamKey']}")
        check(abs(data["bandwidth"] - data["bitrate"] * 1.2) < 2, f"{listener.kind}: {data}")
        check({"streamKey", "bitrate", "bandwidth", "latency", "lastUpdated"} <= data.keys(), f"{listener.kind}: {data}")
        print(f"  {listener.kind}: {data['bitrate']} kbit/s of {sent_kbps:.0f} sent", flush=True)
        listener.child.kill()


def status_and_statistics(api, stream_id, sent_kbps):
    status = api.call("GET", f"/api/stream/status/{stream_id}")
    check(status["isLive"] and abs(status["bitrate"] - sent_kbps) <= 0.1 * sent_kbps, f"status: {status}")
    statistics = wait_for(lambda: (lambda s: s if s["resolution"] == "640x360" and s["fps"] else None)(api.call("GET", f"/api/stream/metrics/{stream_id}")),
                          "statistics")
    check(abs(statistics["fps"] - 25) < 1.5, f"statistics: {statistics}")
    listed = api.call("GET", "/api/stream/list")["streams"]
    check(len(listed) == 1 and listed[0]["isLive"], f"list: {listed}")


def recording(stack, api, stream_id, clip):
    mine = lambda: [name for name in api.call("GET", "/api/vod/list") if name.startswith(stream_id)]  # noqa: E731
    name = wait_for(mine, "the recording", 30)[0]
    details = api.call("GET", f"/api/vod/details/{name}")
    url = f"{api.base}/api/vod/file/{name}"
    owner = {"Authorization": f"Bearer {api.token}"}
    status, headers, whole = fetch(url, owner)
    check(status == 200 and details["size"] == len(whole), f"{details}")
    parts = b""
    for start in range(0, len(whole), 1 << 20):
        status, headers, part = fetch(url, {**owner, "Range": f"bytes={start}-{start + (1 << 20) - 1}"})
        check(status == 206, f"a range: {status}")
        parts += part
    check(parts == whole, "the ranges are the file")
    path = stack.home / "download.mp4"
    path.write_bytes(whole)
    sent = [digest for _, digest in packets(clip)] * 10
    kept = [digest for _, digest in packets(path)]
    check(kept and sent[:len(kept)] == kept, "every frame that was recorded, in order")


def session(stack, api, clip, sent_kbps):
    credentials = api.call("GET", "/api/stream/key")
    key, stream_id = credentials["streamKey"], credentials["streamId"]
    publisher = stack.publish(clip, loop=-1, url=credentials["streamUrl"])
    wait_for(lambda: api.call("GET", f"/api/stream/status/{stream_id}")["isLive"], "the stream")
    numbers_arrive(stack, api, key, stream_id, sent_kbps)
    status_and_statistics(api, stream_id, sent_kbps)
    wait_for(lambda: stack.playlist(credentials["hlsUrl"]), "the first segment, so that it can be watched", 20)
    changed = api.call("POST", f"/api/stream/settings/{stream_id}", {"quality": "720p", "maxBitrate": 4000, "resolution": "1280x720"})
    check(changed["settings"] == {"quality": "720p", "maxBitrate": 4000, "resolution": "1280x720"}, f"settings: {changed}")
    renewed = api.call("DELETE", f"/api/stream/key/{key}")
    check(renewed["newStreamKey"] != key, "a new key")
    publisher.wait(timeout=20)
    check(publisher.returncode != 0, "the publisher with the old key is cut")
    wait_for(lambda: not api.call("GET", f"/api/stream/status/{stream_id}")["isLive"], "the end")
    recording(stack, api, stream_id, clip)
    return stream_id


def local_account(stack, clip, sent_kbps):
    visitor = Api(stack)
    who = {"email": "dj@example.org", "password": "correct horse battery", "dj_name": "DJ Test", "timezone": "Europe/Berlin"}
    account = visitor.call("POST", "/api/v1/users/signup", who)
    check(account["email"] == who["email"] and "password" not in json.dumps(account), f"the account: {account}")
    login = visitor.call("POST", "/api/v1/login/access-token", form={"username": who["email"], "password": who["password"]})
    check(login["token_type"] == "bearer", f"login: {login.keys()}")
    api = Api(stack, login["access_token"])
    check(api.call("GET", "/api/v1/users/me")["email"] == who["email"], "me")
    stream_id = session(stack, api, clip, sent_kbps)
    api.call("DELETE", "/api/v1/users/me")
    wait_for(lambda: fetch(f"{api.base}/api/stream/status/{stream_id}")[0] == 404, "the stream to be gone: public answers are up to two seconds old")
    wait_for(lambda: fetch(f"{api.base}/api/stream/key", {"Authorization": f"Bearer {api.token}"})[0] == 401, "the token to die with its account")


def foreign_account(stack, issuer, key, clip, sent_kbps):
    api = Api(stack, key.token(issuer.claims("one", exp=int(time.time()) + 3600)))
    session(stack, api, clip, sent_kbps)


def frontend():
    need("node", "socket.io-client")
    key = Key("k1")
    with Issuer() as issuer:
        issuer.publish("one", key)
        with Stack(OIDC_ISSUERS=issuer.name("one"), JWT_AUDIENCE="millrace") as stack:
            clip, sent_kbps = steady_clip(stack.home / "steady.flv")
            print("an account of ours", flush=True)
            local_account(stack, clip, sent_kbps)
            print("an RS256 token of an issuer", flush=True)
            foreign_account(stack, issuer, key, clip, sent_kbps)


main(frontend)
