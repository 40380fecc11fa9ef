#!/usr/bin/env python3
"""HTTP-FLV and WebSocket-FLV: what viewers get is what was published, over a reconnect of the encoder too, with ffmpeg, ws, a bare
socket and mpegts.js in Chromium; what is not there, idle viewers, and clients that talk nonsense."""
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse

from stack import PATIENCE, ROOT, Stack, check, fetch, main, make_clip, need, packets, wait_for

SECONDS = 8
GRACE = 6
IDLE = 500
MAX_IDLE_KB = 16
FLV_MJS = str(ROOT / "tests/e2e/browser/flv.mjs")


class HttpViewer(threading.Thread):
    """Keeps what a bare socket gets until the server ends it, and when each piece came."""

    def __init__(self, url, path):
        super().__init__(daemon=True)
        self.url, self.path = urllib.parse.urlsplit(url), path
        self.pieces = []
        self.error = None
        self.start()

    def run(self):
        try:
            connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60 * PATIENCE)
            connection.request("GET", self.url.path)
            answer = connection.getresponse()
            check(answer.status == 200, f"{answer.status} for {self.url.path}")
            check(answer.getheader("Content-Type") == "video/x-flv", "the type")
            size = 0
            with open(self.path, "wb", buffering=0) as file:
                while piece := answer.read1(65536):
                    size += len(piece)
                    self.pieces.append((size, time.monotonic()))
                    file.write(piece)
        except Exception as error:  # pylint: disable=broad-except  # told by finish()
            self.error = error

    def finish(self):
        self.join(60 * PATIENCE)
        check(not self.is_alive() and self.error is None, f"the HTTP viewer: {self.error or 'still there'}")


def tags(data):
    """[(type, timestamp ms, where the tag ends, where its body begins)] of an FLV file."""
    found, at = [], 13
    while at + 15 <= len(data):
        size = int.from_bytes(data[at + 1:at + 4], "big")
        timestamp = int.from_bytes(data[at + 4:at + 7], "big") | data[at + 7] << 24
        at += 11 + size + 4
        found.append((data[at - 15 - size], timestamp, at, at - 4 - size))
    return found


def is_end_then_whole(got, whole, what):
    """A viewer came in the middle of the first publication and stayed for the second."""
    check(len(got) > len(whole) and got[-len(whole):] == whole, f"{what}: the second publication is whole ({len(got)} of {len(whole)})")
    first = got[:-len(whole)]
    check(first == whole[-len(first):], f"{what}: the first is there from a key frame to its end ({len(first)})")


def check_file(path, clip, what):
    for stream in "va":
        is_end_then_whole([d for _, d in packets(path, stream)], [d for _, d in packets(clip, stream)], f"{what}, {stream}")
    data = path.read_bytes()
    times = [timestamp for kind, timestamp, _, begin in tags(data) if kind == 9 and data[begin + 1] == 1]  # frames only
    steps = [b - a for a, b in zip(times, times[1:])]
    check(min(steps) >= 0 and max(steps) < 500, f"{what}: times go on without a step: {min(steps)} to {max(steps)} ms")


def print_delay(stack, viewer):
    """From a frame's last byte at ingest to this viewer; the first second is of the past."""
    program = shutil.which("millrace-log", path=os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/bin")))
    dump = subprocess.run([program, "dump", stack.stream_id, "--dir", stack.info["media_log_directory"], "--json"], capture_output=True,
                          text=True, check=True).stdout
    records = [json.loads(line) for line in dump.splitlines()]
    arrivals = {(9 - r["track"], r["wire_timestamp_ms"]): r["arrival_us"] / 1e6 for r in records if "arrival_us" in r}
    came = iter(list(viewer.pieces))
    size, when = next(came)
    delays = []
    for kind, timestamp, end, _ in tags(viewer.path.read_bytes()):
        while size < end:
            size, when = next(came, (1 << 60, None))
        if when and when > viewer.pieces[0][1] + 1 and (kind, timestamp) in arrivals:
            delays.append((when - arrivals[kind, timestamp]) * 1000)
    delays.sort()
    check(len(delays) > 50, f"{len(delays)} delays")
    print(f"delay from ingest: p50 {delays[len(delays) // 2]:.1f} ms, p99 {delays[len(delays) * 99 // 100]:.1f} ms of {len(delays)} frames")
    check(delays[len(delays) // 2] < 200 * PATIENCE, "the delay")


def metric(stack, name):
    ports = dict(line.split("=") for line in (stack.home / "run/ops").read_text().split())
    _, _, text = fetch(f"http://127.0.0.1:{ports['PACKAGING']}/metrics")
    return next(float(line.split()[-1]) for line in text.decode().splitlines() if line.startswith(name + " "))


def resident_kb(pid):
    return next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))


def raw(url, request):
    """A connection with a request sent."""
    connection = socket.create_connection((url.hostname, url.port), timeout=20 * PATIENCE)
    connection.sendall(request)
    return connection


def talk_nonsense(url):
    """WebSocket clients that break the rules are told so; whatever the case, it concerns nobody else."""
    upgrade = (f"GET {url.path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()
    cases = {b"\x81\x01a": 1002, b"\xc1\x81\0\0\0\0a": 1002, b"\x81\x81\0\0\0\0\xff": 1007, b"\x82\xff\0\0\0\1\0\0\0\0\0\0\0\0": 1009,
             b"\x83\x80\0\0\0\0": 1002}
    for nonsense, code in cases.items():
        with raw(url, upgrade + nonsense) as client:
            said = b""
            while piece := client.recv(65536):
                said += piece
        check(said.endswith(b"\x88\x02" + code.to_bytes(2, "big")), f"{nonsense!r} is answered with {said[-10:]!r}, not {code}")
    for half in (b"GET", upgrade[:40], upgrade + b"\x82"):
        raw(url, half).close()


def idle_viewers(stack, url):
    """What one costs that waits for the publisher's return."""
    pid = stack.pid("packaging")
    before = resident_kb(pid)
    request = f"GET {url.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    waiting = [raw(url, request) for _ in range(IDLE)]
    wait_for(lambda: metric(stack, "millrace_packaging_flv_viewers") >= IDLE, "the idle viewers", 10)
    each = (resident_kb(pid) - before) / IDLE
    print(f"{IDLE} idle viewers: {each:.1f} KB each")
    check(each < MAX_IDLE_KB, f"an idle viewer takes {each:.1f} KB")
    return waiting


def browser(stack, url):
    for address in (url, url.replace("http://", "ws://")):
        result = subprocess.run(["node", FLV_MJS, "play", address, "6"], capture_output=True, text=True, timeout=120 * PATIENCE)
        print(f"mpegts.js, {address.split(':')[0]}: {result.stdout.strip()}")
        check(result.returncode == 0, f"mpegts.js: {result.stdout}{result.stderr}")


def flv():
    need("chromium", "node", "playwright-core", "mpegts.js", "ws")
    with Stack(RECONNECT_GRACE_SECONDS=str(GRACE)) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=SECONDS)
        url = stack.info["hls_url"].replace("/index.m3u8", ".flv")
        target = urllib.parse.urlsplit(url)
        for missing in (url, url.replace(stack.stream_id, "nobody"), url.replace(".flv", "/live.flv")):
            check(fetch(missing)[0] == 404, f"{missing} is not there yet")
        publisher = stack.publish(clip)
        wait_for(lambda: fetch(url, method="HEAD")[0] == 200, "the stream")
        _, headers, _ = fetch(url, method="HEAD")
        check(headers["Access-Control-Allow-Origin"] == "*" and headers["Cache-Control"] == "no-store", f"{headers}")
        viewer = HttpViewer(url, stack.home / "http.flv")
        copied, said = stack.home / "ffmpeg.flv", stack.home / "ws.flv"
        children = {"ffmpeg": stack.spawn("ffmpeg", "-v", "error", "-i", url, "-c", "copy", "-copyts", str(copied))}
        children["ws"] = stack.spawn("node", FLV_MJS, "save", url.replace("http://", "ws://").replace(".flv", "/live.flv"), str(said))
        talk_nonsense(target)
        check(publisher.wait(timeout=60 * PATIENCE) == 0, "the first publisher")
        print_delay(stack, viewer)
        waiting = idle_viewers(stack, target)
        publisher = stack.publish(clip)
        wait_for(lambda: metric(stack, "millrace_packaging_viewers") >= 1, "counted viewers", 10)
        check(publisher.wait(timeout=60 * PATIENCE) == 0, "the second publisher")
        viewer.finish()
        check_file(viewer.path, clip, "bare socket")
        for name, child in children.items():
            check(child.wait(timeout=60 * PATIENCE) == 0, f"{name} ended well")
        check_file(copied, clip, "ffmpeg")
        check_file(said, clip, "ws")
        for connection in waiting:
            connection.close()
        wait_for(lambda: metric(stack, "millrace_packaging_flv_viewers") == 0, "all viewers to be gone", 15)
        check(fetch(url)[0] in (200, 404), "the stream's end is no error")
        publisher = stack.publish(clip, loop=20)
        wait_for(lambda: fetch(url, method="HEAD")[0] == 200, "the stream")
        browser(stack, url)
        check(publisher.poll() is None, "the publisher")


main(flv)
