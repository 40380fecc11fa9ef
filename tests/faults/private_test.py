#!/usr/bin/env python3
"""Case 35: every object of a private stream, from playlist to last segment and FLV, without a token, with one of another
stream, one that has run out, is bound to another address, was changed or is signed by somebody else: refused, each of them. And the walk
over who decides, transports and states (private_walk.py)."""
import concurrent.futures
import contextlib
import os
import pathlib
import signal
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from grants import api, forged, hls_objects, make_private, secrets, signed
from hooks import HookServer
from private_walk import Callback, Hooks, Store, walk
from stack import Stack, check, fetch, main, make_clip, wait_for


def status_of(url):
    return fetch(url, timeout=5)[0]


def flv_status(url):
    """Of an answer without an end: its status, and that media follows a 200."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status if answer.read(3) == b"FLV" else -1
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def websocket_status(url):
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as client:
        client.sendall((f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        return int(client.recv(4096).split()[1])


def restart(stack, service):
    stack.wait_ready(service, other_than=stack.kill(service))


def ready(stack, service):
    port = next(s["ops_port"] for s in stack.status()["services"] if s["name"] == service)
    return fetch(f"http://127.0.0.1:{port}/readyz")[0] == 200


@contextlib.contextmanager
def hanging_auth(stack):
    pid = stack.kill("auth", signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def nothing_is_shown_before_auth_was_heard(stack, playlist):
    """Auth hangs while those who show streams start again: they know nothing of who may watch."""
    with hanging_auth(stack):
        for service in ("packaging", "metrics"):
            before = stack.kill(service)
            wait_for(lambda: stack.pid(service) not in (None, before), f"{service} to start again")
        for url in (stack.info["hls_url"], playlist.segments[-1][1], stack.info["hls_url"].replace("/index.m3u8", ".flv")):
            wait_for(lambda: refuses(url)[0] == 503, f"{url} to be refused for now")
            check(refuses(url)[1]["Retry-After"] == "1", f"{url}: when to try again")
        check(not ready(stack, "packaging"), "packaging is not ready")
        wait_for(lambda: "millrace_live_streams 1" in fetch_metrics(stack, "metrics"), "metrics to know the publication")
        check(stack.stream_id not in fetch_metrics(stack, "metrics"), "metrics names no stream")
    wait_for(lambda: status_of(stack.info["hls_url"]) == 200 and ready(stack, "packaging"), "the public stream to be shown")
    wait_for(lambda: stack.stream_id in fetch_metrics(stack, "metrics"), "metrics to name it")
    with hanging_auth(stack):
        check(status_of(stack.info["hls_url"]) == 200 and ready(stack, "packaging"), "what is known stays known")
    bearer = {"Authorization": "Bearer " + stack.info["token"]}
    wait_for(lambda: fetch(stack.info["api_url"] + "/api/stream/key", bearer)[0] == 200, "the API to hear auth again")


def refuses(url):
    try:
        return fetch(url, timeout=5)[:2]
    except OSError:
        return None, {}


def a_public_stream_knows_no_tokens(stack):
    base = stack.info["hls_url"]
    plain, asked = fetch(base)[2], fetch(base + "?token=nonsense")
    check(asked[0] == 200 and b"token" not in asked[2] and b"#EXT-X-STREAM-INF" in plain, "a public playlist has no tokens")
    check("public" in asked[1]["Cache-Control"], "and may be cached")


def every_object(stack, good, bad):
    objects = hls_objects(stack, good)
    flv = [stack.info["hls_url"].replace("/index.m3u8", ".flv"), stack.info["hls_url"].replace("index.m3u8", "live.flv")]
    for url in objects:
        check(status_of(f"{url}?token={good}") == 200, f"{url} with its token: {status_of(f'{url}?token={good}')}")
        for what, (query, expected) in bad.items():
            for method in ("GET", "HEAD"):
                status, headers, body = fetch(url + query, method=method, timeout=5)
                check(status == expected, f"{method} {url} with {what}: {status} instead of {expected}")
                check("no-store" in headers["Cache-Control"] and b"#EXTM3U" not in body, f"{url} with {what}: {headers}")
            check(fetch(url + query, {"Range": "bytes=0-9"})[0] == expected, f"a range of {url} with {what}")
    for url in flv:
        check(flv_status(f"{url}?token={good}") == 200, f"{url} with its token")
        check(websocket_status(f"{url}?token={good}") == 101, f"WebSocket {url} with its token")
        for what, (query, expected) in bad.items():
            check(flv_status(url + query) == expected, f"{url} with {what}: {flv_status(url + query)}")
            check(websocket_status(url + query) == expected, f"WebSocket {url} with {what}")
    return len(objects) + 2 * len(flv)


def test():
    the_store_decides()
    with tempfile.TemporaryDirectory() as directory, HookServer() as server:
        clip = make_clip(pathlib.Path(directory) / "clip.flv", seconds=10, gop=15)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in [pool.submit(walk, mode, server, clip) for mode in (Store, Hooks, Callback)]:
                done.result()


def the_store_decides():
    with Stack(HLS_SEGMENT_MS="500", RECONNECT_GRACE_SECONDS="60") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=10, gop=15)
        publisher = stack.publish(clip, loop=50)
        playlist = wait_for(stack.playlist, "a playlist")
        a_public_stream_knows_no_tokens(stack)
        nothing_is_shown_before_auth_was_heard(stack, playlist)
        playlist = wait_for(stack.playlist, "a playlist")
        make_private(stack)
        # What the log still has from before is refused at once, not only when the encoder has come back.
        wait_for(lambda: status_of(playlist.segments[-1][1]) == 401, "what was public to be refused")
        check(status_of(stack.info["hls_url"]) == 401, "its playlist too")
        wait_for(lambda: publisher.poll() is not None, "the publication to be cut")
        # The log still says that it is public, and the process that heard the opposite has gone.
        for service in ("auth", "packaging"):
            restart(stack, service)
        wait_for(lambda: status_of(stack.info["hls_url"]) == 401, "its playlist to be refused after restarts")
        check(status_of(playlist.segments[-1][1]) == 401, "its segments too")
        stack.publish(clip, loop=50)
        good = signed(stack, expiresIn=600)
        wait_for(lambda: (p := stack.playlist(f"{stack.info['hls_url']}?token={good}")) and p.text.partition("#EXT-X-DISCONTINUITY\n")[2].count(".m4s") >= 2,
                 "segments of the private publication")
        secret = secrets(stack)["PLAYBACK_SECRET"]
        now = int(time.time())
        changed = good[:10] + ("A" if good[10] != "A" else "B") + good[11:]
        check(status_of(f"{stack.info['hls_url']}?token={forged(secret, stack.stream_id, now + 60)}") == 200, "tokens are as documented")
        bad = {
            "no token": ("", 401), "an empty token": ("?token=", 401), "another parameter": (f"?Token={good}", 401),
            "a cut token": (f"?token={good[:-2]}", 401), "a changed token": (f"?token={changed}", 401),
            "a long token": ("?token=" + "A" * 2000, 401), "a stream key": (f"?token={stack.info['publish_url'].rsplit('/', 1)[1]}", 401),
            "the owner's bearer token": (f"?token={stack.info['token']}", 401),
            "another secret": (f"?token={forged('x' * 64, stack.stream_id, now + 60)}", 401),
            "a token that has run out": (f"?token={forged(secret, stack.stream_id, now - 60)}", 401),
            "another stream's token": (f"?token={forged(secret, 'abcdefghijkl', now + 60)}", 403),
            "another address' token": (f"?token={signed(stack, ip='192.0.2.7')}", 403),
        }
        count = every_object(stack, good, bad)
        print(f"{count} objects refused with each of {len(bad)} bad tokens, given with a good one")
        check(flv_status(f"{stack.info['hls_url'].replace('/index.m3u8', '.flv')}?token={signed(stack, ip='127.0.0.0/8')}") == 200, "its own address")
        restart(stack, "packaging")
        check(status_of(stack.info["hls_url"]) == 401 and status_of(f"{stack.info['hls_url']}?token={good}") == 200, "also after a restart")
        api(stack, "GET", f"/api/stream/status/{stack.stream_id}", token=None, expect=404)
        counted = next(float(line.split()[-1]) for line in fetch_metrics(stack).splitlines() if line.startswith("millrace_packaging_forbidden_total"))
        check(counted >= 1, "refusals are counted")


def fetch_metrics(stack, service="packaging"):
    port = next(s["ops_port"] for s in stack.status()["services"] if s["name"] == service)
    return fetch(f"http://127.0.0.1:{port}/metrics")[2].decode()


main(test)
