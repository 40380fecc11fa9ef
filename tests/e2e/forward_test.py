#!/usr/bin/env python3
"""Forwards: one live stream pushed to nginx-rtmp, to a second Millrace, through TLS and to targets that refuse; what arrives there
are the source's frames. A target that was killed is sent to again from a key frame on; one that is stopped costs the source's
players nothing; what may not be connected to is refused; a redirect away from TLS is not followed; no key is seen anywhere."""
import contextlib
import functools
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from nginx_rtmp import Nginx
from wire import NULL, chunk, number, objects, string
from stack import PATIENCE, ROOT, Stack, check, fetch, free_port, main, packets, wait_for

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))
WRONG_KEY = "sk_wrong0wrong0wrong0wrong0wrong0"


class TlsProxy:
    """TLS in front of a plain server, with a certificate of its own for 127.0.0.1."""

    def __init__(self, home, port):
        self.certificate, key = home / "tls.crt", home / "tls.key"
        if not key.exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", self.certificate, "-days", "2",
                            "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, key)
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def relay(self, client):
        with contextlib.suppress(OSError):
            client = self.context.wrap_socket(client, server_side=True)
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.copy, args=(server, client), daemon=True).start()
            self.copy(client, server)

    @staticmethod
    def copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


class Redirector:
    """Answers every connect with a redirect to a plain RTMP server, where somebody listens."""

    def __init__(self):
        self.trap, self.listener = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
        self.port, self.asked = self.listener.getsockname()[1], 0
        url = f"rtmp://127.0.0.1:{self.trap.getsockname()[1]}/live"
        body = string("_error") + number(1) + NULL + objects(level="error", code="NetConnection.Connect.Rejected", redirect=url)
        self.answer = b"\x03" + bytes(2 * 1536) + chunk(20, body, size=128)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            self.asked += 1
            client.sendall(self.answer)
            threading.Thread(target=TlsProxy.copy, args=(client, client), daemon=True).start()

    def trapped(self):
        self.trap.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            return self.trap.accept() is not None
        return False


def noisy_clip(path, seconds, megabits=12):
    """Pictures that don't compress: what a stopped server can't take piles up within seconds."""
    subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=30",
                    "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-vf", "noise=alls=100:allf=t", "-t", str(seconds),
                    "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "30", "-sc_threshold", "0", "-b:v", f"{megabits}M",
                    "-minrate", f"{megabits}M", "-maxrate", f"{megabits}M", "-bufsize", f"{megabits}M",
                    "-c:a", "aac", "-b:a", "96k", "-ac", "2", "-f", "flv", str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def metrics(stack):
    status, _, body = fetch(f"http://127.0.0.1:{ops_port(stack)}/metrics")
    check(status == 200, "metrics of ingest")
    return body.decode()


@functools.cache
def ops_port(stack):
    """Asked once: the clip is short, and a look at the whole stack takes its time."""
    return next(s for s in stack.status()["services"] if s["name"] == "ingest")["ops_port"]


def forward(stack, number):
    """state, reason, attempts and frames_skipped of config-<number>."""
    text = metrics(stack)
    labels = rf'{{forward="config-{number}",[^}}]*'
    found = re.search(rf'millrace_ingest_forward_state{labels}state="(\w+)",reason="(\w*)"}} 1', text)

    def count(name):
        value = re.search(rf'millrace_ingest_forward_{name}_total{labels}}} (\d+)', text)
        return int(value.group(1)) if value else 0
    return {"state": found and found.group(1), "reason": found and found.group(2), "attempts": count("attempts"),
            "skipped": count("frames_skipped")}


def hashes(source, stream="v"):
    return [digest for _, digest in packets(source, stream)]


def place(part, whole):
    """Where the run of frames part begins in whole; it must be one run without a gap."""
    check(part and part[0] in whole, "the first frame is none of the source's")
    at = whole.index(part[0])
    check(whole[at:at + len(part)] == part, f"{len(part)} frames from {at} on are not one run of the source's")
    return at


def no_secret(stack, *secrets):
    text = metrics(stack)
    for log in (stack.home / "logs").glob("*/current"):
        text += log.read_text(errors="replace")
    for secret in secrets:
        check(secret not in text, "a secret is in metrics or logs")


def refused_at_start():
    """A private target that nobody allowed stops ingest's start, and the key is not in the message."""
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as home:
        environment = {**os.environ, "MILLRACE_HOME": home, "MEDIA_LOG_BYTES": "32M", "RTMP_PORT": "0", "INGEST_OPS_PORT": "0"}
        for url in ("rtmp://127.0.0.1/live/secret0key", "rtmp://169.254.169.254/live/secret0key", "rtmp://[::1]/live/secret0key",
                    "rtmp://0x7f000001/live/secret0key", "rtmp://localhost/live/secret0key", "file:///live/secret0key",
                    "rtmp://$(x)/live/secret0key"):
            result = subprocess.run([str(BIN / "millrace-ingest")], env={**environment, "FORWARD_TARGETS": f"*={url}"}, text=True,
                                    capture_output=True, timeout=30 * PATIENCE)
            output = result.stdout + result.stderr
            check(result.returncode != 0 and "FORWARD_TARGETS" in output, f"{url} is refused: {result.returncode} {output}")
            check("secret0key" not in output, "the key is not shown")


def everything_arrives(source, nginx, other, clip):
    """The whole clip, at three targets; two others refuse."""
    sent = hashes(clip)
    publisher = source.publish(clip)
    refused = wait_for(lambda: (f := forward(source, 3))["reason"] == "refused" and f["attempts"] >= 2 and f, "the wrong key to be refused twice")
    check(refused["state"] in ("waiting", "resolving", "connecting", "opening"), f"it waits for its next attempt: {refused}")
    wait_for(lambda: forward(source, 5)["reason"] == "tls", "the wrong certificate to be refused")
    log = (source.home / "logs/ingest/current").read_text(errors="replace")
    check('why="certificate verify failed: self-signed certificate"' in log, "the log says why")
    wait_for(lambda: forward(source, 6)["reason"] == "redirects", "the redirect away from TLS to be refused")
    for number in (1, 2, 4):
        check(forward(source, number)["state"] == "sending", f"target {number}: {forward(source, number)}")
    check(publisher.wait(timeout=60) == 0, "the publisher ended well")
    wait_for(lambda: "forward_state{" not in metrics(source), "all forwards to end with their stream")
    for name in ("live", "tls"):
        received = hashes(nginx.files(name)[0])
        check(received == sent, f"nginx {name}: {len(received)} frames of {len(sent)}")
        sound, sound_sent = hashes(nginx.files(name)[0], "a"), hashes(clip, "a")
        at = place(sound, sound_sent)  # what came before the first key frame is left out
        check(at < 10 and at + len(sound) == len(sound_sent), f"sound at nginx {name}: {at}, {len(sound)} of {len(sound_sent)}")
    recording = other.wait_recordings(1)[0]
    check(hashes(recording) == sent, "the other Millrace recorded the same frames")


def killed_and_back(source, nginx, clip):
    sent = hashes(clip)
    before = len(nginx.files())
    publisher = source.publish(clip)
    wait_for(lambda: len(nginx.files()) > before and nginx.files()[-1].stat().st_size > 500_000, "frames at nginx")
    nginx.kill()
    wait_for(lambda: forward(source, 1)["state"] == "waiting", "the forward to notice")
    nginx.start()
    wait_for(lambda: forward(source, 1)["state"] == "sending", "the forward to come back")
    check(publisher.wait(timeout=60) == 0, "the publisher ended well")
    wait_for(lambda: "forward_state{" not in metrics(source), "all forwards to end with their stream")
    received = hashes(nginx.files()[-1])
    at = place(received, sent)
    check(at > 0 and at % 30 == 0 and at + len(received) == len(sent), f"from a key frame to the end: {at}, {len(received)} of {len(sent)}")


def cut_off_source(source, nginx, clip):
    """The encoder's connection breaks and is back: the server sees one publication that goes on."""
    sent = hashes(clip)
    before = len(nginx.files())
    publisher = source.publish(clip)
    wait_for(lambda: len(nginx.files()) > before and nginx.files()[-1].stat().st_size > 1_000_000, "frames at nginx")
    publisher.kill()
    publisher.wait()
    publisher = source.publish(clip)
    check(publisher.wait(timeout=60) == 0, "the second publisher ended well")
    wait_for(lambda: "forward_state{" not in metrics(source), "all forwards to end with their stream")
    check(len(nginx.files()) == before + 1, "one publication at nginx")
    received = packets(nginx.files()[-1])
    frames = [digest for _, digest in received]
    check(frames[-len(sent):] == sent, "the second publication arrived whole")
    check(frames[:-len(sent)] == sent[:len(frames) - len(sent)], "and before it the first part of the first")
    times = [time for time, _ in received]
    check(all(b > a for a, b in zip(times, times[1:])), "times go on")


def stopped_target(source, nginx, clip):
    sent = hashes(clip)
    capture = source.home / "played.flv"
    publisher = source.publish(clip)
    wait_for(lambda: forward(source, 1)["state"] == "sending", "the forward to send")
    player = source.spawn("ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-i", source.info["publish_url"].rsplit("/", 1)[0] + "/" + source.stream_id, "-c", "copy", str(capture))
    nginx.child.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: (f := forward(source, 1))["skipped"] > 0 or f["reason"] == "slow", "the forward to fall behind", seconds=40)
    finally:
        nginx.child.send_signal(signal.SIGCONT)
    wait_for(lambda: forward(source, 1)["state"] == "sending", "the forward to send again", seconds=40)
    check(publisher.wait(timeout=90) == 0, "the publisher ended well")
    player.send_signal(signal.SIGINT)
    player.wait(timeout=30)
    played = hashes(capture)
    at = place(played, sent)
    check(at + len(played) == len(sent), f"the player saw everything to the end: {at} + {len(played)} of {len(sent)}")


def forwards():
    refused_at_start()
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as home, Stack() as other:
        home = pathlib.Path(home)
        (home / "nginx").mkdir()
        home.chmod(0o755)
        nginx = Nginx(home / "nginx")
        proxy, stranger = TlsProxy(home, nginx.port), None
        (home / "other").mkdir()
        stranger = TlsProxy(home / "other", nginx.port)
        redirector = Redirector()
        redirecting = TlsProxy(home, redirector.port)
        good = other.info["publish_url"]
        key = good.rsplit("/", 1)[1]
        targets = [f"rtmp://127.0.0.1:{nginx.port}/live/nginx0key0of0ours", good.replace("localhost", "127.0.0.1"),
                   good.replace("localhost", "127.0.0.1").replace(key, WRONG_KEY), f"rtmps://127.0.0.1:{proxy.port}/tls/nginx0key0of0ours",
                   f"rtmps://127.0.0.1:{stranger.port}/tls/nginx0key0of0ours",
                   f"rtmps://127.0.0.1:{redirecting.port}/live/nginx0key0of0ours"]
        try:
            with Stack(FORWARD_TARGETS=" ".join(f"*={url}" for url in targets), FORWARD_ALLOW="127.0.0.0/8",
                       FORWARD_TLS_AUTHORITIES=str(proxy.certificate)) as source:
                clip = noisy_clip(source.home / "clip.flv", 8, megabits=3)
                everything_arrives(source, nginx, other, clip)
                killed_and_back(source, nginx, noisy_clip(source.home / "long.flv", 16, megabits=3))
                check(redirector.asked > 0 and not redirector.trapped(), "a redirect away from TLS is not followed")
                cut_off_source(source, nginx, clip)
                stopped_target(source, nginx, noisy_clip(source.home / "large.flv", 40, megabits=16))
                no_secret(source, WRONG_KEY, key, "nginx0key0of0ours")
        finally:
            nginx.kill()


main(forwards)
