"""What must hold after every abuse case: the same process, answering, no growth, descriptors back, and a good publisher
with its viewer undisturbed."""
import contextlib
import os
import pathlib
import re

from stack import Failure, check, packets, wait_for


class Oracle:
    """Watches ingest while cases run beside a good publisher."""

    GROWTH_KIB = 16 * 1024

    def __init__(self, stack, service="ingest"):
        self.stack, self.service = stack, service
        self.pid = stack.pid(service)
        self.port = int(re.search(r":(\d+)/", stack.info["publish_url"]).group(1))
        self.descriptors = self.count_descriptors()
        self.memory = self.resident()

    def count_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident(self):
        """Memory of its own: the mapped arena does not count."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", text).group(1))

    @contextlib.contextmanager
    def case(self, name, growth_kib=None):
        print(name, flush=True)
        try:
            yield
        except (OSError, Failure) as error:
            raise Failure(f"{name}: {type(error).__name__}: {error}") from error
        check(self.stack.pid(self.service) == self.pid, f"{name}: {self.service} was restarted")
        check(self.stack.health(self.service) == "ready", f"{name}: {self.service} is not ready")
        grown = self.resident() - self.memory
        check(grown < (growth_kib or self.GROWTH_KIB), f"{name}: memory grew by {grown} KiB")
        wait_for(lambda: self.count_descriptors() <= self.descriptors + 2, f"{name}: descriptors to return", 15)


def same_frames(clip, recording, streams=("v", "a")):
    """Every frame of the clip, once, in order."""
    for stream in streams:
        sent = [digest for _, digest in packets(clip, stream)]
        kept = [digest for _, digest in packets(recording, stream)]
        check(sent == kept, f"{recording.name}: {len(kept)} of {len(sent)} packets of {stream}")


def same_frames_again_and_again(clip, recording, streams=("v", "a")):
    """Of a clip that was published again and again: every frame, once, in order, up to some frame."""
    for stream in streams:
        sent = [digest for _, digest in packets(clip, stream)]
        kept = [digest for _, digest in packets(recording, stream)]
        check(kept and kept == (sent * (len(kept) // len(sent) + 1))[:len(kept)], f"{recording.name}: {len(kept)} packets of {stream}")


def same_frames_in_parts(clip, recordings, streams=("v", "a")):
    """Every frame of the clip, once, in order, over recordings that follow one another."""
    for stream in streams:
        sent = [digest for _, digest in packets(clip, stream)]
        kept = [digest for recording in recordings for _, digest in packets(recording, stream)]
        check(sent == kept, f"{len(recordings)} recordings: {len(kept)} of {len(sent)} packets of {stream}")


def no_secret_in_logs(stack):
    key = stack.info["publish_url"].rsplit("/", 1)[1]
    for log in (stack.home / "logs").rglob("current"):
        check(key not in log.read_text(errors="replace"), f"the stream key is in {log.parent.name}'s log")
