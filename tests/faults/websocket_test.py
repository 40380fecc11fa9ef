#!/usr/bin/env python3
"""Cases 48 and 49 of the live feed: clients of foreign origins, without or with bad and expiring tokens, that break the protocol,
flood, never finish, or stop reading. Beside them a good client gets its update every second."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from oracle import Oracle, no_secret_in_logs  # noqa: E402
from stack import Stack, check, fetch, main, make_clip, wait_for  # noqa: E402
from websocket_client import Closed, WebSocket  # noqa: E402

SITE = "https://site.example"
MASK = b"\0\0\0\0"


def event(name, **data):
    return json.dumps({"event": name, "data": data})


def frame(first, payload=b"", masked=True):
    size = len(payload)
    bit = 0x80 if masked else 0
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65536:
        head = bytes([first, bit | 126]) + struct.pack(">H", size)
    else:
        head = bytes([first, bit | 127]) + struct.pack(">Q", size)
    return head + (MASK if masked else b"") + payload


def token_of(stack, subject, lifetime, **claims):
    """Signed as auth does; it is refused lifetime seconds from now (auth allows 30 s of clock difference)."""
    secrets = dict(line.split("=", 1) for line in (stack.home / "secrets.env").read_text().split())
    now = int(time.time())
    part = lambda value: base64.urlsafe_b64encode(value).rstrip(b"=")  # noqa: E731
    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(
        {"sub": subject, "iss": "millrace", "iat": now - 100, "exp": now - 30 + lifetime, **claims}).encode())
    return (signed + b"." + part(hmac.new(secrets["API_TOKEN_SECRET"].encode(), signed, hashlib.sha256).digest())).decode()


class Good:
    """A client that reads everything; at any time its last update is young."""

    def __init__(self, port):
        self.client = WebSocket(port)
        self.updates, self.longest, self.last, self.error = 0, 0.0, time.monotonic(), None
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            while True:
                if json.loads(self.client.recv())["event"] != "metricsUpdate":
                    continue
                now = time.monotonic()
                self.longest, self.last, self.updates = max(self.longest, now - self.last), now, self.updates + 1
        except OSError as error:
            self.error = error

    def check(self):
        check(self.error is None, f"the good client was cut off: {self.error}")
        before = self.updates
        wait_for(lambda: self.updates > before, "the good client's next update", 10)


def code_of(client, seconds=20):
    """What the server closes with."""
    client.socket.settimeout(seconds)
    try:
        while True:
            client.recv()
    except Closed as closed:
        return closed.code
    except ConnectionError:
        return 0


def wait_event(client, name, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        message = json.loads(client.recv())
        if message["event"] == name:
            return message["data"]
    raise AssertionError(f"no {name}")


@contextlib.contextmanager
def connected(port, **options):
    client = WebSocket(port, **options)
    try:
        yield client
    finally:
        client.close()


def refused(port, status, **options):
    try:
        WebSocket(port, **options).close()
    except ConnectionError as error:
        check(f" {status} " in str(error), f"{status} expected: {error}")
        return
    check(False, f"taken although {status} was expected: {options}")


def make_private(stack, stream_id):
    binary = pathlib.Path(os.environ["MILLRACE_BIN"]) / "millrace-auth"
    environment = {**stack.environment, **dict(line.split("=", 1) for line in (stack.home / "secrets.env").read_text().split())}
    result = subprocess.run([str(binary), "--make-private", stream_id], env=environment, capture_output=True, text=True, timeout=30)
    check(result.returncode == 0, result.stderr)


def origins(oracle, port):
    with oracle.case("foreign and malformed origins are refused, none and the allowed one taken"):
        for origin in ("https://evil.example", "null", SITE + ".evil.example", "https://site.example:444", "http://site.example"):
            refused(port, 403, headers=[f"Origin: {origin}"])
            status, _, body = fetch(f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling", {"Origin": origin})
            check(status == 403, f"{origin}: {status} {body}")
        for headers in ([], [f"Origin: {SITE}"]):
            with connected(port, headers=headers) as client:
                wait_event(client, "metricsUpdate")
        status, headers, _ = fetch(f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling", {"Origin": SITE})
        check(status == 200 and headers["Access-Control-Allow-Origin"] == SITE, f"{status} {headers}")
        check("Access-Control-Allow-Credentials" not in headers, "credentials are never allowed")


def tokens(oracle, stack, port):
    with oracle.case("bad tokens are refused; a session ends with its token"):
        for token in ("nonsense", "a.b.c", token_of(stack, "alice", -5), token_of(stack, "alice", 60)[:-2]):
            refused(port, 401, headers=[f"Authorization: Bearer {token}"])
            with connected(port) as client:
                client.send(event("authenticate", token=token))
                check(wait_event(client, "error")["code"] == "unauthorized", "a bad token")
        with connected(port, headers=[f"Authorization: Bearer {token_of(stack, 'alice', 4)}"]) as client:
            began = time.monotonic()
            check(code_of(client) == 4401, "the end of an expired session")
            check(time.monotonic() - began > 1, "it was good when it began")
        with connected(port) as client:
            client.send(event("authenticate", token=token_of(stack, "alice", 4)))
            wait_event(client, "authenticated")
            check(code_of(client) == 4401, "the end of an expired session")


def strangers(oracle, stack, port, private_id, owner):
    key = stack.info["publish_url"].rsplit("/", 1)[1]
    with oracle.case("a stranger cannot subscribe to a private stream, nor tell it from none"):
        with connected(port, headers=[f"Authorization: Bearer {token_of(stack, 'stranger', 600)}"]) as client:
            answers = []
            for name in (private_id, "no-such-stream"):
                client.send(event("subscribe", streamKey=name))
                answers.append(wait_event(client, "error"))
            check(answers[0] == answers[1] and answers[0]["code"] == "stream_unknown", answers)
            client.send(event("subscribe", streamKey=stack.stream_id))
            wait_event(client, "subscribed")
            update = wait_event(client, "metricsUpdate")
            check(update["streamKey"] == stack.stream_id and key not in json.dumps(update), update)
        with connected(port, headers=[f"Authorization: Bearer {owner}"]) as client:
            client.send(event("subscribe", streamKey=private_id))
            check(wait_event(client, "subscribed") == {"streamId": private_id}, "its owner may")


def broken_frames(oracle, port):
    rows = [("64 MiB announced", b"\x81\xff" + struct.pack(">Q", 64 << 20) + MASK + b"x" * 4096, (1009,)),
            ("64 MiB in fragments", b"".join([frame(0x01, b"x" * 30_000)] + [frame(0x00, b"x" * 30_000)] * 3), (1009,)),
            ("unmasked", frame(0x81, b"{}", masked=False), (1002,)),
            ("bad UTF-8", frame(0x81, b"\xff\xfe"), (1007,)),
            ("UTF-8 cut at the end", frame(0x81, b"\xe2\x82"), (1007,)),
            ("fragmented ping", frame(0x09, b"x"), (1002,)),
            ("long ping", frame(0x89, b"x" * 126), (1002,)),
            ("RSV1", frame(0xC1, b"{}"), (1002,)), ("RSV3", frame(0x91, b"{}"), (1002,)),
            ("unknown opcode", frame(0x83, b"{}"), (1002,)), ("continuation of nothing", frame(0x80, b"{}"), (1002,)),
            ("message in a message", frame(0x01, b"{") + frame(0x81, b"{}"), (1002,)),
            ("binary", frame(0x82, b"\0\1"), (1008,)),
            ("a close of one byte", frame(0x88, b"x"), (1002,))]
    for name, data, codes in rows:
        with oracle.case(f"frame: {name}"), connected(port) as client:
            with contextlib.suppress(ConnectionError):
                client.socket.sendall(data)
            code = code_of(client)
            check(code in codes, f"{name}: closed with {code}")


def nonsense(oracle, port):
    with oracle.case("messages that are no events are answered as errors"):
        for text in ("", "{}", "[]", "null", "7", '"x"', '{"event":7}', '{"event":"subscribe","data":' + "[" * 20_000, "[" * 30_000 + "]" * 30_000,
                     event("subscribe", streamKey="../../etc/passwd"), event("publish", streamKey="x"), '{"event":"subscribe"}'):
            with connected(port) as client:
                client.socket.sendall(frame(0x81, text.encode()))
                check(wait_event(client, "error")["code"] in ("unknown_event", "bad_request"), text[:40])


def floods(oracle, port):
    with oracle.case("a hundred thousand subscriptions"), connected(port) as client:
        client.send(event("ping"))
        wait_event(client, "pong")
        many = b"".join(frame(0x81, event("subscribe", streamKey=f"stream-{i}").encode()) for i in range(1000))
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                client.socket.sendall(many)
        check(code_of(client) in (0, 1008), "closed for it")
    with oracle.case("a thousand sessions of Socket.IO that are never used"):
        statuses = [fetch(f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling")[0] for _ in range(1000)]
        check(set(statuses) <= {200, 503} and 503 in statuses, f"{set(statuses)}: bounded by address")


def engine_io(oracle, port):
    base = f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling"
    with oracle.case("Engine.IO asked wrongly"):
        rows = [("/socket.io/?EIO=3&transport=polling", 400, 5), ("/socket.io/?transport=polling", 400, 5), ("/socket.io/?EIO=4", 400, 0),
                ("/socket.io/?EIO=4&transport=smoke", 400, 0), ("/socket.io/?EIO=4&transport=polling&sid=guess", 400, 1),
                ("/socket.io/?EIO=4&transport=websocket", 400, 3)]
        for path, status, code in rows:
            answer, _, body = fetch(f"http://127.0.0.1:{port}{path}")
            check((answer, json.loads(body)["code"]) == (status, code), f"{path}: {answer} {body}")
        check(fetch(base, method="POST")[0] == 400, "a POST of no session")
        sid = json.loads(fetch(base)[2][1:])["sid"]
        check(len(sid) == 32, f"{sid}: 128 bits")
        with connected(port, path=f"/socket.io/?EIO=4&transport=websocket&sid={sid}") as client:
            client.send("40")
            check(code_of(client) == 1002, "a WebSocket that does not probe")
        with connected(port, path=f"/socket.io/?EIO=4&transport=websocket&sid={sid}") as client:
            client.send("2probe")
            check(client.recv() == "3probe", "the probe's answer")


def stopped_readers(oracle, port, good):
    with oracle.case("readers that stop", growth_kib=32 * 1024):
        stalled = []
        for _ in range(100):
            client = WebSocket(port)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            stalled.append(client)
        # Each is asked for more answers than it takes.
        for client in stalled:
            with contextlib.suppress(OSError):
                client.socket.settimeout(0.2)
                client.socket.sendall(frame(0x81, event("ping").encode()) * 200)
        before = good.updates
        wait_for(lambda: good.updates >= before + 5, "the good client's updates beside stalled ones", 20)
        check(good.longest < 8, f"an update came {good.longest:.1f} s after the one before")
        for client in stalled:
            client.close()
    with oracle.case("a client that closes and never goes"):
        with connected(port) as client:
            client.socket.sendall(frame(0x88, struct.pack(">H", 1000)))
            check(code_of(client) == 1000, "the answer to a close")
            check(client.socket.recv(1) == b"", "the end of the connection")


def test():
    with Stack(API_CORS_ORIGINS=SITE, API_CONNECTIONS_PER_ADDRESS="512") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=10)
        stack.publish(clip, loop=-1)
        port = int(stack.info["api_url"].rsplit(":", 1)[1])
        wait_for(lambda: json.loads(fetch(f"{stack.info['api_url']}/api/stream/status/{stack.stream_id}")[2]).get("isLive"), "the stream")
        good = Good(port)
        good.check()
        owner = token_of(stack, "hermit", 3600)
        key = json.loads(fetch(stack.info["api_url"] + "/api/stream/key", {"Authorization": f"Bearer {owner}"})[2])
        make_private(stack, key["streamId"])
        oracle = Oracle(stack, "api")
        origins(oracle, port)
        tokens(oracle, stack, port)
        strangers(oracle, stack, port, key["streamId"], owner)
        broken_frames(oracle, port)
        nonsense(oracle, port)
        engine_io(oracle, port)
        stopped_readers(oracle, port, good)
        floods(oracle, port)
        good.check()
        no_secret_in_logs(stack)
        for log in (stack.home / "logs").rglob("current"):
            check(owner not in log.read_text(errors="replace"), f"a token is in {log.parent.name}'s log")


if __name__ == "__main__":
    main(test)
