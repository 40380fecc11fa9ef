#!/usr/bin/env python3
"""Case 17: a slow RTMP player is bounded, skips to a key frame or is cut off, and delays nobody."""
import socket
import time

from wire import Peer
from oracle import Oracle, same_frames
from stack import Stack, check, main, make_clip, wait_for


def slow_players(stack, oracle, publisher):
    """17: players that read 2 KB/s and players that stop reading."""
    peers = []
    for _ in range(20):
        peer = Peer(oracle.port)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        peer.play(stack.stream_id)
        peers.append(peer)
    started = time.monotonic()
    while time.monotonic() - started < 25:
        for peer in peers[:10]:
            try:
                peer.socket.settimeout(0.01)
                peer.socket.recv(200)
            except OSError:
                pass
        time.sleep(0.05)
    check(publisher.poll() is None, "the publisher goes on")
    for peer in peers:
        peer.socket.close()


def players():
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=36, bitrate="4M", size="1280x720")
        publisher = stack.publish(clip)
        wait_for(stack.playlist, "a playlist")
        oracle = Oracle(stack)
        with oracle.case(slow_players.__doc__):
            slow_players(stack, oracle, publisher)
        check(publisher.wait(timeout=60) == 0, "the publisher ended well")
        same_frames(clip, stack.wait_recordings()[0])


main(players)
