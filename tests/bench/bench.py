#!/usr/bin/env python3
"""./millrace bench [--json] [--only NAME …] [--short]: speed of Millrace beside Debian's nginx with libnginx-mod-rtmp, measured in
the same run, and beside a bare socket loop that moves the same bytes. The server under test has core 0 to itself, the load
generator core 1. GB = 1e9 bytes. Times on shared machines drift: compare the ratio, not the absolute figure."""
import argparse
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import delivery  # noqa: E402
import faces  # noqa: E402
import glass as glass_to_glass  # noqa: E402
import packaging as packaging_cost  # noqa: E402
import parts as part_delays  # noqa: E402
from measure import BUILD, CLIENT_CORE, RESULTS, SERVER_CORE, anonymous_kb, cpu_seconds, pin, report, running_nginx  # noqa: E402
from stack import SERVICES, Stack, fetch, wait_for  # noqa: E402


def rtmpload(*arguments):
    result = subprocess.run(["taskset", "-c", CLIENT_CORE, str(BUILD / "bin/rtmpload"), *map(str, arguments)], capture_output=True, text=True,
                            timeout=300)
    if result.returncode:
        raise SystemExit(f"rtmpload: {result.stderr}")
    return json.loads(result.stdout)


def socket_limit(*arguments):
    """CPU s/GB of the bare loop."""
    result = subprocess.run([str(BUILD / "bin/socket_limit"), *map(str, arguments)], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(result.stdout)["cpu_s_per_gb"]


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
    def prepare(home):
        (home / "hls").mkdir()
        (home / "hls").chmod(0o777)

    with running_nginx(NGINX, prepare) as (port, worker):
        yield f"rtmp://127.0.0.1:{port}", worker


class Millrace(Stack):
    """A stack whose ingest has core 0; services that a measure is not about are stopped."""

    def __init__(self, streams, only=("auth", "ingest", "api"), **environment):
        super().__init__(**{"MEDIA_LOG_BYTES": "3G", "MEDIA_LOG_STREAM_BYTES": "8M", "MEDIA_LOG_KEEP_SECONDS": "15",
                            "INGEST_THREADS": "1", "RTMP_MAX_STREAMS": "5000", "RTMP_MAX_CONNECTIONS": "20000", **environment})
        self.streams, self.only = streams, only

    def up(self):
        super().up()
        for name in SERVICES:
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


def ingest_metric(stack, name):
    port = next(service["ops_port"] for service in stack.status()["services"] if service["name"] == "ingest")
    text = fetch(f"http://127.0.0.1:{port}/metrics")[2].decode()
    return float(re.search(rf"^millrace_ingest_{name} (\S+)$", text, re.M).group(1))


def log_bytes(stack):
    """Blocks of the arena that are in use, as ingest says."""
    return ingest_metric(stack, "log_bytes") - ingest_metric(stack, "log_free_bytes")


def ingest(clip, seconds, streams=200):
    """200 real-time 3 Mbit/s publishers, and the same bytes as fast as the server takes them."""
    with nginx() as (url, pid):
        peer = rtmpload("publish", "--url", f"{url}/live/s%d", "--file", clip, "--streams", streams, "--seconds", seconds, "--server-pid", pid)
        fast_peer = rtmpload("publish", "--url", f"{url}/live/f%d", "--file", clip, "--streams", 8, "--rate", "fast", "--seconds", 4, "--server-pid", pid)
    bare = socket_limit("receive", "--streams", streams, "--pause-ms", 10)
    with Millrace(streams) as stack:
        before = anonymous_kb(stack.ingest)
        ours = rtmpload("publish", "--url", f"{stack.base}/live/s%d", "--names", stack.names, "--file", clip, "--streams", streams,
                        "--seconds", seconds, "--server-pid", stack.ingest)
        heap = anonymous_kb(stack.ingest) - before
        log = log_bytes(stack)
        fast = rtmpload("publish", "--url", f"{stack.base}/live/s%d", "--names", stack.names, "--file", clip, "--streams", 8, "--rate", "fast",
                        "--seconds", 4, "--server-pid", stack.ingest)
    for result in (peer, ours):
        if result["lost"] or result["failed"]:
            print(f"warning: publishers lost: {result['closed']}", file=sys.stderr)
    report(f"ingest of {streams} real-time publishers, log included", ours["server"]["cpu_s_per_gb"], "CPU s/GB", peer["server"]["cpu_s_per_gb"],
           f"lost {ours['lost']}, nginx lost {peer['lost']}; bare: read every 10 ms", bare)
    report("ingest as fast as possible, log included", fast["server"]["cpu_s_per_gb"], "CPU s/GB", fast_peer["server"]["cpu_s_per_gb"],
           f"{fast['mbit_out']:.0f} Mbit/s, nginx {fast_peer['mbit_out']:.0f}")
    report("heap of a publisher", heap / streams, "KB", peer["server"]["rss_peak_kb"] / streams, f"ingest's before: {before} KB; peer: its RSS")
    report("media log of a publisher after the run", log / streams / 1e6, "MB tmpfs", None, "blocks in use; 15 s kept here, MEDIA_LOG_KEEP_SECONDS")


def fanout(clip, seconds, sizes=(500, 1000)):
    peers, ours = {}, {}
    with nginx() as (url, pid), background("publish", "--url", f"{url}/live/s0", "--file", clip, "--streams", 1, "--seconds", 600):
        for players in sizes:
            peers[players] = rtmpload("play", "--url", f"{url}/live/s0", "--clients", players, "--seconds", seconds, "--server-pid", pid)
        light_peer = rtmpload("play", "--url", f"{url}/live/s0", "--clients", 1, "--seconds", 6)
        join_peer = rtmpload("play", "--url", f"{url}/live/s0", "--clients", 40, "--ramp-ms", 4000, "--seconds", 3)
    with Millrace(1) as stack, background("publish", "--url", f"{stack.base}/live/s0", "--names", stack.names, "--file", clip, "--seconds", 600):
        target = f"{stack.base}/live/{stack.ids[0]}"
        for players in sizes:
            sends, begun = ingest_metric(stack, "player_sends_total"), time.monotonic()
            ours[players] = rtmpload("play", "--url", target, "--clients", players, "--seconds", seconds, "--server-pid", stack.ingest)
            # The ramp counts too: a little low.
            per_second = (ingest_metric(stack, "player_sends_total") - sends) / (time.monotonic() - begun) / players
            ours[players]["sends"] = per_second
        light = rtmpload("play", "--url", target, "--clients", 1, "--seconds", 6)
        join = rtmpload("play", "--url", target, "--clients", 40, "--ramp-ms", 4000, "--seconds", 3)
    for players in sizes:
        us, peer = ours[players], peers[players]
        bare = socket_limit("send", "--players", players, "--pause-ms", max(1, round(1000 / us["sends"])))
        report(f"fan-out to {players} players", us["server"]["cpu_s_per_gb"], "CPU s/GB", peer["server"]["cpu_s_per_gb"],
               f"failed {us['failed']}, frames missing {us['frames_missing']}; {us['sends']:.0f} writes a player and second, bare the same", bare)
        for quantile in ("p50", "p99"):
            report(f"delay to {players} players, {quantile}", us["ms_latency"][quantile], "ms", peer["ms_latency"][quantile])
    for quantile in ("p50", "p99"):
        report(f"delay to one player, {quantile}", light["ms_latency"][quantile], "ms", light_peer["ms_latency"][quantile])
        report(f"join to first key frame, {quantile}", join["ms_first_key"][quantile], "ms", join_peer["ms_first_key"][quantile],
               "from connect(2), 40 players in 4 s")


def connects(_clip, _seconds, clients=2000, idle=1000):
    """Connections that come all at once, and players that wait for a publisher."""
    storm = ("storm", "--clients", clients, "--ramp-ms", 5000, "--level", "connect", "--seconds", 1, "--warmup", 0)

    def idle_kb(url, pid):
        before = anonymous_kb(pid)
        with background("storm", "--url", url, "--clients", idle, "--ramp-ms", 1000, "--level", "play", "--seconds", 30):
            time.sleep(2)
            return (anonymous_kb(pid) - before) / idle

    with nginx() as (url, pid):
        peer_kb = idle_kb(f"{url}/live/nobody", pid)  # before the storm, whose memory would be used again
        peer = rtmpload(*storm, "--url", f"{url}/live/x", "--server-pid", pid)
    with Millrace(1) as stack:
        kb = idle_kb(f"{stack.base}/live/{stack.ids[0]}", stack.ingest)
        ours = rtmpload(*storm, "--url", f"{stack.base}/live/x", "--server-pid", stack.ingest)
    cost = lambda result: result["server"]["cpu_s"] / clients * 1e6  # noqa: E731
    report(f"{clients} connects in 5 s", cost(ours), "CPU us each", cost(peer), f"failed {ours['failed']}, nginx {peer['failed']}")
    report("memory of an idle player", kb, "KB", peer_kb)


def capacity(clip, seconds, streams=1200):
    """How much of a core many real-time publishers take; the load generator needs the other."""
    with nginx() as (url, pid):
        peer = rtmpload("publish", "--url", f"{url}/live/s%d", "--file", clip, "--streams", streams, "--seconds", seconds, "--server-pid", pid)
    with Millrace(streams, MEDIA_LOG_BYTES="6G", MEDIA_LOG_STREAM_BYTES="3M", MEDIA_LOG_KEEP_SECONDS="5") as stack:
        ours = rtmpload("publish", "--url", f"{stack.base}/live/s%d", "--names", stack.names, "--file", clip, "--streams", streams,
                        "--seconds", seconds, "--server-pid", stack.ingest)
    for result, name in ((ours, "Millrace"), (peer, "nginx")):
        if result["lost"] or result["failed"] or result["late_streams"]:
            print(f"warning: {name}: {result['failed']} failed, {result['lost']} lost, {result['late_streams']} late", file=sys.stderr)
    held = lambda result: streams / result["server"]["cores"]  # noqa: E731
    report(f"core taken by {streams} real-time publishers", ours["server"]["cores"], "cores", peer["server"]["cores"],
           f"late {ours['late_streams']}, nginx {peer['late_streams']}")
    report("publishers a core at that rate", held(ours), "publishers", held(peer), "extrapolated")


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


def packaging(clip, seconds, streams=20):
    with nginx() as (url, pid):
        plain = rtmpload("publish", "--url", f"{url}/live/s%d", "--file", clip, "--streams", streams, "--seconds", seconds, "--server-pid", pid)
        with_hls = rtmpload("publish", "--url", f"{url}/hls/s%d", "--file", clip, "--streams", streams, "--seconds", seconds, "--server-pid", pid)
    peer = with_hls["server"]["cpu_s_per_gb"] - plain["server"]["cpu_s_per_gb"]
    with Millrace(streams, only=("auth", "ingest", "api", "packaging")) as stack:
        publish = ("publish", "--url", f"{stack.base}/live/s%d", "--names", stack.names, "--file", clip, "--streams", streams, "--seconds", 600)
        with background(*publish):
            packaging_cost.measure(stack, seconds, lambda stack: ingest_metric(stack, "received_bytes_total"), peer)
        _, _, text = fetch(f"http://127.0.0.1:{next(s['ops_port'] for s in stack.status()['services'] if s['name'] == 'packaging')}/metrics")
    for name, what in (("millrace_packaging_pointer_delay_seconds", "socket to notified pointer"),
                       ("millrace_packaging_segment_delay_seconds", "last byte of a segment to playable")):
        for quantile in (0.5, 0.99):
            report(f"{what}, p{quantile * 100:.0f} (bucket bound)", histogram(text.decode(), name, quantile), "ms")


def parts(clip, seconds, streams=20):
    with Millrace(streams, only=("auth", "ingest", "api", "packaging")) as stack:
        publish = ("publish", "--url", f"{stack.base}/live/s%d", "--names", stack.names, "--file", clip, "--streams", streams, "--seconds", 600)
        with background(*publish):
            part_delays.measure(stack, seconds, streams)


def glass(_clip, seconds):
    glass_to_glass.measure(2 * seconds)


def program(name):
    output = subprocess.run(["taskset", "-c", SERVER_CORE, str(BUILD / "bin" / name), "--json"], capture_output=True, text=True, check=True).stdout
    for entry in json.loads(output):
        report(entry["measure"], entry["value"], entry["unit"], note=entry.get("note", ""), bare=entry.get("bare"))


def media_log(_clip, _seconds):
    program("media_log_bench")
    program("segment_bench")


def receive(_clip, _seconds):
    program("receive_bench")


def waiting(_clip, _seconds):
    program("waiting_bench")


BENCHES = {"media_log": media_log, "receive": receive, "ingest": ingest, "fanout": fanout, "connects": connects, "capacity": capacity, "packaging": packaging,
           "parts": parts, "glass": glass, "waiting": waiting, "playlist": delivery.playlist, "status": faces.status, "known": faces.known, "live": faces.live}


def print_table():
    print(f"{'measure':<52} {'Millrace':>10} {'nginx-rtmp':>11} {'ratio':>6} {'bare loop':>10}  unit")
    for row in RESULTS:
        peer = "" if row["peer"] is None else f"{row['peer']:.3f}"
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        bare = "" if row["bare"] is None else f"{row['bare']:.3f}"
        print(f"{row['measure']:<52} {row['value']:>10.3f} {peer:>11} {ratio:>6} {bare:>10}  {row['unit']}  {row['note']}")


def main():
    parser = argparse.ArgumentParser(prog="millrace bench")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", nargs="+", choices=BENCHES, default=list(BENCHES))
    parser.add_argument("--short", action="store_true", help="5 s windows instead of 15 s")
    options = parser.parse_args()
    subprocess.run(["ninja", "-C", str(BUILD), "rtmpload", "socket_limit", "media_log_bench", "segment_bench", "receive_bench", "waiting_bench"], stdout=subprocess.DEVNULL, check=True)
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as home:
        clip = bench_clip(pathlib.Path(home))
        for name in options.only:
            BENCHES[name](clip, 5 if options.short else 15)
    if options.json:
        json.dump(RESULTS, sys.stdout, indent=2)
        print()
    else:
        print_table()


if __name__ == "__main__":
    main()
