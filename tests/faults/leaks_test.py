#!/usr/bin/env python3
"""Case 36: with a private stream live, recorded and watched, neither its key, nor what the database has of it, nor a secret, bearer
token, viewer key or playback token is anywhere but with those who own it: playlists, file names, headers, bodies for others,
metrics, events, logs, process arguments."""
import os
import pathlib
import resource
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from grants import api, hls_objects, make_private, secrets, signed
from hooks import rtmp
from stack import Stack, check, fetch, main, make_clip, wait_for
from websocket_client import WebSocket

ROUTES = ("/stream/key", "/stream/credentials", "/stream/list", "/stream/details/{id}", "/stream/{id}", "/stream/status/{id}",
          "/stream/metrics/{id}", "/stream/viewers/{id}", "/metrics", "/metrics/{id}", "/vod", "/vod/list", "/vod/details/{file}",
          "/vod/file/{file}", "/ads/vast-tag", "/v1/users/me", "/v1/users/", "/openapi.yaml", "/nothing")


class Search:
    """Looks for what must not be there, in any spelling; counts what it looked through."""

    def __init__(self):
        self.needles, self.found, self.places, self.bytes = {}, [], 0, 0

    def add(self, name, text):
        check(text and len(text) >= 8, f"{name} is worth looking for")
        self.needles[name] = text.encode()

    def look(self, place, data, but=()):
        data = data if isinstance(data, bytes) else str(data).encode()
        self.places += 1
        self.bytes += len(data)
        self.found += [f"{name} in {place}" for name, needle in self.needles.items() if name not in but and needle in data]


def other_account(stack):
    binary = pathlib.Path(os.environ["MILLRACE_BIN"]) / "millrace-auth"
    issued = subprocess.run([str(binary), "--issue-token", "somebody-else"], env={**stack.environment, **secrets(stack)}, capture_output=True,
                            text=True, timeout=30)
    check(issued.returncode == 0, issued.stderr)
    return issued.stdout.strip()


def answer(search, place, url, headers=None, method="GET", but=()):
    status, fields, body = fetch(url, headers, method, timeout=10)
    search.look(f"the header of {method} {place} ({status})", fields, but)
    search.look(f"the body of {method} {place} ({status})", body, but)
    return status, body


def what_players_get(stack, search, token):
    for url in hls_objects(stack, token):
        # Its own token comes back in the playlists, to the one who sent it.
        answer(search, url, f"{url}?token={token}", but=("playback token",))
        for query in ("", f"?token={token}x", "?token=" + search.needles["key"].decode()):
            answer(search, url + query[:8], url + query)
    key = search.needles["key"].decode()
    for path in (f"/live/{key}/index.m3u8", f"/live/{key}.flv", f"/{key}"):
        answer(search, "the key as a path", stack.info["hls_url"].split("/live/")[0] + path)


def what_others_are_told(stack, search):
    somebody = other_account(stack)
    recording = stack.recordings()[0].name
    base = stack.info["api_url"]
    for route in ROUTES:
        for family in ("/api", ""):
            path = family + route.format(id=stack.stream_id, file=recording)
            for who, headers in (("nobody", {}), ("somebody else", {"Authorization": f"Bearer {somebody}"}),
                                 ("a forger", {"Authorization": f"Bearer {stack.info['token'][:-4]}AAAA"})):
                answer(search, f"{path} for {who}", base + path, headers)
    for path in (f"/watch/{stack.stream_id}", "/assets/watch.js", "/assets/config.json"):
        answer(search, path, base + path)
    key = search.needles["key"].decode()
    # Anybody who knows the key may ask by it; the answer has the public id.
    answer(search, "/stream/status/KEY", f"{base}/api/stream/status/{key}")
    answer(search, "/stream/details/KEY for somebody else", f"{base}/api/stream/details/{key}", {"Authorization": f"Bearer {somebody}"})
    answer(search, "/vod/file/KEY", f"{base}/api/vod/file/{key}.mp4")


def what_monitoring_sees(stack, search):
    for service in stack.status()["services"]:
        for path in ("/metrics", "/healthz", "/readyz"):
            status, _ = answer(search, f"{service['name']}{path}", f"http://127.0.0.1:{service['ops_port']}{path}")
            check(status == 200, f"{service['name']}{path}: {status}")


def what_events_say(stack, search):
    port = int(stack.info["api_url"].rsplit(":", 1)[1])
    try:
        events = WebSocket(port, timeout=10)
    except ConnectionError:
        return print("no WebSocket on the API's port: not looked at")
    try:
        for _ in range(3):
            search.look("a WebSocket event for nobody in particular", events.recv())
    except (ConnectionError, OSError):
        pass  # nothing public is live
    events.close()


def what_lies_around(stack, search):
    for directory in (stack.home / "media", stack.home / "run", pathlib.Path(stack.info["media_log_directory"])):
        for path in directory.rglob("*"):
            search.look("a file's name", str(path), but=())
    for path in (stack.home / "media").rglob("*"):
        if path.is_file():
            search.look(f"the recording {path.name}", path.read_bytes())
    for path in (stack.home / "logs").rglob("*"):
        if path.is_file():
            search.look(f"the log {path.relative_to(stack.home)}", path.read_bytes())
    for name in ("secrets.env", "run/info.json", "data/streaming.db"):
        check((stack.home / name).stat().st_mode & 0o077 == 0, f"{name} is for its owner alone")
    database = (stack.home / "data/streaming.db").read_bytes() + b"".join(p.read_bytes() for p in (stack.home / "data").glob("*-wal"))
    search.look("the database", database, but=("key's look-up hash", "sealed key"))


def what_processes_show(stack, search):
    binaries = pathlib.Path(os.environ["MILLRACE_BIN"]).resolve()
    services = {s["pid"] for s in stack.status()["services"]}
    seen = set()
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            program = pathlib.Path(os.readlink(directory / "exe"))
            arguments = (directory / "cmdline").read_bytes()
        except OSError:
            continue
        # The encoders and players of this test have what their users typed.
        if program.parent == binaries or program.name.startswith("s6"):
            search.look(f"the arguments of {program.name}", arguments)
        if int(directory.name) in services:
            seen.add(int(directory.name))
            check((directory / "environ").stat().st_mode & 0o077 == 0, f"the environment of {program.name} is its owner's")
            check(resource.prlimit(int(directory.name), resource.RLIMIT_CORE)[0] == 0, f"{program.name} leaves no core file with secrets in it")
    check(seen == services, "every service was looked at")


def needles(stack, search, viewer_key, token):
    key = stack.info["publish_url"].rsplit("/", 1)[1]
    search.add("key", key)
    search.add("key's digits", key[3:])
    with sqlite3.connect(f"file:{stack.home}/data/streaming.db?mode=ro", uri=True) as database:
        lookup, sealed = database.execute("SELECT key_lookup, key_sealed FROM streams WHERE stream_id = ?", (stack.stream_id,)).fetchone()
    search.add("key's look-up hash", lookup)
    search.add("sealed key", sealed)
    for name, value in secrets(stack).items():
        search.add(name, value)
    search.add("bearer token", stack.info["token"].rsplit(".", 1)[1])
    search.add("viewer key", viewer_key[3:])
    search.add("playback token", token)


def use_everything(stack, clip, search, token):
    """Right and wrong keys, tokens and names at every door, so that logs had their chance."""
    key = search.needles["key"].decode()
    for app, name in (("live", "sk_" + "0" * 32), ("live", key + "x"), (key, "x"), ("live", stack.stream_id), ("other", key)):
        check(stack.publish(clip, url=rtmp(stack, app, name)).wait(timeout=60) != 0, f"{app} is refused")
    for name in (f"{stack.stream_id}?key={key}", f"{stack.stream_id}?key={key}x", f"{stack.stream_id}?token={token}", f"{stack.stream_id}?token={token}x"):
        player = stack.spawn("ffmpeg", "-v", "quiet", "-rw_timeout", "3000000", "-i", rtmp(stack, "live", name), "-t", "0.5", "-f", "null", "-")
        player.wait(timeout=60)


def test():
    with Stack(HLS_SEGMENT_MS="500", RECONNECT_GRACE_SECONDS="2", LOG_LEVEL="debug") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=8, gop=15)
        make_private(stack)
        viewer = api(stack, "POST", f"/api/stream/viewers/{stack.stream_id}", {"label": "club"})
        granted = api(stack, "POST", f"/api/playback/{stack.stream_id}", {"viewerKey": viewer["viewerKey"], "device": "phone"}, token=None)
        search = Search()
        needles(stack, search, viewer["viewerKey"], granted["token"])
        check(stack.publish(clip, realtime=False).wait(timeout=60) == 0, "a publication that ends")
        stack.wait_recordings()
        stack.publish(clip, loop=50)
        wait_for(lambda: (p := stack.playlist(granted["hlsUrl"])) and len(p.segments) >= 3, "segments")
        use_everything(stack, clip, search, granted["token"])
        what_players_get(stack, search, granted["token"])
        what_others_are_told(stack, search)
        what_monitoring_sees(stack, search)
        what_events_say(stack, search)
        signed(stack, ip="192.0.2.7")
        what_processes_show(stack, search)
        what_lies_around(stack, search)
        print(f"{len(search.needles)} secrets looked for in {search.places} places, {search.bytes} bytes: {len(search.found)} found")
        check(not search.found, "; ".join(search.found[:10]))
        # A search that finds nothing anywhere would be no test: the owner sees the key.
        search.look("the owner's answer", fetch(f"{stack.info['api_url']}/api/stream/key", {"Authorization": "Bearer " + stack.info["token"]})[2])
        check("key in the owner's answer" in search.found, "the search finds what is there")


main(test)
