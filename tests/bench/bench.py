#!/usr/bin/env python3
"""./millrace bench [--json] [--only NAME …] [--short]: speed of Millrace beside Debian's nginx with libnginx-mod-rtmp, measured in
the same run. The server under test has core 0 to itself, the load generator core 1. GB = 1e9 bytes. Times on shared machines
drift: compare the ratio, not the absolute figure."""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from stack import Stack, fetch, free_port, wait_for  # noqa: E402

BUILD = pathlib.Path(os.environ.get("MILLRACE_BUILD_DIR", ROOT / "build/release"))
SERVER_CORE, CLIENT_CORE = "0", "1"
RESULTS = []


def report(measure, value, unit, peer=None, note=""):
    """peer: the same figure of nginx-rtmp in this run; ratio below 1 means that Millrace needs less."""
    RESULTS.append({"measure": measure, "value": round(value, 4), "unit": unit, "peer": None if peer is None else round(peer, 4),
                    "ratio": round(value / peer, 3) if peer else None, "note": note})


def pin(pid, core=SERVER_CORE):
    subprocess.run(["taskset", "-acp", core, str(pid)], check=True, stdout=subprocess.DEVNULL)


def rtmpload(*arguments):
    result = subprocess.run(["taskset", "-c", CLIENT_CORE, str(BUILD / "bin/rtmpload"), *map(str, arguments)], capture_output=True, text=True,
                            timeout=300)
    if result.returncode:
        raise SystemExit(f"rtmpload: {result.stderr}")
    return json.loads(result.stdout)


def spawn_rtmpload(*arguments):
    return subprocess.Popen(["taskset", "-c", CLIENT_CORE, str(BUILD / "bin/rtmpload"), *map(str, arguments)], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def background(*arguments):
    child = spawn_rtmpload(*arguments)
    try:
        time.sleep(1.5)
        yield
    finally:
        child.terminate()
        child.wait()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


NGINX = """
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
worker_processes 1; daemon off; pid {home}/nginx.pid; error_log {home}/error.log warn;
events {{ worker_connections 8192; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; chunk_size 4096; max_streams 64;
  application live {{ live on; }}
  application hls {{ live on; hls on; hls_path {home}/hls; hls_fragment 2s; hls_playlist_length 20s; }} }} }}
"""


@contextlib.contextmanager
def nginx():
    home = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bench-", dir="/dev/shm"))
    home.chmod(0o755)
    (home / "hls").mkdir(mode=0o777)
    (home / "hls").chmod(0o777)
    port = free_port()
    (home / "nginx.conf").write_text(NGINX.format(home=home, port=port))
    child = subprocess.Popen(["nginx", "-c", str(home / "nginx.conf"), "-p", str(home)])
    try:
        worker = wait_for(lambda: subprocess.run(["pgrep", "-P", str(child.pid)], capture_output=True, text=True).stdout.split(), "nginx")[0]
        pin(worker)
        yield f"rtmp://127.0.0.1:{port}", int(worker)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()
        shutil.rmtree(home, ignore_errors=True)


class Millrace(Stack):
    """A stack whose ingest has core 0; services that a measure is not about are stopped."""

    def __init__(self, streams, only=("auth", "ingest", "api"), **environment):
        super().__init__(MEDIA_LOG_BYTES="3G", MEDIA_LOG_STREAM_BYTES="8M", MEDIA_LOG_KEEP_SECONDS="15",
                         INGEST_THREADS="1", **environment)
        self.streams, self.only = streams, only

    def up(self):
        super().up()
        for name in ("recording", "packaging", "metrics"):
            if name not in self.only:
                subprocess.run(["s6-svc", "-wD", "-T", "10000", "-d", str(self.home / "run/s6" / name)], check=False)
        self.names = self.home / "names"
        self.ids = []
        keys = []
        environment = {**self.environment, **dict(line.split("=", 1) for line in (self.home / "secrets.env").read_text().split())}
        for number in range(self.streams):
            token = subprocess.run([str(BUILD / "bin/millrace-auth"), "--issue-token", f"bench{number}"], env=environment,
                                   capture_output=True, text=True, check=True).stdout.strip()
            status, _, body = fetch(self.info["api_url"] + "/api/stream/key", {"Authorization": f"Bearer {token}"})
            answer = json.loads(body)
            if status != 200:
                raise SystemExit(f"stream key: {answer}")
            keys.append(answer["streamKey"])
            self.ids.append(answer["streamId"])
        self.names.write_text("\n".join(keys) + "\n")
        self.base = self.info["publish_url"].rsplit("/", 2)[0].replace("localhost", "127.0.0.1")
        self.ingest = self.pid("ingest")
        pin(self.ingest)


def bench_clip(home):
    clip = home / "bench.flv"
    subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30", "-f", "lavfi",
                    "-i", "sine=frequency=440:sample_rate=48000", "-t", "20", "-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-bf", "0",
                    "-b:v", "3M", "-minrate", "3M", "-maxrate", "3M", "-bufsize", "3M", "-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-b:a", "128k",
                    "-f", "flv", str(clip)], check=True, stdin=subprocess.DEVNULL)
    return clip


def log_bytes(stack):
    """Blocks of the arena that are in use, as ingest says."""
    port = next(service["ops_port"] for service in stack.status()["services"] if service["name"] == "ingest")
    text = fetch(f"http://127.0.0.1:{port}/metrics")[2].decode()
    gauge = lambda name: float(re.search(rf"^millrace_ingest_{name} (\S+)$", text, re.M).group(1))  # noqa: E731
    return gauge("log_bytes") - gauge("log_free_bytes")


def ingest(clip, seconds, streams=200):
    """200 real-time 3 Mbit/s publishers, and the same bytes as fast as the server takes them."""
    with nginx() as (url, pid):
        peer = rtmpload("publish", "--url", f"{url}/live/s%d", "--file", clip, "--streams", streams, "--seconds", seconds, "--server-pid", pid)
        fast_peer = rtmpload("publish", "--url", f"{url}/live/f%d", "--file", clip, "--streams", 8, "--rate", "fast", "--seconds", 4, "--server-pid", pid)
    with Millrace(streams) as stack:
        anonymous = lambda: int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{stack.ingest}/status").read_text()).group(1))  # noqa: E731
        before = anonymous()
        ours = rtmpload("publish", "--url", f"{stack.base}/live/s%d", "--names", stack.names, "--file", clip, "--streams", streams,
                        "--seconds", seconds, "--server-pid", stack.ingest)
        heap = anonymous() - before
        log = log_bytes(stack)
        fast = rtmpload("publish", "--url", f"{stack.base}/live/s%d", "--names", stack.names, "--file", clip, "--streams", 8, "--rate", "fast",
                        "--seconds", 4, "--server-pid", stack.ingest)
    for result in (peer, ours):
        if result["lost"] or result["failed"]:
            print(f"warning: publishers lost: {result['closed']}", file=sys.stderr)
    report(f"ingest of {streams} real-time publishers, log included", ours["server"]["cpu_s_per_gb"], "CPU s/GB", peer["server"]["cpu_s_per_gb"],
           f"lost {ours['lost']}, nginx lost {peer['lost']}")
    report("ingest as fast as possible, log included", fast["server"]["cpu_s_per_gb"], "CPU s/GB", fast_peer["server"]["cpu_s_per_gb"],
           f"{fast['mbit_out']:.0f} Mbit/s, nginx {fast_peer['mbit_out']:.0f}")
    report("heap of a publisher", heap / streams, "KB", peer["server"]["rss_peak_kb"] / streams, f"ingest's before: {before} KB; peer: its RSS")
    report("media log of a publisher after the run", log / streams / 1e6, "MB tmpfs", None, "blocks in use; 15 s kept here, MEDIA_LOG_KEEP_SECONDS")


def fanout(clip, seconds, players=500):
    with nginx() as (url, pid), background("publish", "--url", f"{url}/live/s0", "--file", clip, "--streams", 1, "--seconds", 600):
        peer = rtmpload("play", "--url", f"{url}/live/s0", "--clients", players, "--seconds", seconds, "--server-pid", pid)
        light_peer = rtmpload("play", "--url", f"{url}/live/s0", "--clients", 1, "--seconds", 6)
    with Millrace(1) as stack, background("publish", "--url", f"{stack.base}/live/s0", "--names", stack.names, "--file", clip, "--seconds", 600):
        target = f"{stack.base}/live/{stack.ids[0]}"
        ours = rtmpload("play", "--url", target, "--clients", players, "--seconds", seconds, "--server-pid", stack.ingest)
        light = rtmpload("play", "--url", target, "--clients", 1, "--seconds", 6)
    report(f"fan-out to {players} players", ours["server"]["cpu_s_per_gb"], "CPU s/GB", peer["server"]["cpu_s_per_gb"],
           f"failed {ours['failed']}, frames missing {ours['frames_missing']}")
    for quantile in ("p50", "p99"):
        report(f"delay to {players} players, {quantile}", ours["ms_latency"][quantile], "ms", peer["ms_latency"][quantile])
        report(f"delay to one player, {quantile}", light["ms_latency"][quantile], "ms", light_peer["ms_latency"][quantile])
    report("join to first key frame, p50", ours["ms_first_key"]["p50"], "ms", peer["ms_first_key"]["p50"])


class HlsViewer(threading.Thread):
    """Fetches every segment of every stream once."""

    def __init__(self, urls):
        super().__init__(daemon=True)
        self.urls, self.stop, self.bytes, self.seen = urls, False, 0, set()

    def run(self):
        while not self.stop:
            for url in self.urls:
                with contextlib.suppress(OSError):
                    status, _, body = fetch(url)
                    for name in re.findall(r"^[^#\s].*$", body.decode(), re.M) if status == 200 else []:
                        segment = url.rsplit("/", 1)[0] + "/" + name
                        if segment not in self.seen:
                            self.seen.add(segment)
                            self.bytes += len(fetch(segment)[2])
            time.sleep(0.5)


def histogram(text, name, quantile):
    """A quantile's upper bound, in milliseconds, of a Prometheus histogram."""
    buckets = {}
    for bound, count in re.findall(rf'^{name}_bucket\{{[^}}]*le="([^"]+)"[^}}]*\}} (\S+)$', text, re.M):
        buckets[float(bound)] = buckets.get(float(bound), 0) + float(count)
    total = buckets.get(float("inf"), 0)
    for bound in sorted(buckets):
        if total and buckets[bound] >= quantile * total:
            return bound * 1000
    return float("nan")


def hls(clip, seconds, streams=20):
    with nginx() as (url, pid):
        plain = rtmpload("publish", "--url", f"{url}/live/s%d", "--file", clip, "--streams", streams, "--seconds", seconds, "--server-pid", pid)
        with_hls = rtmpload("publish", "--url", f"{url}/hls/s%d", "--file", clip, "--streams", streams, "--seconds", seconds, "--server-pid", pid)
    peer = with_hls["server"]["cpu_s_per_gb"] - plain["server"]["cpu_s_per_gb"]
    with Millrace(streams, only=("auth", "ingest", "api", "packaging")) as stack:
        packaging = stack.pid("packaging")
        viewer = HlsViewer([stack.info["hls_url"].replace(stack.info["stream_id"], name) for name in stack.ids])
        ours = rtmpload("publish", "--url", f"{stack.base}/live/s%d", "--names", stack.names, "--file", clip, "--streams", streams,
                        "--seconds", seconds, "--server-pid", packaging)
        quiet = ours["server"]["cpu_s_per_gb"]
        viewer.start()
        watched = rtmpload("publish", "--url", f"{stack.base}/live/s%d", "--names", stack.names, "--file", clip, "--streams", streams,
                           "--seconds", seconds, "--server-pid", packaging)
        viewer.stop = True
        _, _, text = fetch(f"http://127.0.0.1:{next(s['ops_port'] for s in stack.status()['services'] if s['name'] == 'packaging')}/metrics")
        text = text.decode()
    report(f"HLS packaging of {streams} streams above ingest", quiet, "CPU s/GB", peer, "nobody watches; nginx writes files to tmpfs")
    report("the same with every segment fetched once", watched["server"]["cpu_s_per_gb"], "CPU s/GB", peer, f"{viewer.bytes / 1e6:.0f} MB delivered")
    for name, what in (("millrace_packaging_pointer_delay_seconds", "socket to notified pointer"),
                       ("millrace_packaging_segment_delay_seconds", "last byte of a segment to playable")):
        for quantile in (0.5, 0.99):
            report(f"{what}, p{quantile * 100:.0f} (bucket bound)", histogram(text, name, quantile), "ms")


def media_log(_clip, _seconds):
    if not (BUILD / "bin/media_log_bench").exists():
        return
    output = subprocess.run(["taskset", "-c", SERVER_CORE, str(BUILD / "bin/media_log_bench"), "--json"], capture_output=True, text=True, check=True).stdout
    for entry in json.loads(output):
        report(entry["measure"], entry["value"], entry["unit"], entry.get("peer"), entry.get("note", ""))


BENCHES = {"media_log": media_log, "ingest": ingest, "fanout": fanout, "hls": hls}


def print_table():
    print(f"{'measure':<52} {'Millrace':>10} {'nginx-rtmp':>11} {'ratio':>6}  unit")
    for row in RESULTS:
        peer = "" if row["peer"] is None else f"{row['peer']:.3f}"
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        print(f"{row['measure']:<52} {row['value']:>10.3f} {peer:>11} {ratio:>6}  {row['unit']}  {row['note']}")


def main():
    parser = argparse.ArgumentParser(prog="millrace bench")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", nargs="+", choices=BENCHES, default=list(BENCHES))
    parser.add_argument("--short", action="store_true", help="5 s windows instead of 15 s")
    options = parser.parse_args()
    subprocess.run(["ninja", "-C", str(BUILD), "rtmpload", "media_log_bench"], stdout=subprocess.DEVNULL, check=True)
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as home:
        clip = bench_clip(pathlib.Path(home))
        for name in options.only:
            BENCHES[name](clip, 5 if options.short else 15)
    if options.json:
        json.dump(RESULTS, sys.stdout, indent=2)
        print()
    else:
        print_table()


main()
