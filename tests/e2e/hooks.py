"""The operator's server of hook_server.py, as a process of a test's own."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from stack import wait_for

SECRET = "a secret of the callback's own"


class HookServer:
    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="millrace-hooks-"))
        self.process = None
        self.port = 0
        self.start()

    def start(self):
        (self.directory / "port").unlink(missing_ok=True)
        script = pathlib.Path(__file__).with_name("hook_server.py")
        self.process = subprocess.Popen([sys.executable, str(script), str(self.directory), SECRET, str(self.port)],
                                        stdin=subprocess.DEVNULL)
        self.port = int(wait_for(lambda: (self.directory / "port").exists() and (self.directory / "port").read_text(),
                                 "the hook server"))

    def stop(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def deaf(self, on):
        if on:
            (self.directory / "deaf").touch()
        else:
            os.unlink(self.directory / "deaf")

    def requests(self):
        try:
            return [json.loads(line) for line in (self.directory / "requests").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def events(self, event, channel=None, status=200):
        """The callback's requests of that kind that were answered with status."""
        return [r for r in self.requests() if r["path"] == "/callback" and r["claims"]["event"] == event and
                r["status"] == status and channel in (None, r["claims"]["channel"])]


def port(stack, name):
    """The port that a service of the stack really bound."""
    for file in (stack.home / "run").glob("*.ports"):
        for line in file.read_text().splitlines():
            key, _, value = line.partition("=")
            if key == name:
                return int(value)
    raise LookupError(name)


def rtmp(stack, app, name):
    return f"rtmp://127.0.0.1:{port(stack, 'RTMP_PORT')}/{app}/{name}"


def hls(stack, stream_id):
    return f"http://127.0.0.1:{port(stack, 'HLS_PORT')}/live/{stream_id}/index.m3u8"


def live(stack, stream_id):
    return wait_for(lambda: stack.playlist(hls(stack, stream_id)), f"a playlist of {stream_id}", 30)
