#!/usr/bin/env python3
"""The services in containers: what cannot start says why at once and leaves nothing, the next try succeeds; hardened as
docker-compose.yml says; publish, watch, reload, kill each, finish. engine.py says where it runs. MILLRACE_IMAGE names an
image to test; else one is made of MILLRACE_BUILD_DIR's programs, or built."""
import contextlib
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from engine import Engine  # noqa: E402
from stack import ROOT, SERVICES, TABLE, check, fetch, free_port, live_playlist, main, make_clip, packets, wait_for  # noqa: E402

SECRETS = {"auth": {"MILLRACE_SECRET", "API_TOKEN_SECRET", "PLAYBACK_SECRET", "SMTP_PASSWORD"}, "packaging": {"PLAYBACK_SECRET"},
           "api": {"PLAYBACK_SECRET"}, "metrics": {"METRICS_TOKEN"}}
PORTS = (*(port for service in TABLE for port in service.published), "SSL_PORT")


class Containers:
    def __init__(self, engine):
        self.engine = engine
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="millrace-compose-"))
        self.project = f"millrace-test-{os.getpid()}"
        self.tls = self.home / "tls"
        self.tls.mkdir()
        self.tls.chmod(0o755)
        self.certificate("first")
        (self.home / "smtp").write_text("only auth's\n")
        self.environment = {**engine.environment, "MILLRACE_HOME": str(self.home), "COMPOSE_PROJECT_NAME": self.project,
                            "MEDIA_LOG_BYTES": "128M", "SHARED_SIZE": "200m", "MILLRACE_BASE_IMAGE": engine.base_image(),
                            "SSL_CERT": str(self.tls / "crt"), "SSL_KEY": str(self.tls / "key"),
                            "SMTP_PASSWORD_FILE": str(self.home / "smtp"), **{name: str(free_port()) for name in PORTS}}
        # Compiling in the image takes as long as everything else together; the suite has just built the programs.
        release = pathlib.Path("/etc/os-release").read_text()
        if "MILLRACE_IMAGE" not in os.environ and "MILLRACE_BUILD_DIR" in os.environ and "VERSION_CODENAME=bookworm" in release:
            self.environment.update(MILLRACE_IMAGE=f"{self.project}:latest", MILLRACE_IMAGE_PROGRAMS=os.environ["MILLRACE_BUILD_DIR"])
        self.info = {}

    def certificate(self, name):
        """A new pair in the files that are served; user 10001 may read both."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                        "-keyout", self.home / "key", "-out", self.home / "crt"], check=True, capture_output=True)
        for file in ("crt", "key"):
            (self.home / file).chmod(0o644)
            os.replace(self.home / file, self.tls / file)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.compose("logs", "--tail=40").stdout, file=sys.stderr)
        self.compose("down", "--volumes")
        if "MILLRACE_IMAGE_PROGRAMS" in self.environment:
            self.engine.docker("rmi", self.environment["MILLRACE_IMAGE"], check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def up(self):
        result = self.compose("up", timeout=3600)
        check(result.returncode == 0, f"compose up: {result.stdout}{result.stderr}")
        self.info = json.loads((self.home / f"run/compose-{self.project}/info.json").read_text())

    def compose(self, *arguments, timeout=180, **environment):
        return subprocess.run([str(ROOT / "tools/compose.sh"), *arguments], env={**self.environment, **environment}, text=True,
                              capture_output=True, timeout=timeout, check=False)

    def containers(self, *filters):
        return self.engine.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.project}", *filters).stdout.decode().split()

    def inspect(self, service):
        ids = self.containers("--filter", f"label=com.docker.compose.service={service}")
        check(len(ids) == 1, f"one container of {service}")
        return json.loads(self.engine.docker("inspect", ids[0]).stdout)[0]

    def execute(self, service, *command):
        return self.engine.docker("exec", self.inspect(service)["Id"], *command, check=False)

    def kill(self, service):
        """kill -9 of the process itself, as a crash would be: `docker kill` would count as the user's stop. From a
        container that sees all processes, because a user of the engine need not be root."""
        found = self.inspect(service)
        before = found["State"]
        self.engine.docker("run", "--rm", "--pid=host", "--network=none", "--user=0", "--entrypoint=bash", found["Config"]["Image"],
                           "-c", f"kill -9 {before['Pid']}")

        def back():
            state = self.inspect(service)["State"]
            return state["Running"] and state["Pid"] not in (0, before["Pid"]) and state["Health"]["Status"] == "healthy"
        wait_for(back, f"{service} to be healthy again", 60)

    def playlist(self):
        return live_playlist(self.info["hls_url"])

    def served_name(self):
        pem = ssl.get_server_certificate(("127.0.0.1", int(self.environment["SSL_PORT"])))
        text = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, capture_output=True, text=True, check=True).stdout
        return text.split("CN = ")[1].strip()


@contextlib.contextmanager
def publisher(stack, clip, url=None):
    with open(stack.home / "ffmpeg.log", "wb") as log:
        child = subprocess.Popen(["ffmpeg", "-hide_banner", "-loglevel", "warning", "-re", "-i", str(clip), "-c", "copy",
                                  "-f", "flv", url or stack.info["publish_url"]], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def mistakes(stack):
    """What no further start mends is told at once, with the reason; nothing stays, so that the next up finds its ports free."""
    def fails(reason, service="ingest", **environment):
        result = stack.compose("up", timeout=3600, **environment)
        check(result.returncode not in (0, 69), f"compose up fails: {result.stdout}{result.stderr}")
        check(f"{service} could not start" in result.stderr and reason in result.stderr, f"{reason}: {result.stderr}")
        check(not stack.containers(), "nothing is left behind")

    fails("SHARED_SIZE", MEDIA_LOG_BYTES="512M", SSL_CERT="")
    (stack.tls / "key").chmod(0o600)
    fails("Permission denied")
    (stack.tls / "key").chmod(0o644)


def half_started(stack):
    """One container was stopped: up again heals the stack and does not take its own ports for another's."""
    stack.engine.docker("rm", "-f", stack.inspect("recording")["Id"])
    stack.up()
    again = stack.compose("up")
    check(again.returncode == 0 and "already running" in again.stdout, f"a second up says so: {again.stdout}{again.stderr}")
    state = stack.home / f"run/compose-{stack.project}"
    aged = json.dumps({**json.loads((state / "info.json").read_text()), "token": "old", "token_until": 1})
    (state / "info.json").write_text(aged)
    secret = state / "secrets/auth/API_TOKEN_SECRET"
    secret.rename(state / "aside")
    again = stack.compose("up")
    check(again.returncode == 1 and "auth issued no token" in again.stderr, f"auth cannot issue one: {again.stdout}{again.stderr}")
    check((state / "info.json").read_text() == aged, "no token is no new one")
    (state / "aside").rename(secret)
    again = stack.compose("up")
    check(again.returncode == 0 and "Bearer old" not in again.stdout, f"an old token is renewed: {again.stdout}{again.stderr}")


def hardened(stack):
    values = {line.split("=", 1)[1] for line in (stack.home / "secrets.env").read_text().splitlines()}
    values |= {"only auth's", (stack.home / "metrics.token").read_text()}
    for service in SERVICES:
        found = stack.inspect(service)
        host = found["HostConfig"]
        check(found["Config"]["User"] == "10001:10001", f"{service} runs as user 10001")
        check(host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["Privileged"], f"{service} is confined")
        check("no-new-privileges:true" in host["SecurityOpt"], f"{service} gains no privileges")
        check(0 < host["Memory"] < 1 << 34, f"{service} has a memory limit")
        status = pathlib.Path(f"/proc/{found['State']['Pid']}/status").read_text()
        check("CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status and "Uid:\t10001" in status, f"{service}'s process: {status}")
        check(not any(value in json.dumps(found) for value in values), f"the engine shows a secret of {service}")
        listed = set(stack.execute(service, "ls", "/run/secrets").stdout.decode().split())
        check(listed == SECRETS.get(service, set()), f"{service} is given its own secrets: {listed}")
    for name, binding in stack.inspect("metrics")["HostConfig"]["PortBindings"].items():
        check(binding[0]["HostIp"] == "127.0.0.1", f"{name} is published on loopback only")
    page, token = f"http://127.0.0.1:{stack.environment['METRICS_PORT']}/metrics", (stack.home / "metrics.token").read_text()
    check(fetch(page)[0] == 401, "Prometheus' page needs a token")
    check(b"millrace_live_streams" in fetch(page, {"Authorization": f"Bearer {token}"})[2], "with it, it is shown")
    authorities = stack.execute("auth", "grep", "-c", "BEGIN CERTIFICATE", "/etc/ssl/certs/ca-certificates.crt")
    check(int(authorities.stdout or 0) > 50, "the image has certificate authorities")
    for question, code in ((("9102",), 0), (("9102", "live"), 0), (("9103", "live"), 1), (("9102", "what"), 64)):
        check(stack.execute("auth", "millrace-health", *question).returncode == code, f"millrace-health {question}")


def reload(stack):
    check(stack.served_name() == "first", "the first certificate serves")
    good = stack.tls / "crt"
    kept = good.read_bytes()
    good.write_bytes(b"garbage\n")
    result = stack.compose("reload")
    check(result.returncode != 0 and "the old pair serves on" in result.stderr and stack.served_name() == "first", f"a bad one: {result.stderr}")
    good.write_bytes(kept)
    stack.certificate("second")
    result = stack.compose("reload")
    check(result.returncode == 0 and "new certificate" in result.stdout, f"compose reload: {result.stdout}{result.stderr}")
    wait_for(lambda: stack.served_name() == "second", "the second certificate to serve", 10)


def watch_and_kill(stack, clip):
    with publisher(stack, clip) as child:
        before = wait_for(stack.playlist, "a playlist", 30)
        probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", stack.info["hls_url"]],
                               capture_output=True, text=True, timeout=60, check=False)
        check(set(probe.stdout.split()) == {"h264", "aac"}, f"ffprobe of the playlist: {probe.stdout}{probe.stderr}")
        for service in (name for name in SERVICES if name != "ingest"):
            stack.kill(service)
            check(child.poll() is None, f"the publisher stays connected while {service} dies")
            after = wait_for(lambda old=before: (p := stack.playlist()) and p.last > old.last and p, f"the stream to go on after {service}", 30)
            check(after.media_sequence >= before.media_sequence, f"the playlist does not step back with {service}")
            check(after.discontinuity_sequence == before.discontinuity_sequence and not any(s[3] for s in after.segments), f"no discontinuity with {service}")
            before = after
        stack.kill("ingest")  # after reload: the engine must not take it for stopped by hand
    with publisher(stack, clip):
        wait_for(lambda: (p := stack.playlist()) and p.last > before.last and p, "the same URL to go on after ingest", 30)


def recorded(stack, clip):
    """A whole publication of another stream, whose recording no publication before it can have part in, fetched as a client would:
    every packet, once."""
    token = stack.execute("auth", "millrace-auth", "--issue-token", "second").stdout.decode().strip()
    headers = {"Authorization": "Bearer " + token}
    status, _, body = fetch(stack.info["api_url"] + "/api/stream/key", headers)
    check(status == 200, f"the second stream: {status} {body}")
    own = json.loads(body)

    def finished():
        names = json.loads(fetch(stack.info["api_url"] + "/api/vod/list", headers)[2])
        return next((name for name in names if name.startswith(own["streamId"])), None)
    with publisher(stack, clip, own["streamUrl"]) as child:
        check(child.wait(timeout=120) == 0, "the publisher ended well")
    name = wait_for(finished, "a finished recording", 60)
    status, _, body = fetch(stack.info["api_url"] + "/api/vod/file/" + name, headers)
    check(status == 200, f"the recording: {status}")
    (stack.home / "recorded.mp4").write_bytes(body)
    for stream in ("v", "a"):
        sent, kept = ([digest for _, digest in packets(source, stream)] for source in (clip, stack.home / "recorded.mp4"))
        check(sent == kept, f"recorded {len(kept)} of {len(sent)} packets of {stream}")


def compose():
    with Engine() as engine, Containers(engine) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=12)
        mistakes(stack)
        stack.up()
        half_started(stack)
        hardened(stack)
        reload(stack)
        # As long as all the kills may take; played on, not looped, so that a discontinuity is the server's.
        watch_and_kill(stack, make_clip(stack.home / "long.flv", seconds=400, rate=15, size="160x90", gop=15, bitrate="100k"))
        recorded(stack, clip)
        stack.compose("down", "metrics")  # docker-compose 1.29 knows no such thing; either way the others go on
        state = stack.home / f"run/compose-{stack.project}"
        check(len(stack.containers()) >= 5 and (state / "secrets/auth/API_TOKEN_SECRET").exists() and (state / "info.json").exists(), "down of one")
        check(stack.compose("down").returncode == 0, "compose down")
        check(not (state / "secrets").exists() and not (state / "info.json").exists(), "their secrets are gone")
        check(not stack.containers(), "nothing is left running")


main(compose)
