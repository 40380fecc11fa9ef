#!/usr/bin/env python3
"""Two ingests, packagings, recordings and APIs beside one auth and one metrics, each with ports and a media log of its own: over ipc
in one bus directory, then over tcp with keys. Neither disturbs the other's streams, counters or commands. Two ingests whose media logs
share a directory: one packaging and one recording read both."""
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from stack import OPS, Failure, NO_LIMITS, PATIENCE, ROOT, check, fetch, free_port, main, make_clip, packets, wait_for

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))
SHARED = ("auth", "metrics")
TWICE = ("ingest", "packaging", "recording", "api", "transcoding")
LIMITS = {"ingest": "RTMP_PORT", "packaging": "HLS_PORT", "api": "PORT"}


def bus_ports():
    """The first of three ports that nobody had a moment ago, below those that the kernel hands out itself."""
    for _ in range(1000):
        first = 10000 + secrets.randbelow(20000)
        try:
            for port in range(first, first + 3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
    raise Failure("no three free ports")


class Cluster:
    """Twelve processes by hand: (service, side) with side "" for what is shared, else "a" or "b"."""

    def __init__(self, tcp=False):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="millrace-instances-"))
        self.tcp = tcp
        self.children, self.publishers = {}, []
        self.names = self.services()
        self.ports = {"": self.some_ports(), "a": self.some_ports(), "b": self.some_ports()}
        self.bus = {name: bus_ports() for name in self.names} if tcp else {}
        self.secrets = {name: secrets.token_hex(32) for name in ("MILLRACE_SECRET", "API_TOKEN_SECRET", "PLAYBACK_SECRET")}
        self.keys = self.root / "keys"
        if tcp:
            subprocess.run([str(BIN / "millrace-keys"), str(self.keys)], check=True, capture_output=True)

    def services(self):
        return [(service, "") for service in SHARED] + [(service, side) for service in TWICE for side in "ab"]

    def log_directory(self, side):
        return self.root / (side or "shared") / "log"

    @staticmethod
    def some_ports():
        return {name: free_port() for name in (*OPS.values(), *LIMITS.values(), "RTMP_GRPC_PORT")}

    def environment(self, service, side):
        home = self.root / (side or "shared")
        home.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BUS_", "MILLRACE_HOME", "MEDIA_"))}
        values = {**kept, **NO_LIMITS, "MILLRACE_HOME": str(home), "MEDIA_LOG_BYTES": "64M", "MEDIA_LOG_DIR": str(self.log_directory(side)),
                  "SSL_PORT": "0",
                  "WEB_ROOT": os.environ.get("WEB_ROOT", str(ROOT / "build/release/web")), **self.secrets,
                  **{name: str(port) for name, port in self.ports[side].items()}}
        if side == "b":
            values["BUS_INSTANCE"] = "b"
        if self.tcp:
            # Each in a directory of its own: nothing is reached over ipc.
            values |= {"BUS_DIR": str(self.root / f"bus-{service or 'tool'}-{side}"), "BUS_KEYS": str(self.keys), **self.addresses()}
            if (service, side) in self.bus:
                values["BUS_BIND"] = f"tcp://127.0.0.1:{self.bus[service, side]}"
        else:
            values["BUS_DIR"] = str(self.root / "bus")
        return values

    def addresses(self):
        lists = {}
        for (service, _), port in self.bus.items():
            lists.setdefault(f"BUS_{service.upper()}", []).append(f"tcp://127.0.0.1:{port}")
        return {name: ",".join(found) for name, found in lists.items()}

    def log(self, service, side=""):
        return self.root / f"{service}{side and '-' + side}.log"

    def start(self, service, side="", **given):
        with open(self.log(service, side), "ab") as log:
            self.children[service, side] = subprocess.Popen([str(BIN / f"millrace-{service}")], env={**self.environment(service, side), **given},
                                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def page(self, service, side, path):
        return fetch(f"http://127.0.0.1:{self.ports[side][OPS[service]]}{path}")

    def wait_ready(self, *names):
        for service, side in names or self.names:
            wait_for(lambda: self.page(service, side, "/readyz")[0] == 200 and
                     json.loads(self.page(service, side, "/readyz")[2])["state"] == "ready", f"{service} {side} to be ready", 30)

    def __enter__(self):
        try:
            for name in self.names:
                self.start(*name)
            self.wait_ready()
        except BaseException:
            self.close(True)
            raise
        return self

    def __exit__(self, kind, *_):
        self.close(kind is not None)

    def close(self, failed):
        for child in self.publishers:
            if child.poll() is None:
                child.kill()
            child.wait()
        for child in self.children.values():
            if child.poll() is None:
                child.terminate()
        for child in self.children.values():
            try:
                child.wait(timeout=20 * PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if failed:
            for path in sorted(self.root.glob("*.log")):
                print(f"--- {path.name}", *path.read_text(errors="replace").splitlines()[-25:], sep="\n", file=sys.stderr)
        shutil.rmtree(self.root, ignore_errors=True)

    def kill(self, service, side=""):
        child = self.children[service, side]
        child.send_signal(signal.SIGKILL)
        child.wait()

    # What people do and see

    def operator(self, *arguments, **given):
        return subprocess.run([str(BIN / "millrace-auth"), *arguments], env={**self.environment("", ""), **given}, capture_output=True, text=True,
                              timeout=60 * PATIENCE)

    def api(self, side, path, token, method="GET", body=None):
        headers = {"Authorization": "Bearer " + token, **({"Content-Type": "application/json"} if body is not None else {})}
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[side]['PORT']}/api{path}", headers=headers, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=15 * PATIENCE) as answer:
            return json.loads(answer.read())

    def publish(self, side, key, clip):
        log = open(self.root / f"ffmpeg-{len(self.publishers)}.log", "wb")
        child = subprocess.Popen(["ffmpeg", "-hide_banner", "-loglevel", "warning", "-re", "-stream_loop", "100", "-i", str(clip), "-c", "copy", "-f",
                                  "flv", f"rtmp://127.0.0.1:{self.ports[side]['RTMP_PORT']}/live/{key}"], stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=log)
        self.publishers.append(child)
        return child

    def shows(self, side, stream):
        status, _, body = fetch(f"http://127.0.0.1:{self.ports[side]['HLS_PORT']}/live/{stream}/v0/index.m3u8")
        return status == 200 and b"#EXTINF" in body and b"#EXT-X-ENDLIST" not in body

    def value(self, service, side, name):
        text = self.page(service, side, "/metrics")[2].decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
        return float(found.group(1)) if found else None

    def live(self):
        """The streams that metrics measures, with the time at which each began."""
        text = self.page("metrics", "", "/metrics")[2].decode()
        return dict(re.findall(r'^millrace_stream_started_timestamp_seconds\{stream="([^"]+)"[^}]*\} (\S+)$', text, re.M))

    def recordings(self, side):
        return sorted(path for path in (self.root / side).rglob("*.mp4") if ".part." not in path.name)


class OneDirectory(Cluster):
    """Two ingests that write into one directory; everybody else is there once."""

    def services(self):
        return [(service, "") for service in SHARED] + [("ingest", "a"), ("ingest", "b")] + [(service, "a") for service in TWICE[1:4]]

    def log_directory(self, side):
        return self.root / "log"


class Account:
    def __init__(self, cluster, side, subject):
        issued = cluster.operator("--issue-token", subject, "--token-life", "86400")
        check(issued.returncode == 0, issued.stderr)
        self.token = issued.stdout.strip()
        given = cluster.api(side, "/stream/key", self.token)
        self.stream, self.key = given["streamId"], given["streamKey"]


def streams_are_apart(cluster, clip, ann, bob):
    first, second = cluster.publish("a", ann.key, clip), cluster.publish("b", bob.key, clip)
    wait_for(lambda: cluster.shows("a", ann.stream) and cluster.shows("b", bob.stream), "both to be shown")
    check(not cluster.shows("b", ann.stream) and not cluster.shows("a", bob.stream), "each by its own packaging")
    wait_for(lambda: set(cluster.live()) == {ann.stream, bob.stream}, "metrics to measure both")
    check(cluster.value("metrics", "", "millrace_live_streams") == 2, "two live streams")
    for side in "ab":
        check(cluster.value("ingest", side, "millrace_ingest_publishers") == 1, f"one publisher at ingest {side}")
        for account in (ann, bob):
            wait_for(lambda: cluster.api(side, f"/stream/status/{account.stream}", account.token)["isLive"], f"API {side} to show both")
            streams = cluster.api(side, "/stream/list", account.token)["streams"]
            check([stream["isLive"] for stream in streams] == [True], f"API {side} lists {account.stream}: {streams}")
        wait_for(lambda: set(cluster.api(side, "/metrics", ann.token)) == {ann.stream, bob.stream}, f"API {side} to list both")
    return first, second


def commands_reach_the_owner(cluster, clip, ann, bob, first, second):
    # A ban, from outside: the other one's publisher goes on.
    check(cluster.operator("--ban", bob.stream).returncode == 0, "ban")
    wait_for(lambda: second.poll() is not None, "the banned publisher to be cut")
    check(first.poll() is None, "and no other")
    check(cluster.operator("--unban", bob.stream).returncode == 0, "unban")
    # A new key, by the API that is not beside the stream's ingest.
    second = cluster.publish("b", bob.key, clip)
    wait_for(lambda: cluster.shows("b", bob.stream) and bob.stream in cluster.live(), "it to be live again")
    ann.key = cluster.api("b", "/stream/regenerate-key", ann.token, "POST")["streamKey"]
    wait_for(lambda: first.poll() is not None, "the old key's publisher to be cut")
    first = cluster.publish("a", ann.key, clip)
    wait_for(lambda: cluster.shows("a", ann.stream) and ann.stream in cluster.live(), "the new key to be live")
    # Limits, while live: they reach ingest b from API a.
    cluster.api("a", f"/stream/settings/{bob.stream}", bob.token, "POST", {"resolution": "160x90"})
    wait_for(lambda: second.poll() is not None, "a picture beyond the new limit to end its publication")
    check(first.poll() is None, "the other one's has no limit")
    cluster.api("a", f"/stream/settings/{bob.stream}", bob.token, "POST", {"resolution": ""})
    second = cluster.publish("b", bob.key, clip)
    wait_for(lambda: cluster.shows("b", bob.stream) and bob.stream in cluster.live(), "it to be live without the limit")
    # The same key at the other ingest: the newer one is the stream.
    moved = cluster.publish("a", bob.key, clip)
    wait_for(lambda: second.poll() is not None, "the publication at the first ingest to be closed")
    wait_for(lambda: cluster.shows("a", bob.stream), "it to be shown where it is now")
    moved.kill()
    wait_for(lambda: bob.stream not in cluster.live(), "it to end")
    second = cluster.publish("b", bob.key, clip)
    wait_for(lambda: cluster.shows("b", bob.stream) and bob.stream in cluster.live(), "it to be back")
    check(first.poll() is None, "nothing of this was the other one's")
    return first, second


def an_end_is_its_own(cluster, clip, ann, bob, first, second):
    began = cluster.live()[bob.stream]
    cluster.kill("ingest", "a")
    wait_for(lambda: first.poll() is not None, "the publisher of the killed ingest to end")
    check(second.poll() is None and cluster.live().get(bob.stream) == began, "the other ingest's goes on")
    cluster.start("ingest", "a")
    cluster.wait_ready(("ingest", "a"))
    wait_for(lambda: set(cluster.live()) == {bob.stream}, "what was live at the killed one to be over")
    check(cluster.live()[bob.stream] == began and second.poll() is None and cluster.shows("b", bob.stream), "and nothing else")
    first = cluster.publish("a", ann.key, clip)
    wait_for(lambda: set(cluster.live()) == {ann.stream, bob.stream}, "both to be live")
    for service in SHARED:
        cluster.kill(service)
        cluster.start(service)
        cluster.wait_ready()
        wait_for(lambda: set(cluster.live()) == {ann.stream, bob.stream}, f"both to be known after a restart of {service}")
        check(first.poll() is None and second.poll() is None, f"both publishers are there after a restart of {service}")
    # The new auth knows who owns what.
    check(cluster.operator("--ban", ann.stream).returncode == 0, "ban")
    wait_for(lambda: first.poll() is not None, "the banned publisher to be cut by a new auth")
    check(second.poll() is None, "and no other")
    second.kill()
    wait_for(lambda: not cluster.live(), "all to be over")
    for side in "ab":
        wait_for(lambda: cluster.recordings(side), f"recordings of {side}")
        check(packets(cluster.recordings(side)[0]), f"a recording of {side} is intact")


def strangers_are_refused(cluster):
    other = cluster.root / "other-keys"
    subprocess.run([str(BIN / "millrace-keys"), str(other), "recording"], check=True, capture_output=True)
    with open(other / "peers", "a") as peers:
        peers.writelines(line for line in (cluster.keys / "peers").read_text().splitlines(True) if not line.startswith("recording"))
    before = cluster.value("ingest", "a", "millrace_bus_unknown_keys_total")
    cluster.kill("recording", "b")
    cluster.start("recording", "b", BUS_KEYS=str(other))
    wait_for(lambda: cluster.value("ingest", "a", "millrace_bus_unknown_keys_total") > before, "the stranger to be counted")
    wait_for(lambda: "bus peer with an unknown key" in cluster.log("ingest", "a").read_text(), "and logged")
    cluster.kill("recording", "b")
    # Recording's key in the operator's place: it is let in, and may not do what the operator may.
    false = cluster.root / "false-keys"
    false.mkdir(0o700)
    shutil.copy(cluster.keys / "recording.secret", false / "operator.secret")
    listed = (cluster.keys / "peers").read_text().splitlines(True)
    (false / "peers").write_text("".join(re.sub("^recording ", "operator ", line) for line in listed if not line.startswith("operator ")))
    result = cluster.operator("--make-admin", "a@example.com", BUS_KEYS=str(false))
    check(result.returncode != 0 and "bus.forbidden" in result.stdout + result.stderr, f"{result.returncode} {result.stdout}{result.stderr}")
    check(cluster.value("auth", "", "millrace_bus_forbidden_requests_total") == 1, "it is counted")
    check("bus request that its sender may not make" in cluster.log("auth").read_text(), "and logged")


def one_directory(clip):
    with OneDirectory() as cluster:
        arenas = sorted(path.name for path in (cluster.root / "log").glob("*.arena"))
        check(arenas == ["ingest-b.arena", "ingest.arena"], f"an arena for each: {arenas}")
        ann, bob = Account(cluster, "a", "ann"), Account(cluster, "a", "bob")
        first, second = cluster.publish("a", ann.key, clip), cluster.publish("b", bob.key, clip)
        wait_for(lambda: cluster.shows("a", ann.stream) and cluster.shows("a", bob.stream), "one packaging to show both")
        began = cluster.live()[bob.stream]
        cluster.kill("ingest", "a")
        wait_for(lambda: first.poll() is not None, "the publisher of the killed ingest to end")
        cluster.start("ingest", "a")
        cluster.wait_ready(("ingest", "a"))
        wait_for(lambda: set(cluster.live()) == {bob.stream}, "what was live at the killed one to be over")
        first = cluster.publish("a", ann.key, clip)
        wait_for(lambda: set(cluster.live()) == {ann.stream, bob.stream} and cluster.shows("a", ann.stream), "both to be live again")
        check(second.poll() is None and cluster.live()[bob.stream] == began and cluster.shows("a", bob.stream), "the other one's went on")
        for publisher in (first, second):
            publisher.terminate()  # ffmpeg says that it ends
        def recorded():
            return {account.stream for account in (ann, bob) for path in cluster.recordings("a") if path.name.startswith(account.stream + "-")}
        wait_for(lambda: recorded() == {ann.stream, bob.stream}, "one recording to have both")
        for path in cluster.recordings("a"):
            check(packets(path), f"{path.name} is intact")


def test():
    with tempfile.TemporaryDirectory() as directory:
        clip = make_clip(pathlib.Path(directory) / "clip.flv", seconds=6)
        one_directory(clip)
        for tcp in (False, True):
            with Cluster(tcp) as cluster:
                ann, bob = Account(cluster, "a", "ann"), Account(cluster, "b", "bob")
                running = streams_are_apart(cluster, clip, ann, bob)
                running = commands_reach_the_owner(cluster, clip, ann, bob, *running)
                an_end_is_its_own(cluster, clip, ann, bob, *running)
                for service, side in cluster.names:
                    check(cluster.value(service, side, "millrace_bus_forbidden_requests_total") == 0, f"{service} {side} refused nothing")
                    check(cluster.value(service, side, "millrace_bus_duplicate_instances_total") == 0, f"{service} {side} took none for another")
                if tcp:
                    strangers_are_refused(cluster)


main(test)
