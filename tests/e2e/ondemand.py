"""A ladder on demand (TRANSCODE=ondemand): what is made of it, and players that have it made."""
import threading
import time

from ladder import rendition
from rendition_logs import logs
from stack import PATIENCE, check, fetch, wait_for
from transcoders import children_of

LINGER = 4
SEGMENT_S = 2


def metric(stack, name):
    service = next(s for s in stack.status()["services"] if s["name"] == "transcoding")
    text = fetch(f"http://127.0.0.1:{service['ops_port']}/metrics")[2].decode()
    return float(next(line for line in text.splitlines() if line.startswith(f"millrace_transcoding_{name} ")).split()[1])


def live_renditions(stack):
    return sorted(log["rendition"] for log in logs(stack, "rendition") if log["state"] == "live")


def at_rest(stack):
    wait_for(lambda: not children_of(stack) and metric(stack, "wanted") == 0, "nothing to be made any more", LINGER + 3 * SEGMENT_S + 20)


def newest(stack, name, query=""):
    """What the rendition's list ends with: (url, init url)."""
    _, url, *_, init = rendition(stack, name, query).segments[-1]
    return url, init


def cold(stack, name, query=""):
    """The newest listed segment of a rendition that nobody makes, behind its init segment; it is there soon."""
    url, init = newest(stack, name, query)
    head = fetch(init)
    check(head[0] == 200, f"{name}: its init segment is there before anything")
    began = time.monotonic()
    status, _, body = fetch(url, timeout=30 * PATIENCE)
    took = time.monotonic() - began
    check(status == 200 and b"trun" in body, f"{name}: its first segment: {status} {body[:60]}")
    print(f"{name}: the first segment after {took:.2f} s", flush=True)
    check(took < (SEGMENT_S + 1) * PATIENCE, f"{name}: soon: {took:.2f} s")
    return head[2] + body


class Viewer(threading.Thread):
    """Plays a rendition as players without low latency do: reloads its list, loads what is new."""

    def __init__(self, stack, name):
        super().__init__(daemon=True)
        self.stack, self.name, self.seen, self.missed, self.done = stack, name, {}, [], False
        self.start()

    def run(self):
        while not self.done:
            try:
                playlist = rendition(self.stack, self.name, "?ll=0")
                for number, url, *_ in playlist.segments[-2:]:
                    if number not in self.seen:
                        self.seen[number] = fetch(url, timeout=30)[0]
            except (OSError, AttributeError):
                self.missed.append(time.monotonic())
            time.sleep(0.3)

    def goes_on(self, segments=3):
        last = max(self.seen)
        wait_for(lambda: len([number for number in self.seen if number > last]) >= segments, f"the viewer of {self.name} to go on", 60)

    def leave(self):
        self.done = True
        self.join(timeout=60)
