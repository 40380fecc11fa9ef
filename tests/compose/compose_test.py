#!/usr/bin/env python3
"""The six services in containers: hardened as docker-compose.yml says, publish, watch, kill each, finish. Skips where no
container engine runs. MILLRACE_IMAGE names an image to test; else one is made of MILLRACE_BUILD_DIR's programs, or built."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from stack import ROOT, SERVICES, Playlist, check, fetch, main, make_clip, packets, skip, wait_for  # noqa: E402


class Containers:
    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="millrace-compose-"))
        self.project = f"millrace-test-{os.getpid()}"
        self.docker = "/usr/bin/docker" if os.access("/usr/bin/docker", os.X_OK) else "docker"
        self.environment = {**os.environ, "MILLRACE_HOME": str(self.home), "COMPOSE_PROJECT_NAME": self.project,
                            "MEDIA_LOG_BYTES": "128M", "SHARED_SIZE": "200m", "RTMP_PORT": "0", "PORT": "0", "HLS_PORT": "0",
                            "METRICS_PORT": "0"}
        # Compiling in the image takes as long as everything else together; the suite has just built the programs.
        release = pathlib.Path("/etc/os-release").read_text()
        if "MILLRACE_IMAGE" not in os.environ and "MILLRACE_BUILD_DIR" in os.environ and "VERSION_CODENAME=bookworm" in release:
            self.environment.update(MILLRACE_IMAGE=f"{self.project}:latest", MILLRACE_IMAGE_PROGRAMS=os.environ["MILLRACE_BUILD_DIR"])
        self.info = {}

    def __enter__(self):
        result = self.compose("up", timeout=3600)
        if result.returncode == 77:
            shutil.rmtree(self.home, ignore_errors=True)
            skip(result.stderr.strip())
        if result.returncode != 0:
            print(self.compose("logs", "--tail=30").stdout, file=sys.stderr)
            self.close()
            check(False, f"compose up: {result.stdout}{result.stderr}")
        self.info = json.loads((self.home / f"run/compose-{self.project}.json").read_text())
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.compose("logs", "--tail=40").stdout, file=sys.stderr)
        self.close()

    def close(self):
        self.compose("down", "--volumes")
        if "MILLRACE_IMAGE_PROGRAMS" in self.environment:
            subprocess.run([self.docker, "rmi", self.environment["MILLRACE_IMAGE"]], capture_output=True, check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def compose(self, *arguments, timeout=180):
        return subprocess.run([str(ROOT / "tools/compose.sh"), *arguments], env=self.environment, text=True,
                              capture_output=True, timeout=timeout, check=False)

    def inspect(self, service):
        ids = self.compose("ps", "-q", service).stdout.split()
        check(len(ids) == 1, f"one container of {service}")
        return json.loads(subprocess.run([self.docker, "inspect", ids[0]], check=True, capture_output=True, text=True).stdout)[0]

    def kill(self, service):
        """kill -9 of the process itself, as a crash would be: `docker kill` would count as the user's stop. From a
        container that sees all processes, because a user of the engine need not be root."""
        found = self.inspect(service)
        before = found["State"]
        subprocess.run([self.docker, "run", "--rm", "--pid=host", "--user=0", "--entrypoint=bash", found["Config"]["Image"],
                        "-c", f"kill -9 {before['Pid']}"], check=True, capture_output=True)

        def back():
            state = self.inspect(service)["State"]
            return state["Running"] and state["Pid"] not in (0, before["Pid"]) and state["Health"]["Status"] == "healthy"
        wait_for(back, f"{service} to be healthy again", 60)

    def playlist(self):
        status, _, body = fetch(self.info["hls_url"])
        return Playlist(body.decode(), self.info["hls_url"]) if status == 200 else None


@contextlib.contextmanager
def publisher(stack, clip):
    with open(stack.home / "ffmpeg.log", "wb") as log:
        child = subprocess.Popen(["ffmpeg", "-hide_banner", "-loglevel", "warning", "-re", "-i", str(clip), "-c", "copy",
                                  "-f", "flv", stack.info["publish_url"]], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def hardened(stack):
    for service in SERVICES:
        found = stack.inspect(service)
        host = found["HostConfig"]
        check(found["Config"]["User"] == "10001:10001", f"{service} runs as user 10001")
        check(host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["Privileged"], f"{service} is confined")
        check("no-new-privileges:true" in host["SecurityOpt"], f"{service} gains no privileges")
        status = pathlib.Path(f"/proc/{found['State']['Pid']}/status").read_text()
        check("CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status and "Uid:\t10001" in status, f"{service}'s process: {status}")
        secrets = [line for line in found["Config"]["Env"] if "SECRET" in line]
        check(bool(secrets) == (service == "auth"), f"only auth is given secrets, not {service}")


def watch_and_kill(stack, clip):
    with publisher(stack, clip) as child:
        before = wait_for(stack.playlist, "a playlist", 30)
        probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", stack.info["hls_url"]],
                               capture_output=True, text=True, timeout=60, check=False)
        check(set(probe.stdout.split()) == {"h264", "aac"}, f"ffprobe of the playlist: {probe.stdout}{probe.stderr}")
        for service in ("auth", "packaging", "recording", "metrics", "api"):
            stack.kill(service)
            check(child.poll() is None, f"the publisher stays connected while {service} dies")
            after = wait_for(lambda old=before: (p := stack.playlist()) and p.last > old.last and p, f"the stream to go on after {service}", 30)
            check(after.media_sequence >= before.media_sequence, f"the playlist does not step back with {service}")
            check(after.discontinuity_sequence == before.discontinuity_sequence and not any(s[3] for s in after.segments), f"no discontinuity with {service}")
            before = after
        stack.kill("ingest")
    with publisher(stack, clip):
        wait_for(lambda: (p := stack.playlist()) and p.last > before.last and p, "the same URL to go on after ingest", 30)


def recorded(stack, clip):
    """A whole publication, fetched as a client would: every packet, once."""
    headers = {"Authorization": "Bearer " + stack.info["token"]}

    def names():
        return json.loads(fetch(stack.info["api_url"] + "/api/vod/list", headers)[2])
    before = len(names())
    with publisher(stack, clip) as child:
        check(child.wait(timeout=120) == 0, "the publisher ended well")
    name = max(wait_for(lambda: len(n := names()) > before and n, "a finished recording", 60))
    status, _, body = fetch(stack.info["api_url"] + "/api/vod/file/" + name, headers)
    check(status == 200, f"the recording: {status}")
    (stack.home / "recorded.mp4").write_bytes(body)
    for stream in ("v", "a"):
        sent, kept = ([digest for _, digest in packets(source, stream)] for source in (clip, stack.home / "recorded.mp4"))
        check(sent == kept, f"recorded {len(kept)} of {len(sent)} packets of {stream}")


def compose():
    with Containers() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=12)
        hardened(stack)
        # As long as all the kills may take; played on, not looped, so that a discontinuity is the server's.
        watch_and_kill(stack, make_clip(stack.home / "long.flv", seconds=400, rate=15, size="160x90", gop=15, bitrate="100k"))
        recorded(stack, clip)
        check(stack.compose("down").returncode == 0, "compose down")
        check(not stack.compose("ps", "-q").stdout.strip(), "nothing is left running")


main(compose)
