#!/usr/bin/env python3
"""A forward asked for over the bus outlives ingest: after kill -9 it goes on when the publisher is back, without anybody asking again,
until it is stopped, and stays stopped over the next kill. What it is kept in is its user's alone."""
import os
import pathlib
import subprocess
import tempfile

from nginx_rtmp import Nginx
from stack import ROOT, Stack, check, fetch, main, make_clip, wait_for

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))


def ask(stack, *words):
    """The error's code, or nothing."""
    answer = subprocess.run([str(BIN / "forward_command"), stack.info["bus_directory"], *words], capture_output=True, text=True, timeout=60)
    return answer.stderr.strip() if answer.returncode else ""


def forwards(stack):
    """How many run, by ingest's metrics."""
    port = next(s for s in stack.status()["services"] if s["name"] == "ingest")["ops_port"]
    status, _, body = fetch(f"http://127.0.0.1:{port}/metrics")
    check(status == 200, "metrics of ingest")
    return [line for line in body.decode().splitlines() if line.startswith("millrace_ingest_forward_state{")]


def killed(stack):
    stack.wait_ready("ingest", other_than=stack.kill("ingest"))


def outlives(stack, nginx, clip):
    url = f"rtmp://127.0.0.1:{nginx.port}/live/nginx0key0of0ours"
    check(ask(stack, "start", "tv", stack.stream_id, url) == "", "the forward is started")
    kept = stack.home / "data/forwards-0.json"
    check(kept.stat().st_mode & 0o777 == 0o600, f"the file is its user's alone: {kept.stat().st_mode:o}")
    publisher = stack.publish_on(clip)
    wait_for(lambda: nginx.files() and nginx.files()[-1].stat().st_size > 50_000, "frames at nginx")
    killed(stack)
    publisher.wait(timeout=30)
    stack.publish_on(clip)
    wait_for(lambda: len(nginx.files()) == 2 and nginx.files()[-1].stat().st_size > 50_000, "frames at nginx after the kill", seconds=40)
    check(ask(stack, "start", "tv", stack.stream_id, url) == "", "who asks again is told that it is so")
    check(len(forwards(stack)) == 1, f"it is one forward: {forwards(stack)}")
    check(ask(stack, "stop", "tv") == "", "the forward is stopped")
    wait_for(lambda: not forwards(stack), "it to end")


def stays_stopped(stack, nginx, clip):
    killed(stack)
    check(ask(stack, "stop", "tv") == "ingest.forward_unknown", "nobody knows it after the next kill")
    stack.publish_on(clip)
    wait_for(stack.playlist, "the stream", seconds=40)
    check(not forwards(stack) and len(nginx.files()) == 2, "nothing is forwarded")
    for log in (stack.home / "logs").glob("*/current"):
        check("nginx0key0of0ours" not in log.read_text(errors="replace"), f"the key is in {log}")


def forward_restart():
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as home:
        pathlib.Path(home).chmod(0o755)
        nginx = Nginx(pathlib.Path(home))
        try:
            with Stack(FORWARD_ALLOW="127.0.0.0/8") as stack:
                clip = make_clip(stack.home / "clip.flv", seconds=10)
                outlives(stack, nginx, clip)
                stays_stopped(stack, nginx, clip)
        finally:
            nginx.kill()


main(forward_restart)
