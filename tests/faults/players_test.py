#!/usr/bin/env python3
"""Case 17: a slow RTMP player is bounded, skips to a key frame or is cut off, and delays nobody."""
import socket
import threading
import time

from wire import Peer
from oracle import Oracle, same_frames_again_and_again
from stack import Stack, check, fetch, leave, main, make_clip, wait_for


def skipped(oracle):
    """Frames that slow players skipped so far."""
    _, _, body = fetch(f"http://127.0.0.1:{oracle.ops_port}/metrics")
    line = next(line for line in body.decode().splitlines() if line.startswith("millrace_ingest_player_frames_skipped_total"))
    return float(line.split()[-1])


def read_steadily(peer, until):
    """About 200 KB/s: the socket is full again and again, nearly always in the middle of a message."""
    peer.socket.settimeout(1)
    while time.monotonic() < until:
        try:
            if not peer.socket.recv(4096):
                return
        except OSError:
            return
        time.sleep(0.02)


def steady_players(oracle, publisher):
    """17: players whose network has half of the rate skip to a key frame."""
    before = skipped(oracle)
    until = time.monotonic() + 25
    threads = []
    for _ in range(3):
        peer = Peer(oracle.port)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        peer.play(oracle.stack.stream_id)
        threads.append(threading.Thread(target=read_steadily, args=(peer, until)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    check(publisher.poll() is None, "the publisher goes on")
    check(skipped(oracle) > before, "they skipped frames")


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
        clip = make_clip(stack.home / "clip.flv", seconds=20, bitrate="4M", size="1280x720")
        publisher = stack.publish_on(clip)
        wait_for(stack.playlist, "a playlist")
        oracle = Oracle(stack)
        oracle.ops_port = next(s["ops_port"] for s in stack.status()["services"] if s["name"] == "ingest")
        with oracle.case(slow_players.__doc__):
            slow_players(stack, oracle, publisher)
        with oracle.case(steady_players.__doc__):
            steady_players(oracle, publisher)
        leave(publisher)
        same_frames_again_and_again(clip, stack.wait_recordings()[0])


main(players)
