#!/usr/bin/env python3
"""services/services.txt says the same to all who read it, and `./millrace check` finds each place that a service is missing from
or that has one too many."""
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from stack import ROOT, TABLE, check, main

PLACES = ("services", "docs/configuration.md", "docker-compose.yml")


def said(home):
    result = subprocess.run([sys.executable, ROOT / "tools/check_services.py", home], capture_output=True, text=True, timeout=60, check=False)
    return result.returncode, result.stdout + result.stderr


def readers_agree():
    script = f'ROOT={ROOT}; source "$ROOT/tools/millrace/services.sh"; echo "${{SERVICES[*]}}"; echo "${{STOP_ORDER[*]}}"; ' \
             'echo "${PORT_VARIABLES[*]}"; echo "${PUBLISHED_PORTS[*]}"; for name in "${SERVICES[@]}"; do echo "${OPS_PORT[$name]}"; done'
    told = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout.splitlines()
    ports = {variable: port for service in TABLE for variable, port in service.ports.items()}
    published = [f"{variable}={ports[variable]}" for service in TABLE for variable in service.published]
    check(told == [" ".join(service.name for service in TABLE), " ".join(s.name for s in sorted(TABLE, key=lambda s: s.stop)),
                   " ".join(f"{variable}={port}" for variable, port in ports.items()), " ".join(published),
                   *(service.ops for service in TABLE)], f"services.sh reads something else: {told}")


def services():
    readers_agree()
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as directory:
        home = Path(directory).resolve()
        for place in PLACES:
            (home / place).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / place).is_dir():
                shutil.copytree(ROOT / place, home / place, ignore=shutil.ignore_patterns("node_modules", "tests", "*_seeds"))
            else:
                shutil.copy(ROOT / place, home / place)
        check(said(home) == (0, ""), f"all is complete: {said(home)}")
        for file, old, new, word in (
                ("services/services.txt", "recording  2 ", "replaying  2 ", "services/: recording has no row"),
                ("services/services.txt", "recording  2 ", "replaying  2 ", "services/: replaying is missing"),
                ("services/services.txt", "recording  2 ", "api        2 ", "api: a name is of a to z, and nobody else's"),
                ("services/services.txt", "HLS_PORT=8000", "HLS_PORT=9105", "API_OPS_PORT=9105 is another's"),
                ("services/services.txt", "HLS_PORT=8000", "HLS_PORT=8001", "packaging has no HLS_PORT with default 8001"),
                ("services/services.txt", "HLS_PORT=8000*", "HLS_PORT=8000", "ports of packaging: HLS_PORT has no row"),
                ("services/services.txt", "RTMP_GRPC_PORT=50053", "RTMP_GRPC_PORT=50053*", "ports of metrics: RTMP_GRPC_PORT is missing"),
                ("services/recording/CMakeLists.txt", "millrace_service(recording", "millrace_service(record", "no millrace_service(recording"),
                ("docs/configuration.md", "## recording", "## records", "docs/configuration.md: recording is missing"),
                ("docs/configuration.md", "## recording", "## records", "docs/configuration.md: records has no row"),
                ("docs/configuration.md", "`RECORDING_OPS_PORT`", "`RECORDING_PORT`", "recording has no RECORDING_OPS_PORT"),
                ("docker-compose.yml", "  recording:\n", "  records:\n", "docker-compose.yml: recording is missing"),
                ("docker-compose.yml", "command: millrace-recording", "command: millrace-api", "recording does not run millrace-recording"),
                ("docker-compose.yml", '"9104"', '"9105"', "recording is not asked for its health on port 9104"),
                ("services/metrics/monitoring/prometheus.yml", "localhost:9104", "localhost:9109", "port 9104 is missing")):
            kept = (home / file).read_text()
            check(old in kept, f"{file} has {old}")
            (home / file).write_text(kept.replace(old, new))
            code, text = said(home)
            check(code != 0 and word in text, f"{new} in {file}: {code} {text}")
            (home / file).write_text(kept)


main(services)
