#!/usr/bin/env python3
"""A service that is killed is started again at once; one that ends again within ten seconds waits for the supervisor's second; one that
somebody wants down stays down. How long a client that polls finds nobody is printed."""
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

from stack import Stack, check, main, make_clip, wait_for


def s6(stack, program, service, *options):
    directory = stack.home / "run" / "s6" / service
    return subprocess.run([program, *options, str(directory)], capture_output=True, text=True, timeout=30, check=True).stdout.strip()


def pid_of(stack, service):
    return int(s6(stack, "s6-svstat", service, "-o", "pid"))


def restarted(stack, service):
    """Kills it; how many seconds until another one was started."""
    before = pid_of(stack, service)
    began = time.monotonic()
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: pid_of(stack, service) not in (-1, before), f"{service} to be started again", interval=0.005)
    return time.monotonic() - began


class Poller(threading.Thread):
    """Connects as often as it can; how long nobody took it."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.address = urllib.parse.urlsplit(url)
        self.last, self.longest, self.going = time.monotonic(), 0.0, True
        self.start()

    def run(self):
        while self.going:
            try:
                socket.create_connection((self.address.hostname, self.address.port), 1).close()
                now = time.monotonic()
                self.longest, self.last = max(self.longest, now - self.last), now
            except OSError:
                pass
            time.sleep(0.005)


def stays_down(stack, service):
    os.kill(pid_of(stack, service), signal.SIGKILL)
    s6(stack, "s6-svc", service, "-d")
    time.sleep(2)  # longer than any start would take
    check(pid_of(stack, service) == -1, f"{service} is wanted down and runs")
    s6(stack, "s6-svc", service, "-u")
    stack.wait_ready(service)


def restart():
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=4)
        stack.publish_on(clip)
        wait_for(stack.playlist, "a playlist")
        poller = Poller(stack.info["hls_url"])
        took = {service: restarted(stack, service) for service in ("metrics", "recording", "packaging")}
        wait_for(stack.playlist, "the playlist again")
        poller.going = False
        print("started again after", {service: f"{seconds:.3f} s" for service, seconds in took.items()}, f"nobody listened for {poller.longest:.3f} s")
        # On a busy machine one may take as long as the second that none of them has to wait.
        check(min(took.values()) < 1, f"they are started at once: {took}")
        first, died = restarted(stack, "api"), time.monotonic()
        again = restarted(stack, "api")
        # Both deaths within ten seconds, or there is no reason to wait.
        check(again >= 1 or time.monotonic() - died + first > 9, f"one that ends again waits: {again:.3f} s")
        wait_for(stack.playlist, "the playlist once more")
        stays_down(stack, "metrics")


main(restart)
