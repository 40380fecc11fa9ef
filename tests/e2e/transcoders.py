"""The transcoders that a stack runs."""
import pathlib

from stack import wait_for


def children():
    """{pid: its command line} of all transcoders on this machine."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"/millrace-transcoder"):
            found[int(entry.name)] = [word.decode() for word in words]
    return found


def children_of(stack):
    directory = stack.info["media_log_directory"]
    return [pid for pid, words in children().items() if directory in words]


def the_child(stack, other_than=None):
    def found():
        pids = children_of(stack)
        return pids[0] if len(pids) == 1 and pids[0] != other_than else None
    return wait_for(found, "one transcoder", 40)
