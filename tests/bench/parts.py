"""How long after a part's closing frame has arrived at ingest its part is with a client that waits for it: the client's clock and
the log's are the same. Beside it what a bare wake-up over a socket takes on this machine at the same time."""
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time

from measure import BUILD, report
from stack import live_playlist, wait_for


class Waiter(threading.Thread):
    """Asks for each part of a stream's picture before it is there, over one connection."""

    def __init__(self, url):
        super().__init__(daemon=True)
        listed = wait_for(lambda: (p := live_playlist(url)) and "PRELOAD-HINT:TYPE=PART" in p.text and p, "parts", 30)
        at = re.sub(r"[^/]+$", "v0/", url)
        number, self.rest = re.search(r'PRELOAD-HINT:TYPE=PART,URI="p(\d+)(-[^"]+)"', listed.text).groups()
        self.number, self.base, self.stop, self.came = int(number), re.sub(r"^http://[^/]+", "", at), False, {}
        self.host = re.search(r"//[^:]+(:\d+)", url).group(1)

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1" + self.host, timeout=20)
        while not self.stop:
            connection.request("GET", f"{self.base}p{self.number}{self.rest}")
            answer = connection.getresponse()
            if answer.status != 200:
                break
            answer.read()
            self.came[self.number] = time.monotonic_ns() // 1000
            self.number += 1


class Wakeups(threading.Thread):
    """A thread that waits for a byte of another process, as often as parts come."""

    def __init__(self, pause):
        super().__init__(daemon=True)
        self.delays, self.pause, self.stop = [], pause, False

    def run(self):
        here, there = socket.socketpair()
        child = os.fork()
        if child == 0:
            here.close()
            with contextlib.suppress(OSError):
                while True:
                    time.sleep(self.pause)
                    there.sendall(time.monotonic_ns().to_bytes(8, "little"))
            os._exit(0)
        there.close()
        while not self.stop:
            sent = int.from_bytes(here.recv(8), "little")
            self.delays.append((time.monotonic_ns() - sent) // 1000)
        here.close()
        os.waitpid(child, 0)


def closed_at(stack, stream_id):
    """When the frame behind each part of the picture arrived, by the part's number."""
    output = subprocess.run([str(BUILD / "bin/millrace-log"), "dump", stream_id, "--json", "--count", "100000", "--dir",
                             stack.info["media_log_directory"]], capture_output=True, text=True, check=True).stdout
    arrivals = {}
    for line in output.splitlines():
        record = json.loads(line)
        if record.get("track") == 0 and record.get("part", 0) > 0 and "arrival_us" in record:
            arrivals.setdefault(record["part"] - 1, record["arrival_us"])
    return arrivals


def quantile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] / 1000


def measure(stack, seconds, publishers, part_seconds=1 / 3):
    waiters = [Waiter(stack.info["hls_url"].replace(stack.info["stream_id"], name)) for name in stack.ids]
    bare = Wakeups(part_seconds / publishers)
    for thread in (*waiters, bare):
        thread.start()
    time.sleep(seconds)
    for thread in (*waiters, bare):
        thread.stop = True
    for thread in waiters:
        thread.join(timeout=20)
    delays = []
    for waiter, stream_id in zip(waiters, stack.ids):
        closed = closed_at(stack, stream_id)
        delays += [came - closed[number] for number, came in waiter.came.items() if number in closed]
    for share in (0.5, 0.99):
        report(f"closing frame to part at {publishers} waiting clients, p{share * 100:.0f}", quantile(delays, share), "ms", None,
               f"{len(delays)} parts; bare: a wake-up over a socket", quantile(bare.delays, share))
