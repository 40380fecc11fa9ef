#!/usr/bin/env python3
"""Cases 1-12, 16 and 20 of the abuse list: a hostile RTMP peer hurts only itself."""
import os
import socket
import struct
import time

from wire import NULL, Peer, basic_header, chunk, control, number, objects, string
from oracle import Oracle, no_secret_in_logs, same_frames
from stack import Stack, check, main, make_clip, wait_for


def silent_peers(oracle):
    """1: 150 connections that send nothing, or a byte now and then, are closed at the handshake's deadline."""
    peers = [Peer(oracle.port) for _ in range(150)]
    for peer in peers[:20]:
        peer.send(b"\x03")
    closed = sum(peer.is_closed(8 if index == 0 else 2) for index, peer in enumerate(peers))
    for peer in peers:
        peer.socket.close()
    check(closed == len(peers), f"closed {closed} of {len(peers)} silent connections")


def odd_versions(oracle):
    """2: C0 of other protocols."""
    for version in (0, 6, 80, 255):
        with Peer(oracle.port) as peer:
            peer.send(bytes([version]) + os.urandom(1536)).drain()
    with Peer(oracle.port) as peer:
        peer.send(b"POST /live HTTP/1.1\r\nHost: x\r\n\r\n")
        check(peer.is_closed(6), "HTTP on the RTMP port is closed")


def odd_handshakes(oracle):
    """3: everything before the answer is read; a C2 that echoes nothing."""
    with Peer(oracle.port) as peer:
        peer.send(b"\x03" + bytes(8) + os.urandom(1528) + os.urandom(1536))
        peer.read_exactly(3073)
        peer.connect()


def chunk_sizes(oracle):
    """4: sizes that are nothing, tiny, huge or negative."""
    for size, dies in ((0, True), (0x80000000, True), (1, False), (127, False), (65536, False), (0x7FFFFFFF, False)):
        with Peer(oracle.port) as peer:
            peer.handshake().send(control(1, size))
            if dies:
                check(peer.is_closed(5), f"SetChunkSize {size:#x} is refused")
            else:
                body = string("connect") + number(1) + objects(app="live")
                try:
                    peer.send(chunk(20, body, size=min(size, 1 << 24)))
                    peer.expect(b"NetConnection.Connect.Success")
                except (ConnectionError, OSError):
                    check(size < 128, f"SetChunkSize {size} works")
    with Peer(oracle.port) as peer:
        peer.handshake().send(chunk(1, b"\x00\x00\x01", csid=2, length=4)).drain()


def huge_announcements(oracle):
    """5: 16 MB announced on thousands of chunk streams."""
    with Peer(oracle.port) as peer:
        peer.handshake()
        try:
            for csid in range(64, 64000, 16):
                peer.send(chunk(20, b"x" * 128, csid=csid, length=0xFFFFFF, size=128))
        except OSError:
            return
        check(peer.is_closed(5), "partial messages are bounded")


def missing_context(oracle):
    """6: compressed headers without a predecessor; large ids are legal."""
    for fmt in (1, 2, 3):
        with Peer(oracle.port) as peer:
            peer.handshake().send(chunk(20, b"x" * 10, csid=9, fmt=fmt))
            check(peer.is_closed(5), f"type {fmt} first is refused")
    for csid in (2, 63, 64, 319, 320, 65599):
        with Peer(oracle.port) as peer:
            peer.handshake().send(chunk(20, string("connect") + number(1) + objects(app="live"), csid=csid, size=128))
            peer.expect(b"NetConnection.Connect.Success")


def length_change(oracle):
    """7: the length changes in mid-message."""
    with Peer(oracle.port) as peer:
        peer.handshake().send(chunk(20, b"x" * 128, csid=5, length=1000, size=128))
        peer.send(chunk(20, b"y" * 128, csid=5, fmt=1, length=100000, size=128))
        check(peer.is_closed(5), "a changed length is refused")


def control_messages(oracle):
    """8: control messages with odd values."""
    with Peer(oracle.port) as peer:
        peer.handshake().send(control(2, 77) + control(3, 0) + control(5, 0))
        peer.send(chunk(6, struct.pack(">IB", 0, 9), csid=2) + chunk(4, b"\x00", csid=2) + chunk(4, b"", csid=2)).drain()


def amf_bombs(oracle):
    """9: AMF0 that lies about lengths, nests without end or refers to itself."""
    deep = (b"\x03" + b"\x00\x01a") * 100_000
    bombs = [b"\x02\xff\xffabc", deep, b"\x08\xff\xff\xff\xff", b"\x0a\xff\xff\xff\xff", b"\x03\x00\x01a\x07\x00\x00\x00\x00\x09",
             b"\x0b" + bytes(10), b"\x0f\xff\xff\xff\xff", b"\x10\x00\x01a", b"\x00\x7f\xf8" + bytes(6), b"\x0d", b"\xff"]
    for bomb in bombs:
        for prefix in (string("connect") + number(1), string("connect") + number(-1), b""):
            with Peer(oracle.port) as peer:
                peer.handshake()
                try:
                    peer.send(chunk(20, prefix + bomb, size=128))
                    peer.drain(0.05)
                except OSError:
                    pass
    with Peer(oracle.port) as peer:
        peer.handshake().send(chunk(17, b"\x00" + string("connect") + number(1) + objects(app="live")))
        peer.expect(b"NetConnection.Connect.Success")


def odd_connects(oracle):
    """10: no tcUrl works; a huge one is refused; queries and Adobe's authmod do not hurt."""
    for properties in ({"app": "live"}, {"app": "live?authmod=adobe"}, {"app": "live?a=b#c"}, {"app": "live", "tcUrl": "rtmp://[::1]/live"}):
        with Peer(oracle.port) as peer:
            peer.handshake().command("connect", 1, objects(**properties)).expect(b"NetConnection.Connect.")
    with Peer(oracle.port) as peer:
        peer.handshake().command("connect", 1, objects(tcUrl="rtmp://x/" + "a" * 65000)).drain()


def odd_names(oracle):
    """11: stream names that would leave their place; nothing may be made outside the home."""
    for name in ("../../tmp/millrace-pwned", "%2e%2e%2fx", b"a\x00b", "a\r\nb", "x" * 4096, "\N{GRINNING FACE}", "a/b", "/etc/passwd", "con", "x.", ""):
        with Peer(oracle.port) as peer:
            peer.handshake().connect()
            peer.command("createStream", 2, NULL).expect(b"_result")
            peer.command("publish", 3, NULL, string(name), string("live"), message_stream=1)
            try:
                peer.expect(b"error")
            except ConnectionError:
                pass
    check(not os.path.exists("/tmp/millrace-pwned"), "nothing was made outside")


def odd_order(oracle):
    """12: commands out of order and without end."""
    with Peer(oracle.port) as peer:
        peer.handshake().command("publish", 1, NULL, string("x"), string("live"), message_stream=1).drain()
    with Peer(oracle.port) as peer:
        peer.handshake().connect().command("publish", 2, NULL, string("x"), string("live"), message_stream=1).drain()
    with Peer(oracle.port) as peer:
        peer.handshake().connect()
        try:
            for transaction in range(10_000):
                peer.command("createStream", transaction + 2, NULL)
                if transaction % 500 == 0:
                    peer.drain(0.01)
                    peer.socket.settimeout(10)
        except OSError:
            pass
    with Peer(oracle.port) as peer:
        peer.handshake().connect().command("deleteStream", 3, NULL, number(99)).drain()


def deaf_publisher(oracle):
    """16: a peer that never reads what we must answer, and a player that sends media."""
    with Peer(oracle.port) as peer:
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.handshake()
        peer.socket.settimeout(3)
        try:
            for index in range(50_000):
                peer.send(chunk(4, struct.pack(">HI", 6, index), csid=2))
        except OSError:
            pass
    with Peer(oracle.port) as peer:
        peer.play(oracle.stack.stream_id)
        try:
            for _ in range(2000):
                peer.send(chunk(9, b"\x17\x01\x00\x00\x00" + bytes(4000), csid=6, message_stream=1))
                peer.drain(0.0005)
        except OSError:
            pass


def connection_storm(oracle):
    """20: thousands of short connections."""
    for _ in range(3000):
        Peer(oracle.port).socket.close()
    idle = [Peer(oracle.port) for _ in range(300)]
    with Peer(oracle.port) as peer:
        peer.handshake().connect()
    for peer in idle:
        peer.socket.close()


CASES = (silent_peers, odd_versions, odd_handshakes, chunk_sizes, huge_announcements, missing_context, length_change, control_messages,
         amf_bombs, odd_connects, odd_names, odd_order, deaf_publisher, connection_storm)


def rtmp():
    with Stack(HANDSHAKE_SECONDS="3") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=55)
        publisher = stack.publish(clip)
        wait_for(stack.playlist, "a playlist")
        oracle = Oracle(stack)
        for run in CASES:
            with oracle.case(run.__doc__.split("\n")[0]):
                run(oracle)
            check(publisher.poll() in (None, 0), f"the good publisher was hurt by {run.__name__}")
        check(publisher.wait(timeout=120) == 0, "the good publisher ended well")
        same_frames(clip, stack.wait_recordings()[0])
        no_secret_in_logs(stack)
        time.sleep(0.1)


main(rtmp)
