"""Speed of the API: wrk asks for a stream's status over persistent connections; beside it nginx serves the same bytes as a file, and
Express (npm) answers them from a constant."""
import contextlib
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from measure import CLIENT_CORE, anonymous_kb, cpu_seconds, pin, report
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
    home = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bench-", dir="/dev/shm"))
    home.chmod(0o755)
    (home / name).write_bytes(content)
    port = free_port()
    (home / "nginx.conf").write_text(NGINX.format(home=home, port=port))
    child = subprocess.Popen(["nginx", "-c", str(home / "nginx.conf"), "-p", str(home)])
    try:
        worker = wait_for(lambda: subprocess.run(["pgrep", "-P", str(child.pid)], capture_output=True, text=True).stdout.split(), "nginx")[0]
        pin(worker)
        yield f"http://127.0.0.1:{port}/{name}", int(worker)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()
        shutil.rmtree(home, ignore_errors=True)


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
    with Stack(API_CONNECTIONS_PER_ADDRESS="0", API_RATE_LIMIT="0") as stack, tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
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
