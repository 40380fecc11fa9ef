#!/usr/bin/env python3
"""Case 19: every input that the fuzzers kept is sent to the real server: raw, after the handshake, in
messages, and as media of a publication."""
import socket

from wire import Peer, chunk
from oracle import Oracle, no_secret_in_logs, same_frames
from crafted import key_of
from stack import ROOT, SERVICES, Stack, check, main, make_clip, wait_for

LARGEST = 4096


def inputs():
    """The committed corpora: sessions and chunk streams to be sent as they are, bodies of messages to be framed."""
    streams, bodies = [], []
    for directory in sorted((ROOT / "libs").glob("*/*_fuzz_seeds")):
        kind = streams if directory.name.split("_")[0] in ("server", "chunk", "handshake", "client") else bodies
        kind.extend(path.read_bytes()[:LARGEST] for path in sorted(directory.iterdir()))
    check(len(streams) > 20 and len(bodies) > 100, f"{len(streams)} and {len(bodies)} inputs")
    return streams, bodies


def send(peer, data):
    """What the server makes of it is seen by the oracle; that it hangs up is its right."""
    try:
        peer.send(data)
        peer.socket.shutdown(socket.SHUT_WR)
        check(peer.is_closed(10), f"the server hangs up after {data[:40]!r}")
    except OSError:
        pass
    peer.socket.close()


def raw(oracle, streams):
    """19: the corpora as first bytes."""
    for data in streams:
        send(Peer(oracle.port), data)


def shaken(oracle, streams):
    """19: the corpora after the handshake, and after connect."""
    for data in streams:
        send(Peer(oracle.port).handshake(), data)
        send(Peer(oracle.port).handshake().connect(), data)


def framed(oracle, bodies):
    """19: the corpora as bodies of commands, pictures, sounds and data of a publication."""
    for start in range(0, len(bodies), 16):
        for kind in (8, 9, 18, 22, 20, 17):
            peer = Peer(oracle.port).handshake().connect()
            for body in bodies[start:start + 16]:
                try:
                    peer.send(chunk(kind, body, csid=7, message_stream=1))
                except OSError:
                    break
            send(peer, b"")


def published(stack, oracle, bodies):
    """19: the corpora as media of a publication that has begun."""
    key = key_of(stack)
    for start in range(0, len(bodies), 24):
        for kind in (8, 9, 18, 22):
            peer = Peer(oracle.port)
            peer.publish(key)
            for body in bodies[start:start + 24]:
                try:
                    peer.send(chunk(kind, body, csid=7, message_stream=1, timestamp=start))
                except OSError:
                    break
            peer.unpublish()
            peer.socket.close()


def corpora():
    streams, bodies = inputs()
    with Stack(RECONNECT_GRACE_SECONDS="0") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=40)
        publisher = stack.publish(clip)
        wait_for(stack.playlist, "a playlist")
        oracle = Oracle(stack)
        for run, chosen in ((raw, streams), (shaken, streams), (framed, bodies)):
            with oracle.case(run.__doc__):
                run(oracle, chosen)
            check(publisher.poll() in (None, 0), f"the good publisher was hurt by {run.__name__}")
        check(publisher.wait(timeout=90) == 0, "the good publisher ended well")
        same_frames(clip, stack.wait_recordings()[0])
        with oracle.case(published.__doc__):
            published(stack, oracle, bodies)
        recordings = len(stack.recordings())
        check(stack.publish(clip, "-t", "5").wait(timeout=30) == 0, "the key publishes still")
        wait_for(lambda: len(stack.recordings()) > recordings, "and is recorded")
        for service in SERVICES:
            check(stack.health(service) == "ready", f"{service} is well")
        no_secret_in_logs(stack)


main(corpora)
