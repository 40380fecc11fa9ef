"""Speed of the API: wrk asks for a stream's status over persistent connections; beside it nginx serves the same bytes as a file, and
Express (npm) answers them from a constant."""
import base64
import concurrent.futures
import contextlib
import hmac
import json
import re
import subprocess
import tempfile
import time

from measure import BUILD, CLIENT_CORE, anonymous_kb, cpu_seconds, pin, report, running_nginx
from stack import ROOT, Stack, fetch, free_port, wait_for

EXPRESS = """
const app = require(process.argv[1])();
const answer = JSON.parse(process.argv[2]);
app.disable('x-powered-by');
app.get('/api/stream/status/:id', (request, response) => response.json({...answer, streamId: request.params.id}));
app.listen(Number(process.argv[3]), '127.0.0.1');
"""
NGINX = """
worker_processes 1; daemon off; pid {home}/nginx.pid; error_log {home}/error.log warn;
events {{ worker_connections 1024; }}
http {{ access_log off; open_file_cache max=16; sendfile on; keepalive_requests 100000000; types {{ application/json json; }}
  server {{ listen 127.0.0.1:{port}; root {home}; }} }}
"""
# Every request another target: nothing can be kept, each goes through edge and application.
DISTINCT = 'local n = 0\nrequest = function() n = n + 1; return wrk.format("GET", wrk.path .. "?n=" .. n) end\n'


def wrk(url, pid, seconds, connections=64, script=None):
    """CPU microseconds a request of the process, requests a second, and milliseconds p50 and p99."""
    before = cpu_seconds(pid)
    command = ["taskset", "-c", CLIENT_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *(["-s", script] if script else []), url]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    used = cpu_seconds(pid) - before
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"wrk: {text}")
    milliseconds = {q: float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit] for q, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", text)}
    return {"us": used / requests * 1e6, "per_second": float(re.search(r"Requests/sec:\s+(\S+)", text).group(1)), **milliseconds}


@contextlib.contextmanager
def nginx_file(name, content):
    with running_nginx(NGINX, lambda home: (home / name).write_bytes(content)) as (port, worker):
        yield f"http://127.0.0.1:{port}/{name}", worker


@contextlib.contextmanager
def express(answer):
    port = free_port()
    child = subprocess.Popen(["node", "-e", EXPRESS, str(ROOT / "tests/node_modules/express"),
                              answer.decode(), str(port)])
    try:
        url = f"http://127.0.0.1:{port}/api/stream/status/x"
        wait_for(lambda: fetch(url)[0] == 200, "Express")
        pin(child.pid)
        yield url, child.pid
    finally:
        child.kill()
        child.wait()


def status(clip, seconds):
    with Stack(API_CONNECTIONS_PER_ADDRESS="0") as stack, tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(DISTINCT)
        script.flush()
        stack.publish(clip, loop=-1)
        port = re.search(r":(\d+)", stack.info["api_url"].split("//")[1]).group(1)
        url = f"http://127.0.0.1:{port}/api/stream/status/{stack.stream_id}"
        answer = wait_for(lambda: (lambda body: body if json.loads(body).get("isLive") else None)(fetch(url)[2]), "the stream")
        pin(stack.pid("api"))
        ours = wrk(url, stack.pid("api"), seconds)
        whole = wrk(url, stack.pid("api"), seconds, script=script.name)
    with nginx_file("status.json", answer) as (url, pid):
        nginx = wrk(url, pid, seconds)
    with express(answer) as (url, pid):
        node = wrk(url, pid, seconds)
    requests = lambda result: f"{result['per_second']:.0f}/s, p50 {result['50']:.2f} ms, p99 {result['99']:.2f} ms"  # noqa: E731
    report("status of one stream, 64 connections", ours["us"], "CPU us a request", nginx["us"],
           f"{requests(ours)}; nginx serves a file: {requests(nginx)}; Express: {node['us']:.1f} us, {requests(node)}")
    report("the same, nothing kept at the edge", whole["us"], "CPU us a request", node["us"], f"{requests(whole)}; peer: Express")


def live(clip, seconds, clients=5000, stalled=50):
    """WebSockets of the live feed, one stream: one update a second each, some that never read."""
    with Stack(API_CONNECTIONS="20000", API_CONNECTIONS_PER_ADDRESS="0") as stack:
        stack.publish(clip, loop=-1)
        port = re.search(r":(\d+)", stack.info["api_url"].split("//")[1]).group(1)
        url = f"http://127.0.0.1:{port}/api/stream/status/{stack.stream_id}"
        wait_for(lambda: json.loads(fetch(url)[2]).get("isLive"), "the stream")
        api = stack.pid("api")
        pin(api)
        idle = anonymous_kb(api)
        child = subprocess.Popen(["taskset", "-c", CLIENT_CORE, str(ROOT / "tests/bench/ws_clients.py"), port, str(clients), str(seconds),
                                  str(stalled)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not json.loads(child.stdout.readline() or "{}").get("connected"):
            raise SystemExit("ws_clients could not connect")
        before = cpu_seconds(api)
        child.stdin.write("\n")
        child.stdin.flush()
        result = json.loads(child.stdout.readline())
        used, memory = cpu_seconds(api) - before, anonymous_kb(api)
        child.wait(timeout=60)
    per_client = (memory - idle) / (clients + stalled)
    report(f"{clients} WebSocket clients, 1 update a second", used / result["updates"] * 1000, "CPU s per 1000 updates", None,
           f"{used / seconds * 100:.0f} % of a core; {per_client:.1f} KB a client, {memory / 1024:.0f} MB in all; delay p50 {result['p50_ms']:.0f} ms, "
           f"p99 {result['p99_ms']:.0f} ms, longest {result['max_ms']:.0f} ms beside {stalled} that never read; {result['short']} clients missed updates")


def token_of(stack, subject):
    """As `millrace-auth --issue-token` makes them (RFC 7515, HS256), without a process for each."""
    secrets = dict(line.split("=", 1) for line in (stack.home / "secrets.env").read_text().split())
    part = lambda value: base64.urlsafe_b64encode(value).rstrip(b"=")  # noqa: E731
    claims = {"iss": "millrace", "sub": subject, "exp": int(time.time()) + 3600}
    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.digest(secrets["API_TOKEN_SECRET"].encode(), signed, "sha256"))).decode()


def milliseconds(ask, times=200):
    """p50 and p99 of asking one after the other."""
    taken = []
    for _ in range(times):
        begun = time.monotonic()
        status, _, body = ask()
        taken.append((time.monotonic() - begun) * 1000)
        if status != 200:
            raise SystemExit(f"{status} {body[:200]}")
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.99)], len(body)


def known(clip, _seconds, streams=10_000, live=200):
    """Answers about many streams, of which some are live."""
    with Stack(RTMP_MAX_STREAMS="1000", RTMP_MAX_CONNECTIONS="5000", MEDIA_LOG_BYTES="3G", MEDIA_LOG_STREAM_BYTES="8M",
               MEDIA_LOG_KEEP_SECONDS="15") as stack:
        api = stack.info["api_url"].rstrip("/").replace("localhost", "127.0.0.1")
        bearer = lambda number: {"Authorization": f"Bearer {token_of(stack, f'bench{number}')}"}  # noqa: E731
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: json.loads(fetch(f"{api}/api/stream/key", bearer(number), timeout=60)[2]), range(streams)))
        names = stack.home / "names"
        names.write_text("".join(answer["streamKey"] + "\n" for answer in answers[:live]))
        base = stack.info["publish_url"].rsplit("/", 2)[0].replace("localhost", "127.0.0.1")
        load = subprocess.Popen([str(BUILD / "bin/rtmpload"), "publish", "--url", f"{base}/live/s%d", "--names", str(names), "--file", str(clip), "--streams",
                                 str(live), "--seconds", "60"], stdout=subprocess.DEVNULL)
        try:
            wait_for(lambda: len(json.loads(fetch(f"{api}/api/metrics")[2])) >= live, f"{live} live streams", 40)
            prometheus = f"http://127.0.0.1:{next(s['ops_port'] for s in stack.status()['services'] if s['name'] == 'metrics')}/metrics"
            # Each another target: what the edge keeps does not count.
            fresh = iter(range(1 << 30))
            cases = {"metrics of all": lambda: fetch(f"{api}/api/metrics?n={next(fresh)}"), "list of an account": lambda: fetch(f"{api}/api/stream/list", bearer(7)),
                     "Prometheus exposition": lambda: fetch(prometheus)}
            for name, ask in cases.items():
                p50, p99, size = milliseconds(ask)
                report(f"{streams} streams, {live} live: {name}, p50", p50, "ms", note=f"p99 {p99:.1f} ms, {size} bytes, beside the publishers")
        finally:
            load.terminate()
            load.wait()
