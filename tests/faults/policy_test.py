#!/usr/bin/env python3
"""Who may come, how many, how much: limits of an address (cases 1, 5 and 20 by address), the PROXY protocol, the play whitelist,
streams, bit rate and resolution (case 27's other half); beside a good publisher that is within all of them."""
import json
import os
import resource
import socket
import struct
import subprocess

from wire import Peer, chunk, flv_tags
from oracle import Oracle, no_secret_in_logs, same_frames
from rtmps_test import make_certificate, metric
from stack import PATIENCE, ROOT, Stack, check, fetch, main, make_clip, wait_for

STRANGER, NEIGHBOUR, CROWD, TALKER, PROXY, UNTRUSTED = (f"127.0.0.{n}" for n in (2, 3, 4, 5, 6, 7))
LIMIT = 4


def another_key(stack, name):
    """A stream of another account."""
    secrets = dict(line.split("=", 1) for line in (stack.home / "secrets.env").read_text().split())
    auth = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/bin")) + "/millrace-auth"
    token = subprocess.run([auth, "--issue-token", name], env={**stack.environment, **secrets}, capture_output=True, text=True,
                           check=True).stdout.strip()
    status, _, body = fetch(stack.info["api_url"] + "/api/stream/key", {"Authorization": f"Bearer {token}"})
    check(status == 200, f"a key for {name}: {status} {body}")
    return json.loads(body)["streamUrl"].rsplit("/", 1)[1]


def is_open(peer):
    """The server answers its handshake."""
    try:
        peer.handshake()
        return True
    except (ConnectionError, TimeoutError, OSError):
        return False


def address_limit(oracle):
    """1, 20: a fifth connection of an address is closed, over both ports; its neighbour's is not; and it may come back."""
    held = [Peer(oracle.port, source=STRANGER), Peer(oracle.port, source=STRANGER), Peer(oracle.tls_port, source=STRANGER, tls=True),
            Peer(oracle.tls_port, source=STRANGER, tls=True)]
    check(all(is_open(peer) for peer in held), f"{LIMIT} connections of an address are served")
    for port in (oracle.port, oracle.tls_port):
        with Peer(port, source=STRANGER) as peer:
            check(peer.is_closed(5), "one more is closed")
    with Peer(oracle.port, source=NEIGHBOUR) as peer:
        check(is_open(peer), "another address is served")
    check(metric(oracle, "address_refused_total") >= 2, "refusals are counted")
    held.pop().socket.close()

    def let_in():
        with Peer(oracle.port, source=STRANGER) as peer:
            return is_open(peer)
    wait_for(let_in, "a place that became free", 10)
    for peer in held:
        peer.socket.close()


def crowd(oracle):
    """1: 500 silent connections of one address leave it its four, and everybody else theirs."""
    refused = metric(oracle, "address_refused_total")
    peers = [Peer(oracle.port, source=CROWD) for _ in range(500)]
    with Peer(oracle.port, source=NEIGHBOUR) as peer:
        check(is_open(peer), "a neighbour is served meanwhile")
    wait_for(lambda: metric(oracle, "address_refused_total") - refused >= 500 - LIMIT, "496 to be refused", 10)
    check(all(peer.is_closed(8 * PATIENCE) for peer in peers), "the four are closed at their deadline")
    for peer in peers:
        peer.socket.close()


def byte_budget(oracle):
    """5: what an address sends before it is let in is budgeted over its connections: reconnecting does not help."""
    flood = chunk(9, bytes(200_000), csid=6, message_stream=1, size=1 << 20)

    def exhausted():
        try:
            with Peer(oracle.port, source=TALKER) as peer:
                peer.handshake()
                peer.send(chunk(1, struct.pack(">I", 1 << 20), csid=2))
                peer.send(flood)
                peer.connect()
        except (ConnectionError, OSError):
            return True
        return False
    tries = next((n for n in range(1, 20) if exhausted()), None)
    check(tries and tries > 2, f"the budget ended at {tries} connections of 200 KB")
    check(metric(oracle, "address_bytes_exceeded_total") + metric(oracle, "address_refused_total") > 0, "that is counted")
    with Peer(oracle.port, source=NEIGHBOUR) as peer:
        check(is_open(peer), "a neighbour is served")

    def let_in():
        with Peer(oracle.port, source=TALKER) as peer:
            return is_open(peer)
    wait_for(let_in, "the budget to grow again", 40, interval=1)


def v2(command, source="203.0.113.77", tlvs=b""):
    body = b"" if command == 0 else socket.inet_aton(source) + socket.inet_aton("198.51.100.1") + struct.pack(">HH", 40000, 1935) + tlvs
    return b"\r\n\r\n\x00\r\nQUIT\n" + bytes([0x20 | command, 0x11 if command else 0]) + struct.pack(">H", len(body)) + body


def proxy(oracle):
    """The PROXY protocol: a trusted proxy's clients are who it says they are, on both ports; others' headers are garbage."""
    headers = (b"PROXY TCP4 203.0.113.77 198.51.100.1 40000 1935\r\n", v2(1), v2(1, tlvs=b"\x04\x00\x03abc"))
    for tls in (False, True):
        for index, header in enumerate(headers):
            with Peer(oracle.tls_port if tls else oracle.port, source=PROXY, before=header, tls=tls) as peer:
                peer.publish(oracle.keys[0])
            wait_for(lambda: 'peer="203.0.113.77"' in oracle.log(), f"the client's address in the log (header {index})", 5)
    # The client's address is what is counted, not the proxy's.
    held = []

    def one_more():  # places of connections that are gone become free a moment later
        held.append(Peer(oracle.port, source=PROXY, before=headers[0]))
        return is_open(held[-1]) or held.pop().socket.close()
    for _ in range(LIMIT):
        wait_for(one_more, "four of the client", 5)
    with Peer(oracle.port, source=PROXY, before=headers[0]) as peer:
        check(peer.is_closed(5), "its fifth is closed")
    others = [Peer(oracle.port, source=PROXY, before=v2(1, f"203.0.113.{n}")) for n in range(10)]
    check(all(is_open(peer) for peer in others), "ten other clients are served")
    for peer in held + others:
        peer.socket.close()
    with Peer(oracle.port, source=PROXY, before=v2(0)) as peer:
        check(is_open(peer), "the proxy's own check (LOCAL) is served")
    for what in (b"\x03" + os.urandom(1536), b"PROXY TCP4 what ever 1 2\r\n", b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff"):
        with Peer(oracle.port, source=PROXY, before=what) as peer:
            check(peer.is_closed(5), f"{what[:12]} of a trusted proxy is closed")
    for header in headers:
        for port in (oracle.port, oracle.tls_port):
            with Peer(port, source=UNTRUSTED, before=header) as peer:
                check(peer.is_closed(8 * PATIENCE), "a stranger's header is garbage")
    silent = Peer(oracle.port, source=PROXY, before=b"PROXY TCP4 203.0")
    check(silent.is_closed(8 * PATIENCE), "half a header ends at the handshake's deadline")


def play_whitelist(oracle):
    """Playing is for the whitelist only: others are told, as the Go server told them, and closed; publishing is not touched."""
    with Peer(oracle.port) as peer:
        peer.play(oracle.stack.stream_id)
    with Peer(oracle.port, source=NEIGHBOUR) as peer:
        peer.handshake().connect()
        peer.command("createStream", 2, b"\x05").expect(b"_result")
        peer.command("play", 3, b"\x05", b"\x02" + struct.pack(">H", len(oracle.stack.stream_id)) + oracle.stack.stream_id.encode(),
                     message_stream=1)
        peer.expect(b"NetStream.Play.BadName")
        check(peer.is_closed(5), "and closed")


def stream_limit(oracle):
    """RTMP_MAX_STREAMS: one more publisher is told so, and nobody is taken over."""
    with Peer(oracle.port) as second:
        second.publish(oracle.keys[0])
        with Peer(oracle.port) as third:
            try:
                third.publish(oracle.keys[1])
                check(False, "a third stream")
            except ConnectionError:
                check(b"NetStream.Publish.Denied" in third.received, f"told: {third.received[-200:]}")
    check(metric(oracle, "over_streams_total") == 1, "counted")

    def free():
        with Peer(oracle.port) as third:
            try:
                third.publish(oracle.keys[1])
                return True
            except ConnectionError:
                return False
    wait_for(free, "the place of the one that left", 10)


def bitrate(oracle):
    """RTMP_MAX_BITRATE: too much over some seconds ends with a status; a large key frame does not."""
    tags = flv_tags(oracle.clip)
    with Peer(oracle.port) as peer:
        peer.publish(oracle.keys[0])
        for tag in tags[:3]:
            peer.media(tag)
        frame = b"\x17\x01\x00\x00\x00" + struct.pack(">I", 900_000) + b"\x65" + bytes(899_999)
        peer.media((9, 40, frame))
        peer.media((9, 80, b"\x27\x01\x00\x00\x00" + struct.pack(">I", 100) + b"\x41" + bytes(99)))
        check(not peer.is_closed(1), "a key frame of 900 KB is within 2 Mbit/s over ten seconds")
        peer.socket.settimeout(10)
        try:
            for n in range(10):
                peer.media((9, 120 + n * 40, frame))
            peer.expect(b"NetStream.Publish.Denied")
            peer.expect(b"2000 kbit/s")
        except (ConnectionResetError, BrokenPipeError):
            pass  # it sent on after its status
        check(peer.is_closed(5), "and closed")
    check(metric(oracle, "over_bitrate_total") == 1, "counted")


def resolution(oracle):
    """27: pictures larger than RTMP_MAX_RESOLUTION are refused with their size; upright ones are held to the same sides."""
    directory = oracle.stack.home
    for size, allowed in (("180x320", True), ("322x180", False), ("360x640", False), ("200x200", False)):
        tags = flv_tags(make_clip(directory / f"{size}.flv", seconds=1, size=size, audio=False, bframes=0))
        with Peer(oracle.port) as peer:
            peer.publish(oracle.keys[0])
            for tag in tags[:5]:
                peer.media(tag)
            if allowed:
                check(not peer.is_closed(1), f"{size} is taken")
            else:
                peer.expect(b"NetStream.Publish.Denied").expect(size.encode())
                check(peer.is_closed(5), f"{size} is closed")
    check(metric(oracle, "over_resolution_total") == 3, "counted")


def descriptors(oracle):
    """20, 60: without descriptors whoever comes is closed at once, and served again when there are some; live streams go on."""
    kind = resource.RLIMIT_NOFILE
    before = resource.prlimit(oracle.pid, kind)
    refused = metric(oracle, "connections_refused_total")
    resource.prlimit(oracle.pid, kind, (oracle.count_descriptors() + 10, before[1]))
    try:
        peers = [Peer(oracle.port) for _ in range(60)]
        check(sum(not is_open(peer) for peer in peers) >= 40, "those beyond are closed")
        for peer in peers:
            peer.socket.close()
    finally:
        resource.prlimit(oracle.pid, kind, before)

    def served():
        with Peer(oracle.port) as peer:
            return is_open(peer)
    wait_for(served, "a new connection to be served", 10)
    check(metric(oracle, "connections_refused_total") - refused >= 40, "they are counted")


CASES = (address_limit, crowd, byte_budget, proxy, play_whitelist, stream_limit, bitrate, resolution, descriptors)


def policy():
    environment = {"CONCURRENT_LIMIT_WHITELIST": "127.0.0.1", "MAX_IP_CONCURRENT_CONNECTIONS": str(LIMIT), "RTMP_MAX_STREAMS": "2",
                   "RTMP_MAX_BITRATE": "2", "RTMP_MAX_RESOLUTION": "320x180", "RTMP_PLAY_WHITELIST": "127.0.0.1/32,10.0.0.0/8",
                   "PROXY_PROTOCOL_TRUSTED": PROXY, "HANDSHAKE_SECONDS": "3"}
    stack = Stack(**environment)
    crt, key = make_certificate(stack.home, "first")
    stack.environment.update(SSL_CERT=str(crt), SSL_KEY=str(key))
    with stack:
        clip = make_clip(stack.home / "clip.flv", seconds=60)
        publisher = stack.publish(clip)
        wait_for(stack.playlist, "a playlist")
        oracle = Oracle(stack)
        oracle.clip, oracle.keys = clip, [another_key(stack, name) for name in ("one", "two")]
        oracle.log = lambda: (stack.home / "logs/ingest/current").read_text(errors="replace")
        oracle.tls_port = int(stack.info["rtmps_url"].split(":")[2].split("/")[0])
        oracle.ops_port = next(s["ops_port"] for s in stack.status()["services"] if s["name"] == "ingest")
        for run in CASES:
            with oracle.case(run.__doc__.split("\n")[0]):
                run(oracle)
            check(publisher.poll() in (None, 0), f"the good publisher was hurt by {run.__name__}")
        check(publisher.wait(timeout=120) == 0, "the good publisher ended well")
        recording = wait_for(lambda: [path for path in stack.recordings() if stack.stream_id in path.name], "the recording")
        same_frames(clip, recording[0])
        no_secret_in_logs(stack)
        for key in oracle.keys:
            check(key not in oracle.log(), "a key in ingest's log")


main(policy)
