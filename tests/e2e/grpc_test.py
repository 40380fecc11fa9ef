#!/usr/bin/env python3
"""marchproxy.ModuleService and grpc.health.v1 beside a live stream: what a gRPC client is told is what ffmpeg sent, errors have
their documented codes, a service that is gone is told. The contract itself is lint-clean."""
import json
import os
import pathlib
import re
import subprocess

from stack import PATIENCE, ROOT, Failure, Stack, check, main, make_clip, need, wait_for

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))
CLIENT = ROOT / "tests/e2e/grpc_client.mjs"
RATE, SECONDS, SIZE = 30, 12, "640x360"


def port_of(stack):
    return int(re.search(r"RTMP_GRPC_PORT=(\d+)", (stack.home / "run/metrics.ports").read_text()).group(1))


def ask(stack):
    result = subprocess.run(["node", str(CLIENT), f"127.0.0.1:{port_of(stack)}"], capture_output=True, text=True, timeout=60 * PATIENCE)
    if result.returncode != 0:
        raise ValueError(result.stderr)
    return json.loads(result.stdout)


def near(value, expected, share):
    return abs(value - expected) <= expected * share


def well(told):
    """Nothing is wrong but, perhaps, that the machine that tests is busy."""
    errors = [error for error in told["HealthCheck"]["errors"] if "usage at" not in error]
    return not errors and told["GetStatus"]["status"] in ("healthy", "degraded")


def check_errors(errors):
    expected = {"unknownMethod": 12, "unknownPackage": 12, "large": 8, "malformed": (3, 12, 13), "metadata": 8, "past": 4,
                "soon": (0, 4), "reflection": 12}
    for name, codes in expected.items():
        check(errors[name] in (codes if isinstance(codes, tuple) else (codes,)), f"{name}: code {errors[name]}, not {codes}")


def check_live(stack, told, clip_bps):
    key = stack.info["publish_url"].rsplit("/", 1)[1]
    check(key not in json.dumps(told), "the stream key is told")
    status = told["GetStatus"]
    check(status["module_name"] == "rtmp-proxy" and re.fullmatch(r"\d+\.\d+\.\d+", status["version"]), f"{status}")
    check(well(told) and status["active_streams"] == 1, f"{status}")
    check(re.fullmatch(r"(\d+h)?(\d+m)?\d+s", status["uptime"]), status["uptime"])
    route, = told["GetRoutes"]["routes"]
    check(route["stream_key"] == stack.stream_id and route["source"].endswith(f"/live/{stack.stream_id}"), f"{route}")
    check(route["status"] == "active" and route["encoder"] == "passthrough" and route["input_resolution"] == 360, f"{route}")
    check(near(route["input_bitrate"], clip_bps / 1000, 0.15), f"{route['input_bitrate']} kbit/s, {clip_bps / 1000:.0f} were sent")
    check(0 < route["bytes_processed"] <= status["total_bytes_in"], f"{route} {status}")
    profile, = route["profiles"]
    check((profile["name"], profile["codec"], profile["resolution"], profile["status"]) == ("source", "h264", 360, "encoding"), f"{profile}")
    metrics = told["GetMetrics"]
    check(0 <= metrics["cpu_percent"] <= 100 and metrics["memory_mb"] > 0, f"{metrics}")
    stream, = metrics["streams"]
    check(near(stream["fps"], RATE, 0.1) and stream["duration"] > 4 and stream["dropped_frames"] == 0, f"{stream}")
    check(near(stream["encoder_speed"], 1, 0.15), f"{stream}")
    check(told["health"] == told["whole"] == told["watch"] == "SERVING" and told["unknownService"] == 5, f"{told}")
    health = told["HealthCheck"]
    check(health["message"] and (health["status"] == "healthy") == (not health["errors"]), f"{health}")


def alone(stack, **environment):
    """metrics by itself, with a home of its own."""
    home = stack.home / "alone"
    home.mkdir(exist_ok=True)
    for ports in home.glob("run/*.ports"):
        ports.unlink()
    chosen = {**stack.environment, "MILLRACE_HOME": str(home), "METRICS_PORT": "0", "RTMP_GRPC_PORT": "0", "BUS_DIR": str(home), **environment}
    with subprocess.Popen([BIN / "millrace-metrics"], env=chosen, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        try:
            wait_for(lambda: child.poll() is not None or (home / "run/metrics.ports").exists(), "metrics to start or end")
            if child.poll() is not None:
                return child.returncode, child.stderr.read(), None
            ports = (home / "run/metrics.ports").read_text()
            return 0, "", codes(int(re.search(r"RTMP_GRPC_PORT=(\d+)", ports).group(1)))
        finally:
            child.kill()


def codes(port):
    def asked():
        result = subprocess.run(["node", str(CLIENT), f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=60 * PATIENCE)
        return json.loads(result.stdout) if result.returncode == 0 else None
    return wait_for(asked, "the module to be ready", 30, interval=1)


def ports(stack):
    code, said, _ = alone(stack, RTMP_GRPC_PORT=str(port_of(stack)))
    check(code == 69 and "RTMP_GRPC_PORT" in said, f"a port that is taken: {code} {said}")
    code, said, told = alone(stack, GRPC_REFLECTION="true")
    check(code == 0 and told["errors"]["reflection"] != 12, f"reflection by option: {code} {said} {told}")
    check(told["GetStatus"]["status"] == "unhealthy" and told["health"] == "NOT_SERVING", f"nobody else is there: {told}")


def grpc():
    need("node", "@grpc/grpc-js")
    lint = subprocess.run([str(ROOT / "tests/node_modules/.bin/buf"), "lint"], cwd=ROOT / "proto", capture_output=True, text=True, timeout=60 * PATIENCE)
    check(lint.returncode == 0, f"buf lint: {lint.stdout}{lint.stderr}")
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=SECONDS, rate=RATE, size=SIZE, bitrate="800k")
        bps = clip.stat().st_size * 8 / SECONDS
        check_errors(ask(stack)["errors"])
        ports(stack)
        publisher = stack.publish(clip, loop=10)

        def settled():
            told = ask(stack)
            try:
                check_live(stack, told, bps)
            except (Failure, ValueError) as failure:
                raise OSError(str(failure)) from failure
            return told
        told = wait_for(settled, "gRPC to tell what is sent", 30, interval=1)
        print("told:", json.dumps(told["GetRoutes"]["routes"][0]), json.dumps(told["GetMetrics"]))
        publisher.kill()
        publisher.wait()
        wait_for(lambda: not ask(stack)["GetRoutes"]["routes"], "the route to go", 20)
        stack.kill("ingest")
        stack.wait_ready("ingest")
        wait_for(lambda: ask(stack)["health"] == "SERVING", "health to come back", 20)


main(grpc)
