#!/usr/bin/env python3
"""What monitoring is given: rules that promtool finds clean and right, a dashboard whose every query finds what a running stack
exports, as a real Prometheus sees it; a stream's end takes its series away."""
import json
import re
import shutil
import subprocess
import urllib.parse

from stack import PATIENCE, ROOT, Stack, check, fetch, free_port, main, make_clip, skip, wait_for

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


def known_names(text):
    """Every metric that a rule or panel speaks of is one that is exported (or may be: reasons only when there are some)."""
    names = set(re.findall(r"^# TYPE (\S+)", text, re.M)) | {"millrace_stream_health_reason"}
    for source in ("rules.yml", "grafana-dashboard.json"):
        for name in re.findall(r"(?<![:\w])millrace_[a-z_]+", (MONITORING / source).read_text()):
            check(name in names or ":" + name in (MONITORING / source).read_text(), f"{source}: {name} is not exported")


def monitoring():
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        skip("prometheus is not installed")
    promtool("check", "rules", "rules.yml")
    promtool("test", "rules", "rules_test.yml")
    promtool("check", "config", "prometheus.yml")
    with Stack() as stack:
        stack.metrics_port = int(re.search(r"METRICS_PORT=(\d+)", (stack.home / "run/metrics.ports").read_text()).group(1))
        clip = make_clip(stack.home / "clip.flv", seconds=6)
        publisher = stack.publish(clip, loop=20)
        wait_for(lambda: stack.playlist(), "a playlist")
        wait_for(lambda: "millrace_stream_segment_latency_seconds" in exported(stack), "the numbers")
        text = exported(stack)
        promtool("check", "metrics", input=text)
        known_names(text)
        check(stack.info["publish_url"].rsplit("/", 1)[1] not in text, "the stream key is exported")
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
        bad = [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]
        check(len(groups) == 3 and not bad, f"rules: {bad}")
        publisher.kill()
        publisher.wait()
        wait_for(lambda: f'stream="{stack.stream_id}"' not in exported(stack), "the stream's series to go", 20)
        check("millrace_received_bytes_total " in exported(stack), "the sums stay")


main(monitoring)
