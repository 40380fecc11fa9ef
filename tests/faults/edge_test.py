#!/usr/bin/env python3
"""Cases 38 and 39 at both HTTP ports: ranges, framing that is ambiguous, headers and bodies without end, clients that send or
read a byte now and then. Beside them a client that is served as if it were alone, and a publisher who loses no frame."""
import concurrent.futures
import contextlib
import http.client
import re
import signal
import socket
import threading
import time

from wire import Peer  # noqa: F401  (sets the path of the harness)
from oracle import Oracle, no_secret_in_logs, same_frames_again_and_again
from stack import PATIENCE, Stack, check, fetch, leave, main, make_clip, wait_for

SLOW_CLIENTS = 500


def exchange(port, sent, seconds=10, pieces=()):
    """Everything that comes back until the server closes or is silent; b"" when it cut the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as peer:
        peer.settimeout(seconds)
        received = b""
        with contextlib.suppress(OSError):
            peer.sendall(sent)
            for piece in pieces:
                peer.sendall(piece)
        with contextlib.suppress(OSError):
            while piece := peer.recv(65536):
                received += piece
        return received


def statuses(answer):
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


def head(path, *fields, method="GET", version="1.1", close=True):
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *fields, *(["Connection: close"] if close else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def ranges(url):
    """RFC 9110 section 14, on a finished file and on a segment."""
    status, headers, body = fetch(url)
    check(status == 200 and headers["Accept-Ranges"] == "bytes" and headers["ETag"], f"{url}: {status} {headers}")
    size, tag = len(body), headers["ETag"]
    cases = [("bytes=-1", 206, body[-1:]), ("bytes=0-0", 206, body[:1]), (f"bytes=0-{size * 9}", 206, body), (f"bytes=-{size * 9}", 206, body),
             (f"bytes={size}-", 416, None), ("bytes=5-4", 200, body), ("bytes=-0", 416, None), ("bytes=x-y", 200, body), ("lines=0-1", 200, body),
             ("bytes=" + ",".join(f"{i}-{i}" for i in range(100)), 200, body), ("bytes=0-9,5-14", 200, body),
             ("bytes=99999999999999999999999-", (200, 416), None), ("bytes=0-99999999999999999999999", (200, 206), body)]
    for value, expected, content in cases:
        status, headers, got = fetch(url, {"Range": value})
        check(status in (expected if isinstance(expected, tuple) else (expected,)), f"{value[:40]}: {status}")
        check(content is None or got == content, f"{value[:40]}: {len(got)} bytes")
        check(status != 206 or headers["Content-Range"].endswith(f"/{size}"), f"{value[:40]}: {headers['Content-Range']}")
        check(status != 416 or headers["Content-Range"] == f"bytes */{size}", f"{value[:40]}: {headers['Content-Range']}")
    check(fetch(url, {"If-None-Match": tag})[0] == 304, "the same entity again")
    check(fetch(url, {"If-None-Match": '"other", ' + tag})[0] == 304, "one of several entities")
    check(fetch(url, {"If-None-Match": '"other"'})[0] == 200, "another entity")
    check(fetch(url, {"Range": "bytes=0-0", "If-Range": '"other"'})[0] == 200, "a range of another entity")
    check(fetch(url, {"Range": "bytes=0-0", "If-Range": tag})[0] == 206, "a range of this entity")
    status, headers, nothing = fetch(url, method="HEAD")
    check(status == 200 and int(headers["Content-Length"]) == size and not nothing, "HEAD")


def framing(port, path):
    """RFC 9112: one reading of every message, or none. The second request of each is what a smuggler would want answered."""
    stowaway = head("/smuggled")
    refused = {
        "TE and CL": head(path, "Content-Length: 5", "Transfer-Encoding: chunked", method="POST", close=False) + b"0\r\n\r\n" + stowaway,
        "two CL": head(path, "Content-Length: 0", "Content-Length: 44", method="POST", close=False) + stowaway,
        "a list of CL": head(path, "Content-Length: 0, 44", method="POST", close=False) + stowaway,
        "negative CL": head(path, "Content-Length: -1", method="POST", close=False) + stowaway,
        "CL with a sign": head(path, "Content-Length: +44", method="POST", close=False) + stowaway,
        "CL of 2^64": head(path, "Content-Length: 18446744073709551616", method="POST", close=False) + stowaway,
        "TE that is no chunked": head(path, "Transfer-Encoding: xchunked", method="POST", close=False) + b"0\r\n\r\n" + stowaway,
        "TE twice": head(path, "Transfer-Encoding: chunked", "Transfer-Encoding: identity", method="POST", close=False) + b"0\r\n\r\n" + stowaway,
        "space before the colon": head(path, "Transfer-Encoding : chunked", method="POST", close=False) + b"0\r\n\r\n" + stowaway,
        "a bare CR": head(path, "X-A: b\rTransfer-Encoding: chunked", method="POST", close=False) + stowaway,
        "chunk size of 2^64": head(path, "Transfer-Encoding: chunked", method="POST", close=False) + b"FFFFFFFFFFFFFFFF\r\n" + stowaway,
        "chunk size of 2^68": head(path, "Transfer-Encoding: chunked", method="POST", close=False) + b"10000000000000000\r\n" + stowaway,
        "chunk size 0x1": head(path, "Transfer-Encoding: chunked", method="POST", close=False) + b"0x1\r\na\r\n0\r\n\r\n" + stowaway,
        "two hosts": f"GET {path} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".encode() + stowaway,
        "no host": f"GET {path} HTTP/1.1\r\n\r\n".encode() + stowaway,
        "HTTP/1.1 preface of another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + stowaway,
        "a method of 10,000 letters": b"A" * 10_000 + b" / HTTP/1.1\r\nHost: a\r\n\r\n",
        "a header of 1 MiB": head(path, "X-A: " + "a" * (1 << 20)),
        "a target of 1 MiB": head("/" + "a" * (1 << 20)),
        "100,000 fields": head(path, *("X: y" for _ in range(100_000))),
        **{f"endless: {name}": sent + stowaway for name, sent in endless(path).items()},
        "NUL in a field": head(path, "X-A: a\0b") + stowaway,
    }
    for name, sent in refused.items():
        answer = exchange(port, sent)
        codes = statuses(answer)
        check(len(codes) <= 1 and all(400 <= code < 600 for code in codes), f"{name}: {codes}")
        check(b"smuggled" not in answer, f"{name}: the second request was read")
    # RFC 9112 5.2: refused, or the line belongs to X-A; never a coding.
    folded = exchange(port, head(path, "X-A: b\r\n Transfer-Encoding: chunked", close=False) + head(path))
    check(statuses(folded) in ([400], [200, 200]), f"a folded field: {statuses(folded)}")
    check(statuses(exchange(port, head(path, close=False) + head(path, close=False) + head(path))) == [200] * 3, "pipelined requests, in order")
    check(statuses(exchange(port, head(path, version="1.0", close=False))) == [200], "HTTP/1.0 closes by itself")
    check(statuses(exchange(port, head(path, "Expect: 100-continue", "Content-Length: 0"))) in ([200], [100, 200]), "100-continue")
    check(statuses(exchange(port, head(path, method="BREW")))[0] in (400, 405, 501), "a method that nobody knows")
    check(statuses(exchange(port, head(path, method="TRACE")))[0] in (400, 405, 501), "TRACE")
    check(statuses(exchange(port, head("http://localhost" + path)))[0] in (200, 400), "the absolute form")
    check(statuses(exchange(port, b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n"))[0] in (400, 404, 405), "no tunnel")


def endless(path):
    """What a parser would wait for the end of, within one body."""
    begun = head(path, "Transfer-Encoding: chunked", method="POST", close=False)
    return {"extension": begun + b"5;a=" + b"x" * (1 << 17), "extension of a later chunk": begun + b"2\r\nab\r\n5;a=" + b"x" * (1 << 17),
            "trailer": begun + b"0\r\nX: " + b"y" * (1 << 17), "trailers": begun + b"0\r\n" + b"X: y\r\n" * 20_000,
            "chunk size": begun + b"0" * (1 << 17)}


def slowly(port):
    """A body without chunks, its end a byte at a time, each in a segment of its own: the statuses of what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.sendall(head("/metrics", "Transfer-Encoding: chunked", method="POST", close=False))
        for byte in (b"0\r\n", b"\r", b"\n"):
            time.sleep(0.05)
            peer.sendall(byte)
        return statuses(peer.recv(4096))


def at_every_port(stack):
    """Nobody has to be known to reach an operator's port or the metrics: none of them may end its service."""
    ports = dict(re.findall(r"(\w+)=(\d+)", (stack.home / "run/ops").read_text()))
    check(len(ports) == 7, f"the ports of the services: {ports}")
    before = {name.lower(): stack.pid(name.lower()) for name in ports}
    for name, port in ports.items():
        for what, sent in endless("/metrics").items():
            codes = statuses(exchange(int(port), sent))
            check(codes in ([400], [431]), f"{name}, endless {what}: {codes}")
        check(slowly(int(port)), f"{name}: a last chunk that comes byte by byte is not answered")
    after = {name: stack.pid(name) for name in before}
    check(before == after and all(stack.health(name) == "ready" for name in after), f"the same processes: {before}, {after}")


def bodies(port, path):
    """More than anybody may send: refused by what it says, or as soon as it is more."""
    said = exchange(port, head(path, f"Content-Length: {100 << 20}", "Content-Type: application/json", method="POST", close=False))
    check(statuses(said) in ([413], [401], [405]), f"100 MiB announced: {statuses(said)}")
    block = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    sent = exchange(port, head(path, "Transfer-Encoding: chunked", method="POST", close=False), pieces=[block] * 6400)
    check(statuses(sent) in ([413], [401], [405], []), f"100 MiB in chunks: {statuses(sent)}")


def passing(port):
    """What the edge passes on stays one request: bodies around its bound and the application's, with and without the longest token, in
    chunks and not; then 32 requests, each of which has an answer that no other has."""
    body_bytes, token_bytes = 64 << 10, 8 << 10
    for size in (0, body_bytes - token_bytes - 400, body_bytes - 236, body_bytes - 36, body_bytes - 1, body_bytes, body_bytes + 1):
        for token in (0, token_bytes, token_bytes + 1):
            for chunked in (False, True):
                # Read as a request of its own it would make the next one a field of a DELETE.
                body = (b"DELETE /api/stream/key/nobody HTTP/1.1\r\nX-Ignored: " * 1400)[:size]
                fields = ["Content-Type: application/json", "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"]
                if token:
                    fields.append("Authorization: Bearer " + "x" * (token - len("Bearer ")))
                framed = b"%x\r\n%s\r\n0\r\n\r\n" % (size, body) if chunked and size else b"0\r\n\r\n" if chunked else body
                codes = statuses(exchange(port, head("/api/v1/login/access-token", *fields, method="POST"), pieces=[framed]))
                check(codes in ([[413]] if size > body_bytes else [[400], [422]]), f"a body of {size} bytes, a token of {token}, chunked {chunked}: {codes}")
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        for number in range(32):
            connection.request("GET", f"/api/ads/vast-tag?streamId=own-{number}")
            answer = connection.getresponse()
            text = answer.read().decode()
            check(answer.status == 200 and f"own-{number}" in text, f"request {number} got {answer.status} {text[:200]}")


def each_its_own(port):
    """An answer made for each asker is nobody else's, however many ask at once."""
    url = f"http://127.0.0.1:{port}/api/ads/vast-tag"
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: fetch(url)[2], range(300)))
    check(len(set(answers)) == 300, f"{len(set(answers))} different answers of 300")


class Crowd:
    """500 connections that do everything slowly."""

    def __init__(self, port, opening, drip):
        self.peers = []
        for _ in range(SLOW_CLIENTS):
            peer = socket.socket()
            peer.settimeout(10)
            peer.connect(("127.0.0.1", port))
            peer.sendall(opening)
            peer.setblocking(False)
            self.peers.append(peer)
        self.drip = drip
        self.begun = time.monotonic()

    def closed_by_server(self, seconds):
        """Drips until the server has closed everybody."""
        deadline = time.monotonic() + seconds * PATIENCE
        while self.peers and time.monotonic() < deadline:
            for peer in list(self.peers):
                try:
                    if self.drip:
                        peer.send(self.drip)
                    if peer.recv(65536) == b"":
                        raise ConnectionError
                except BlockingIOError:
                    pass
                except OSError:
                    peer.close()
                    self.peers.remove(peer)
            time.sleep(0.5)
        left = len(self.peers)
        self.close()
        return left == 0

    def close(self):
        for peer in self.peers:
            peer.close()
        self.peers = []


def others_are_served(port, path, stop, slow):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while not stop.is_set():
        begun = time.monotonic()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            slow.append(answer.status)
        slow.append(time.monotonic() - begun)
        time.sleep(0.05)
    connection.close()


@contextlib.contextmanager
def served_meanwhile(name, port, path):
    stop, taken = threading.Event(), []
    thread = threading.Thread(target=others_are_served, args=(port, path, stop, taken))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    failed = [value for value in taken if value > 99]
    check(not failed, f"{name}: another client got {failed[:3]}")
    check(len(taken) > 10, f"{name}: another client got {len(taken)} answers")
    taken.sort()
    print(f"  another client meanwhile: {len(taken)} answers, p50 {taken[len(taken) // 2] * 1000:.1f} ms, most {taken[-1] * 1000:.0f} ms", flush=True)
    check(taken[len(taken) // 2] < 0.1 * PATIENCE, f"{name}: another client's median is {taken[len(taken) // 2]:.3f} s")


def slow_clients(name, port, path):
    with served_meanwhile(f"{name}: slow headers", port, path):
        check(Crowd(port, b"GET / HTTP/1.1\r\nHost: a\r\n", b"X").closed_by_server(30), f"{name}: slow headers are cut")
    with served_meanwhile(f"{name}: slow bodies", port, path):
        opening = head("/api/stream/settings/nobody", "Content-Length: 1000", "Content-Type: application/json", method="POST", close=False)
        check(Crowd(port, opening, b" ").closed_by_server(45), f"{name}: slow bodies are cut")


def slow_readers(port, path, size):
    """They ask for a big file and take nothing: the server keeps no more than the kernel holds."""
    check(size > 1 << 20, f"the file is only {size} bytes")
    with served_meanwhile("slow reads", port, path):
        crowd = Crowd(port, head(path, close=False) * 4, b"")
        time.sleep(3)
        crowd.close()


def drains(stack, port, path, size):
    """SIGTERM: who is being served gets everything, and a moment later there is a server again."""
    peers = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(8)]
    received = []
    for peer in peers:
        peer.sendall(head(path, close=False))
        received.append(peer.recv(65536))
    pid = stack.kill("api", signal.SIGTERM)
    for number, peer in enumerate(peers):
        with contextlib.suppress(OSError):
            while piece := peer.recv(1 << 20):
                received[number] += piece
        peer.close()
    whole = [len(answer.split(b"\r\n\r\n", 1)[1]) for answer in received]
    check(whole == [size] * 8, f"of {size} bytes came {whole}")
    stack.wait_ready("api", other_than=pid)
    check(statuses(exchange(port, head(path, method="HEAD"))) == [200], "the next process serves")


def port_of(url):
    return int(re.search(r":(\d+)", url.split("//")[1]).group(1))


def abuse():
    with Stack(API_CONNECTIONS_PER_ADDRESS="2000", HLS_CONNECTIONS_PER_ADDRESS="2000") as stack:
        first = make_clip(stack.home / "first.flv", seconds=6, bitrate="4M", size="1280x720")
        stack.publish(first, realtime=False).wait(timeout=60)
        recorded = stack.wait_recordings(1)[0]
        clip = make_clip(stack.home / "clip.flv", seconds=20)
        publisher = stack.publish_on(clip)
        wait_for(lambda: stack.playlist() and stack.playlist().segments, "a playlist")
        ports = {"api": port_of(stack.info["api_url"]), "packaging": port_of(stack.info["hls_url"])}
        paths = {"api": f"/api/stream/status/{stack.stream_id}", "packaging": f"/live/{stack.stream_id}/master.m3u8"}
        file = f"/api/vod/file/{recorded.name}"
        with concurrent.futures.ThreadPoolExecutor(32) as pool:  # the connections that the edge keeps to the application
            list(pool.map(fetch, [f"http://127.0.0.1:{ports['api']}{paths['api']}?n={number}" for number in range(400)]))
        oracles = {name: Oracle(stack, name) for name in ports}
        for name, oracle in oracles.items():
            with oracle.case(f"38 {name}: ranges"):
                ranges(f"http://127.0.0.1:{ports['api']}{file}" if name == "api" else stack.playlist().segments[-1][1])
            with oracle.case(f"38 {name}: framing"):
                framing(ports[name], paths[name])
            with oracle.case(f"38 {name}: bodies"):
                bodies(ports[name], "/api/v1/users/signup")
            if name == "api":
                with oracle.case("38 api: what is passed on"):
                    passing(ports[name])
                    each_its_own(ports[name])
            with oracle.case(f"39 {name}: slow clients", growth_kib=64 * 1024):
                slow_clients(name, ports[name], paths[name])
        print("38: every operator's port", flush=True)
        at_every_port(stack)
        check(all(slowly(port) for port in ports.values()), "a last chunk that comes byte by byte is not answered")
        with oracles["api"].case("39: slow reads", growth_kib=64 * 1024):
            slow_readers(ports["api"], file, recorded.stat().st_size)
        print("a drain", flush=True)
        drains(stack, ports["api"], file, recorded.stat().st_size)
        leave(publisher)
        same_frames_again_and_again(clip, stack.wait_recordings(2)[-1])
        no_secret_in_logs(stack)


main(abuse)
