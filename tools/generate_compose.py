#!/usr/bin/env python3
"""Writes the environment lists of docker-compose.yml from the services' own tables: tools/generate_compose.py [BIN_DIR].
--print shows the file instead, for the test that compares them."""
import pathlib
import re
import subprocess
import sys
import textwrap

import service_table

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILE = ROOT / "docker-compose.yml"
# What containers cannot choose: ports and addresses inside are fixed, paths are volumes, RTMPS has a file of its own.
FIXED = {"MILLRACE_HOME", "MEDIA_LOG_DIR", "MEDIA_ROOT", "WEB_ROOT", "BUS_DIR", "LISTEN_ADDRESS", "OPS_ADDRESS", "SSL_BIND_ADDRESS",
         "SSL_CERT", "SSL_KEY", "SSL_PORT", "SSL_CHECK_RELOAD_SECONDS", "PORT", "METRICS_PORT", "RTMP_GRPC_PORT", "GRPC_ADDRESS",
         # Only metrics' page can be reached from outside of its container.
         "METRICS_ADDRESS", "METRICS_TOKEN"}
FIXED_IN = {"ingest": {"RTMP_PORT"}, "packaging": {"HLS_PORT"}}
# What the image or this file says instead.
GIVEN = {"LOG_FORMAT": '"LOG_FORMAT=${LOG_FORMAT:-json}"'}
ADDED = {"metrics": ["METRICS_TOKEN_FILE", "METRICS_ADDRESS=0.0.0.0", "GRPC_ADDRESS=0.0.0.0"]}


def entries(service, binary):
    table = subprocess.run([binary, "--config-markdown"], check=True, capture_output=True, text=True, env={}).stdout
    for name, kind in re.findall(r"^\| `([A-Z_0-9]+)` \| ([^|]*) \|", table, re.M):
        if name in FIXED | FIXED_IN.get(service, set()) or name.startswith("BUS_") or name.endswith("_OPS_PORT"):
            continue
        yield f"{name}_FILE" if kind == "secret" else GIVEN.get(name, name)
    yield from ADDED.get(service, [])


def generate(binaries):
    text = FILE.read_text()
    for service in (row.name for row in service_table.read()):
        listed = textwrap.fill(", ".join(entries(service, binaries / f"millrace-{service}")), 112, initial_indent=" " * 6,
                               subsequent_indent=" " * 6, break_long_words=False, break_on_hyphens=False)
        text, count = re.subn(rf"(\n  {service}:\n(?:    .*\n)*?    environment: \[\n)[^\]]*\]", lambda m, new=listed: m[1] + new + "]", text)
        if count != 1:
            sys.exit(f"{FILE.name}: {service} has no environment list")
    return text


arguments = [a for a in sys.argv[1:] if a != "--print"]
made = generate(pathlib.Path(arguments[0] if arguments else ROOT / "build/release/bin"))
if "--print" in sys.argv:
    print(made, end="")
else:
    FILE.write_text(made)
