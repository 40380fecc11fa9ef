#!/usr/bin/env python3
"""Case 58: SIGKILL, SIGSTOP and SIGTERM of every service at random; others live on, publishers return, nothing storms."""
import os
import random
import signal
import time

from wire import Peer  # noqa: F401  (sets the path of the harness)
from stack import SERVICES, Stack, check, main, make_clip, packets, wait_for

ROUNDS = 14


def signals():
    seed = int(os.environ.get("MILLRACE_CHAOS_SEED", random.randrange(1 << 30)))
    print(f"MILLRACE_CHAOS_SEED={seed}")
    random.seed(seed)
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=15)
        publisher = stack.publish(clip, loop=-1)
        wait_for(stack.playlist, "a playlist")
        for _ in range(ROUNDS):
            victim = random.choice(SERVICES)
            number = random.choice((signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM))
            others = {name: stack.pid(name) for name in SERVICES if name != victim}
            print(victim, number.name, flush=True)
            pid = stack.kill(victim, number)
            if number == signal.SIGSTOP:
                time.sleep(random.uniform(0.5, 3))
                os.kill(pid, signal.SIGCONT)
                stack.wait_ready(victim)
            else:
                stack.wait_ready(victim, other_than=pid, seconds=25)
            check({name: stack.pid(name) for name in others} == others, f"another service went down with {victim}")
            if publisher.poll() is not None:
                check(victim == "ingest", f"the publisher left when {victim} got {number.name}")
                publisher = stack.publish(clip, loop=-1)
        before = wait_for(stack.playlist, "a playlist")
        wait_for(lambda: stack.playlist().last > before.last + 1, "the stream to go on")
        publisher.terminate()
        publisher.wait(timeout=20)
        wait_for(lambda: stack.recordings() and not list(stack.home.glob("media/vod/*.part*")), "files to be finished", 40)
        known = {digest for _, digest in packets(clip)}
        for path in stack.recordings():
            frames = packets(path)
            check(frames and all(digest in known for _, digest in frames), f"{path.name} plays")


main(signals)
