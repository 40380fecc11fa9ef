#!/usr/bin/env python3
"""What monitoring is given: rules that promtool finds clean and right, a dashboard whose every query finds what a running stack
exports, as a real Prometheus sees it; a stream's end takes its series away."""
import json
import re
import shutil
import subprocess
import urllib.parse

from grants import api
from stack import PATIENCE, ROOT, Stack, check, fetch, free_port, main, make_clip, need, wait_for

MONITORING = ROOT / "services/metrics/monitoring"


def promtool(*arguments, **options):
    result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60 * PATIENCE, cwd=MONITORING, **options)
    check(result.returncode == 0, f"promtool {arguments}: {result.stdout}{result.stderr}")


def dashboard_queries():
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    variable = next(v for v in dashboard["templating"]["list"] if v["name"] == "stream")["definition"]
    name = re.fullmatch(r"label_values\((\w+), stream\)", variable).group(1)
    return [name] + [query.replace("$stream", ".*") for query in queries]


def rule_queries():
    """Rules of what is recorded: alerts are silent while nothing is wrong."""
    text = (MONITORING / "rules.yml").read_text()
    return re.findall(r"- record: (\S+)", text)


def exported(stack):
    text = fetch(f"http://127.0.0.1:{stack.metrics_port}/metrics")[2].decode()
    return text


def nominal_rate(stack, stream_id):
    return float(re.search(rf'^millrace_stream_video_nominal_frames_per_second{{stream="{stream_id}"}} (\S+)', exported(stack), re.M).group(1))


def known_names(text):
    """Every metric that a rule or panel speaks of is one that is exported (or may be: reasons only when there are some)."""
    names = set(re.findall(r"^# TYPE (\S+)", text, re.M)) | {"millrace_stream_health_reason"}
    for source in ("rules.yml", "grafana-dashboard.json"):
        for name in re.findall(r"(?<![:\w])millrace_[a-z_]+", (MONITORING / source).read_text()):
            check(name in names or ":" + name in (MONITORING / source).read_text(), f"{source}: {name} is not exported")


def bus_counters(stack):
    """Every service has the counters of its bus."""
    for service in stack.status()["services"]:
        port = stack.metrics_port if service["name"] == "metrics" else service["ops_port"]
        page = fetch(f"http://127.0.0.1:{port}/metrics")[2].decode()
        for name in ("sent_messages", "unknown_keys", "forbidden_requests"):
            check(re.search(rf"^millrace_bus_{name}_total \d+$", page, re.M), f"{service['name']} has no millrace_bus_{name}_total")


class Judged:
    """A stream of its own account that ffmpeg sends in some way, and what is said of its health."""

    def __init__(self, stack, subject, clip, *, source=("-re",)):
        self.stack, self.subject = stack, subject
        key = api(stack, "GET", "/api/stream/key", token=stack.issue_token(subject))
        self.id = key["streamId"]
        url = stack.info["publish_url"].rsplit("/", 1)[0] + "/" + key["streamKey"]
        self.child = stack.spawn("ffmpeg", "-v", "error", *source, "-stream_loop", "20", "-i", str(clip), "-c", "copy", "-f", "flv", url)

    def health(self):
        return api(self.stack, "GET", f"/api/stream/health/{self.id}", token=None)

    def is_bad(self, reason):
        def said():
            health = self.health()
            return health["isLive"] and health["score"] < 50 and reason in health["reasons"] and health
        health = wait_for(said, f"{self.subject} to be poor: {reason}", 60)
        print(f"{self.subject}: {health['score']} {health['reasons']}")

    def is_good(self):
        """Also when it has been judged for a while (the points are of 5 s); a busy machine may hold it up for a moment."""
        wait_for(lambda: len(self.health()["history"]) >= 4, f"{self.subject} to be judged", 60)
        wait_for(lambda: self.health()["score"] == 100, f"{self.subject} to be at 100: {self.health()}", 60)
        print(f"{self.subject}: {[point['score'] for point in self.health()['history']]}")


def real_streams(stack, clip):
    """What ffmpeg sends well and badly, by the reason that is to be named."""
    rare = make_clip(stack.home / "rare.flv", seconds=30, gop=900)
    film = make_clip(stack.home / "film.flv", seconds=6, rate="24000/1001", gop=96)
    slides = make_clip(stack.home / "slides.flv", seconds=20, rate=2, gop=4, bframes=0)
    lossy = stack.home / "lossy.flv"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(clip), "-c", "copy", "-bsf:v", "noise=drop=eq(mod(n\\,10)\\,7)", str(lossy)], check=True,
                   stdin=subprocess.DEVNULL)
    good = [Judged(stack, "film", film), Judged(stack, "slides", slides)]
    bad = {"slower_than_real_time": Judged(stack, "half of the speed", clip, source=("-readrate", "0.5")),
           "dropped_frames": Judged(stack, "every tenth picture lost", lossy),
           "long_key_interval": Judged(stack, "a key frame every 30 s", rare)}
    return good, bad


def monitoring():
    need("prometheus", "promtool")
    promtool("check", "rules", "rules.yml")
    promtool("test", "rules", "rules_test.yml")
    promtool("check", "config", "prometheus.yml")
    with Stack() as stack:
        stack.metrics_port = int(re.search(r"METRICS_PORT=(\d+)", (stack.home / "run/metrics.ports").read_text()).group(1))
        clip = make_clip(stack.home / "clip.flv", seconds=6)
        publisher = stack.publish(clip, loop=20)
        good, bad = real_streams(stack, clip)
        wait_for(lambda: stack.playlist(), "a playlist")
        wait_for(lambda: "millrace_stream_segment_latency_seconds" in exported(stack), "the numbers")
        text = exported(stack)
        promtool("check", "metrics", input=text)
        known_names(text)
        check(stack.info["publish_url"].rsplit("/", 1)[1] not in text, "the stream key is exported")
        bus_counters(stack)
        health = json.loads(fetch(f"{stack.info['api_url']}/api/stream/health/{stack.stream_id}")[2])
        check(health["isLive"] and 0 < health["score"] <= 100 and health["history"] and health["level"] != "offline", f"{health}")
        shutil.copy(MONITORING / "rules.yml", stack.home)
        config = stack.home / "prometheus.yml"
        config.write_text("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\nscrape_configs:\n"
                          f"  - {{job_name: millrace, static_configs: [{{targets: ['127.0.0.1:{stack.metrics_port}']}}]}}\n")
        port = free_port()
        stack.spawn("prometheus", f"--config.file={config}", f"--storage.tsdb.path={stack.home}/tsdb", f"--web.listen-address=127.0.0.1:{port}",
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def values(query):
            answer = json.loads(fetch(f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}")[2])
            check(answer["status"] == "success", f"{query}: {answer}")
            return answer["data"]["result"]
        for query in dashboard_queries() + rule_queries():
            wait_for(lambda query=query: values(query), f"a value of {query}", 30, interval=0.5)
        groups = json.loads(fetch(f"http://127.0.0.1:{port}/api/v1/rules")[2])["data"]["groups"]
        failing = [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]
        check(len(groups) == 3 and not failing, f"rules: {failing}")
        for reason, stream in bad.items():
            stream.is_bad(reason)
        for stream in good:
            stream.is_good()
        for stream, rate in zip(good, (24000 / 1001, 2)):  # but where a clip begins again
            wait_for(lambda s=stream, r=rate: abs(nominal_rate(stack, s.id) / r - 1) < 0.002, f"{stream.subject} to have {rate} fps")
        publisher.kill()
        publisher.wait()
        wait_for(lambda: f'stream="{stack.stream_id}"' not in exported(stack), "the stream's series to go", 20)
        check("millrace_received_bytes_total " in exported(stack), "the sums stay")


main(monitoring)
