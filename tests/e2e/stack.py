"""A Millrace stack of a test's own: its own home, ports and memory, started and stopped with ./millrace.

    with Stack() as stack:
        publisher = stack.publish(clip)
        stack.wait_for(lambda: stack.playlist(), "a playlist")
"""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import service_table  # noqa: E402

# Slow builds (sanitizers) stretch every wait, never a requirement.
PATIENCE = float(os.environ.get("MILLRACE_TEST_PATIENCE", "1"))
TABLE = service_table.read()
SERVICES = tuple(service.name for service in TABLE)
OPS = {service.name: service.ops for service in TABLE}
PORTS = (*(port for service in TABLE for port in service.ports), "SSL_PORT")
# All peers of a test have one address, and most tests are not about limits; those that are set them.
NO_LIMITS = {"CONCURRENT_LIMIT_WHITELIST": "127.0.0.0/8,::1", "RTMP_MAX_BITRATE": "0", "RTMP_MAX_STREAMS": "0",
             "API_WRITES_PER_ADDRESS": "0", "API_READS_PER_ACCOUNT": "0", "API_WRITES_PER_ACCOUNT": "0"}


class Failure(AssertionError):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


def wait_for(probe, what, seconds=20.0, interval=0.1):
    """The first true value of probe(); an exception of the network counts as not yet."""
    deadline = time.monotonic() + seconds * PATIENCE
    last = None
    while time.monotonic() < deadline:
        try:
            value = probe()
            if value:
                return value
        except (OSError, urllib.error.URLError, ValueError) as error:
            last = error
        time.sleep(interval)
    raise Failure(f"waited {seconds * PATIENCE:.0f} s for {what}" + (f" (last: {last})" if last else ""))


def free_port():
    """One that nobody had a moment ago, below those that the kernel gives to whoever connects: who frees it for a while gets it back."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port


def fetch(url, headers=None, method="GET", timeout=10):
    """(status, headers, body); HTTP errors are answers, not exceptions."""
    request = urllib.request.Request(url, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class Stack:
    TREE = ROOT  # whose ./millrace

    def __init__(self, **environment):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="millrace-test-"))
        self.environment = {**os.environ, "MILLRACE_HOME": str(self.home), "MILLRACE_ENV_FILE": "/dev/null", "MEDIA_LOG_BYTES": "128M",
                            **{name: "0" for name in PORTS}, **NO_LIMITS, **environment}
        self.children = []
        self.info = {}

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.close(failed=True)
            raise
        return self

    def __exit__(self, kind, *_):
        self.close(failed=kind is not None)

    def command(self, *arguments, timeout=120, **options):
        return subprocess.run([str(self.TREE / "millrace"), *arguments], env=self.environment, text=True,
                              capture_output=True, timeout=timeout * PATIENCE, **options)

    def up(self):
        result = self.command("up", "--detach")
        check(result.returncode == 0, f"millrace up: {result.stdout}{result.stderr}")
        self.info = self.status()

    def down(self):
        return self.command("down")

    def status(self):
        return json.loads(self.command("status", "--json").stdout)

    def close(self, failed=False):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        self.down()
        if failed:
            self.show_logs()
        shutil.rmtree(self.home, ignore_errors=True)

    def show_logs(self, lines=40):
        for name in SERVICES:
            try:
                text = (self.home / "logs" / name / "current").read_text(errors="replace")
            except OSError:
                continue
            print(f"--- {name}", *text.splitlines()[-lines:], sep="\n", file=sys.stderr)

    # Processes

    def pid(self, service):
        return next((s["pid"] for s in self.status()["services"] if s["name"] == service), None)

    def kill(self, service, number=signal.SIGKILL):
        """Signals the service's process; returns its pid."""
        pid = self.pid(service)
        check(pid, f"{service} has no process")
        os.kill(pid, number)
        return pid

    def health(self, service):
        return next(s["health"] for s in self.status()["services"] if s["name"] == service)

    def wait_ready(self, service, other_than=None, seconds=20):
        def ready():
            entry = next(s for s in self.status()["services"] if s["name"] == service)
            return entry["pid"] not in (None, other_than) and entry["health"] == "ready"
        wait_for(ready, f"{service} to be ready", seconds)

    def spawn(self, *command, **options):
        child = subprocess.Popen(command, env=self.environment, **{"stdin": subprocess.DEVNULL, **options})
        self.children.append(child)
        return child

    def publish(self, clip, *extra, realtime=True, loop=0, url=None):
        """ffmpeg sends the clip as it is; output goes to <home>/ffmpeg-N.log."""
        log = open(self.home / f"ffmpeg-{len(self.children)}.log", "wb")
        rate = ["-re"] if realtime else []
        repeat = ["-stream_loop", str(loop)] if loop else []
        return self.spawn("ffmpeg", "-hide_banner", "-loglevel", "warning", *rate, *repeat, "-i", str(clip), "-c", "copy",
                          *extra, "-f", "flv", url or self.info["publish_url"], stdout=log, stderr=log)

    def publish_on(self, clip):
        """A publisher who sends the clip again and again until leave(): for tests that ask whether it is still there, however long they take."""
        return self.publish(clip, loop=-1)

    def operator(self, *arguments):
        """millrace-auth as an operator calls it: --issue-token SUBJECT, --regenerate-key STREAM_ID, …"""
        environment = {**self.environment}
        for line in (self.home / "secrets.env").read_text().splitlines():
            name, _, value = line.partition("=")
            environment[name] = value
        binaries = pathlib.Path(environment.get("MILLRACE_BIN", ROOT / "build/release/bin"))
        return subprocess.run([str(binaries / "millrace-auth"), *arguments], env=environment, capture_output=True, text=True, timeout=60)

    def issue_token(self, subject):
        """A bearer token of ours for anybody."""
        result = self.operator("--issue-token", subject, "--token-life", "86400")
        check(result.returncode == 0, f"--issue-token: {result.stderr}")
        return result.stdout.strip()

    # What clients see

    @property
    def stream_id(self):
        return self.info["stream_id"]

    def playlist(self, url=None, rendition=None):
        """live_playlist of the stack's stream."""
        return live_playlist(url or self.info["hls_url"], rendition)

    def recordings(self):
        directory = pathlib.Path(self.info["vod_directory"])
        return sorted(p for p in directory.glob("*.mp4") if not p.name.endswith(".part.mp4") and not p.name.startswith("."))

    def wait_recordings(self, count=1, seconds=30):
        wait_for(lambda: len(self.recordings()) >= count, f"{count} finished recordings", seconds)
        return self.recordings()


def live_playlist(url, rendition=None):
    """A media playlist of a live stream, None while there is none: the rendition's ("a0"), else that of the first variant."""
    status, _, body = fetch(url)
    lists = media_playlists(body.decode(), url) if status == 200 else {}
    where = lists.get(rendition or next(iter(lists), None))
    status, _, body = fetch(where) if where else (404, {}, b"")
    return Playlist(body.decode(), where) if status == 200 else None


def media_playlists(text, url):
    """What a multivariant playlist leads to, {rendition: url}; variants first."""
    base = url.rsplit("/", 1)[0] + "/"
    uris = re.findall(r"^[^#\s].*$", text, re.M) + re.findall(r'^#EXT-X-MEDIA:.*URI="([^"]+)"', text, re.M)
    return {uri.split("/")[0]: base + uri for uri in uris}


class Playlist:
    """A media playlist: media_sequence, discontinuity_sequence, target, ended, segments [(number, url, seconds, discontinuity, init url)]
    without the gaps, whose numbers are in gaps."""

    def __init__(self, text, url):
        self.text = text
        base = url.rsplit("/", 1)[0] + "/"

        def tag(name, default=None):
            found = re.search(rf"^#{name}:(.*)$", text, re.M)
            return found.group(1) if found else default

        self.media_sequence = int(tag("EXT-X-MEDIA-SEQUENCE", 0))
        self.discontinuity_sequence = int(tag("EXT-X-DISCONTINUITY-SEQUENCE", 0))
        self.target = int(tag("EXT-X-TARGETDURATION", 0))
        self.ended = "#EXT-X-ENDLIST" in text
        self.segments, self.gaps, self.last = [], [], self.media_sequence - 1
        seconds, discontinuity, init, gap = 0.0, False, None, False
        for line in text.splitlines():
            if line.startswith("#EXTINF:"):
                seconds = float(line[8:].split(",")[0])
            elif line == "#EXT-X-DISCONTINUITY":
                discontinuity = True
            elif line.startswith("#EXT-X-MAP:"):
                init = base + re.search(r'URI="([^"]+)"', line).group(1)
            elif line == "#EXT-X-GAP":
                gap = True
            elif line and not line.startswith("#"):
                self.last += 1
                if gap:
                    self.gaps.append(self.last)
                else:
                    self.segments.append((self.last, base + line, seconds, discontinuity, init))
                discontinuity = gap = False


CLIP_VIDEO = ["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-pix_fmt", "yuv420p"]


def make_clip(path, seconds=10, rate=30, size="320x180", gop=30, bframes=2, bitrate="300k", audio=True, video=True):
    """A small FLV of test pictures and tones: H.264 with B-frames and AAC."""
    inputs, codecs = [], []
    if video:
        inputs += ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}"]
        codecs += [*CLIP_VIDEO, "-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0", "-bf", str(bframes), "-b:v", bitrate]
    if audio:
        inputs += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
        codecs += ["-c:a", "aac", "-b:a", "96k", "-ac", "2"]
    subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *inputs, "-t", str(seconds), *codecs, "-f", "flv", str(path)],
                   check=True, stdin=subprocess.DEVNULL)
    return path


def packets(source, stream="v"):
    """[(pts seconds, md5 of the coded bytes)] of a file or URL, in decode order, by ffprobe's own demuxers."""
    result = subprocess.run(["ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time,dts_time,data_hash,flags",
                             "-show_data_hash", "MD5", "-of", "json", str(source)], capture_output=True, text=True, timeout=120 * PATIENCE)
    check(result.returncode == 0, f"ffprobe {source}: {result.stderr}")
    return [(float(p["pts_time"]), p["data_hash"]) for p in json.loads(result.stdout)["packets"]]


def leave(publisher):
    """Ends one of publish_on()."""
    check(publisher.poll() is None, "the publisher is still there")
    publisher.terminate()
    publisher.wait(timeout=20 * PATIENCE)


def main(test):
    """Runs a test function; exit code 77 tells ctest that it was skipped."""
    try:
        test()
    except Failure as failure:
        sys.exit(f"FAILED: {failure}")
    print("passed")


def skip(reason):
    print(f"SKIPPED: {reason}")
    sys.exit(77)


def lacks(what):
    """Something of tools/packages.txt or tests/package.json is not installed: a skip, and a failure where the test has to run."""
    check(os.environ.get("MILLRACE_TEST_COMPLETE") != "1", f"MILLRACE_TEST_COMPLETE=1: {what} is not installed")
    skip(f"{what} is not installed")


def need(*names):
    """The programs and packages that a test is nothing without."""
    for name in names:
        if not shutil.which(name) and not (ROOT / "tests/node_modules" / name).exists():
            lacks(name)
