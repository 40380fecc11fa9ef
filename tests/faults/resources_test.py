#!/usr/bin/env python3
"""Case 60: without descriptors, memory or processors new work is shed, and what is running lives on."""
import os
import resource
import subprocess
import sys
import time

from wire import Peer
from oracle import same_frames_again_and_again
from stack import SERVICES, Failure, Stack, check, leave, main, make_clip, wait_for

ROOM = 6


def descriptors(stack, port, publisher):
    """60: ingest has room for six more descriptors."""
    pid = stack.pid("ingest")
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + ROOM, before[1]))
    peers = []
    try:
        for _ in range(40):
            try:
                peers.append(Peer(port, timeout=3))
            except OSError:
                pass
        served = 0
        for peer in peers:
            try:
                peer.handshake().connect()
                served += 1
            except (OSError, Failure):
                pass
        check(0 < served <= ROOM, f"{served} of {len(peers)} connections were served with room for {ROOM}")
        check(publisher.poll() is None, "the publisher lives on")
        check(len(os.listdir(f"/proc/{pid}/fd")) <= used + ROOM, "the limit holds")
    finally:
        for peer in peers:
            peer.socket.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    def served_again():
        with Peer(port) as peer:
            peer.handshake().connect()
        return True
    wait_for(served_again, "connections to be served again")
    check(stack.pid("ingest") == pid, "ingest is the same process")


def memory(stack, port, publisher):
    """60: ingest may have 4 MiB more, and peers want 16."""
    pid = stack.pid("ingest")
    before = resource.prlimit(pid, resource.RLIMIT_DATA)
    size = int(next(line.split()[1] for line in open(f"/proc/{pid}/status") if line.startswith("VmData"))) * 1024
    resource.prlimit(pid, resource.RLIMIT_DATA, (size + (4 << 20), before[1]))
    peers = []
    try:
        for index in range(400):
            try:
                peer = Peer(port, timeout=3)
                peers.append(peer)
                peer.handshake()
                # A command that is almost whole is kept by the server.
                peer.send(b"\x03\x00\x00\x00\x00\xb0\x00\x14\x00\x00\x00\x00" + bytes(128))
                for _ in range(300):
                    peer.send(b"\xc3" + bytes(128))
            except OSError:
                pass
            if index % 100 == 0:
                check(publisher.poll() is None, "the publisher lives on")
        time.sleep(1)
        check(publisher.poll() is None, "the publisher lives on")
    finally:
        for peer in peers:
            peer.socket.close()
        if stack.pid("ingest") == pid:
            resource.prlimit(pid, resource.RLIMIT_DATA, before)
    check(stack.pid("ingest") == pid, "ingest is the same process")
    log = (stack.home / "logs/ingest/current").read_text()
    check("out of memory: a connection was given up" in log, "there was no memory for all of them")


def processors(stack, publisher):
    """60: every service on one core, with four others that want it too."""
    pids = {name: stack.pid(name) for name in SERVICES}
    everywhere = os.sched_getaffinity(0)
    core = {min(everywhere)}

    def pin(pid, cores):
        for task in os.listdir(f"/proc/{pid}/task"):
            try:
                os.sched_setaffinity(int(task), cores)
            except OSError:
                pass  # a thread that has just ended

    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        for pid in [*pids.values(), *(burner.pid for burner in burners)]:
            pin(pid, core)
        before = wait_for(stack.playlist, "a playlist")
        wait_for(lambda: stack.playlist().last >= before.last + 3, "the stream to go on", 60)
        check(publisher.poll() is None, "the publisher lives on")
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
        for pid in pids.values():
            pin(pid, everywhere)
    check({name: stack.pid(name) for name in SERVICES} == pids, "every service is the same process")


def resources():
    with Stack() as stack:
        port = int(stack.info["publish_url"].rsplit(":", 1)[1].split("/")[0])
        clip = make_clip(stack.home / "clip.flv", seconds=20)
        publisher = stack.publish_on(clip)
        wait_for(stack.playlist, "a playlist")
        for run, arguments in ((descriptors, (stack, port, publisher)), (memory, (stack, port, publisher)), (processors, (stack, publisher))):
            print(run.__doc__, flush=True)
            run(*arguments)
        leave(publisher)
        same_frames_again_and_again(clip, stack.wait_recordings()[0])


main(resources)
