#!/usr/bin/env python3
"""docs/configuration.md and the containers' environments are what the services' own tables say; a bad value stops a service with one
clear line and a code that says that no other start mends it; packages of npm are pinned and run nothing."""
import json
import os
import re
import subprocess
import tempfile

from stack import ROOT, check, main

BIN = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/bin"))
BAD = (("ingest", "RTMP_PORT", "70000"), ("packaging", "HLS_PORT", "x"), ("recording", "DRAIN_SECONDS", "-1"),
       ("ingest", "RTMP_PLAY_WHITELIST", "10.0.0.0/33"), ("ingest", "CONCURRENT_LIMIT_WHITELIST", "::1/129"),
       ("ingest", "PROXY_PROTOCOL_TRUSTED", "localhost"), ("ingest", "RTMP_MAX_RESOLUTION", "1080"), ("ingest", "SSL_CERT", "/nowhere.crt"),
       ("metrics", "METRICS_PORT", "1e3"), ("api", "PORT", "-3"),
       ("api", "VAST_TAG_URL", "ftp://ads.example/"), ("api", "VAST_TAG_URL", "https://ads.example/{key}"),
       ("ingest", "FORWARD_TLS_AUTHORITIES", "/nowhere.pem"), ("ingest", "FORWARD_ALLOW", "10.0.0.0/33"),
       ("auth", "MILLRACE_SECRET_FILE", "/nowhere.secret"), ("ingest", "FORWARD_TARGETS_FILE", "/nowhere.targets"),
       ("api", "VAST_MEDIA_URL", "file:///etc/passwd"), ("api", "STREAM_STOP_HOLD_SECONDS", "3601"))

# These are found out when they are used: the line names the value.
BAD_ADDRESSES = (("ingest", "LISTEN_ADDRESS", "nowhere"), ("ingest", "BUS_BIND", "nowhere"), ("recording", "OPS_ADDRESS", "nowhere"))


def configuration():
    made = subprocess.run([str(ROOT / "tools/generate_configuration.sh"), BIN], capture_output=True, text=True, check=True).stdout
    check(made == (ROOT / "docs/configuration.md").read_text(), "docs/configuration.md is stale: run tools/generate_configuration.sh")
    for service, name, value in BAD + BAD_ADDRESSES:
        with tempfile.TemporaryDirectory(prefix="millrace-test-") as home:
            result = subprocess.run([f"{BIN}/millrace-{service}"], env={"PATH": os.environ["PATH"], "MILLRACE_HOME": home, name: value},
                                    capture_output=True, text=True, timeout=20)
        check(result.returncode == 64, f"{service} with {name}={value} ends with {result.returncode}")
        check((name in result.stderr or (service, name, value) in BAD_ADDRESSES) and value in result.stderr, f"{service} names {name}: {result.stderr}")
    short = subprocess.run([f"{BIN}/millrace-auth"], env={"PATH": os.environ["PATH"], "MILLRACE_SECRET": "too short"}, capture_output=True,
                           text=True, timeout=20)
    check(short.returncode == 64 and "MILLRACE_SECRET" in short.stderr and "too short" not in short.stderr, f"auth: {short.stderr}")
    generated_compose()
    npm_packages()


def generated_compose():
    """Each documented variable can be set in containers, but those that the generator names as fixed there."""
    made = subprocess.run([str(ROOT / "tools/generate_compose.py"), BIN, "--print"], capture_output=True, text=True, check=True).stdout
    check(made == (ROOT / "docker-compose.yml").read_text(), "docker-compose.yml is stale: run tools/generate_compose.py")
    # The compose plugin refuses what docker-compose 1.29 passes over.
    for file in ROOT.glob("docker-compose*.yml"):
        keys = []
        for line in file.read_text().splitlines():
            found = re.match(r"( *)([\w-]+):", line)
            if found:
                while keys and keys[-1][0] > len(found[1]):
                    keys.pop()
                if not keys or keys[-1][0] < len(found[1]):
                    keys.append((len(found[1]), set()))
                check(found[2] not in keys[-1][1], f"{file.name} has {found[2]} twice")
                keys[-1][1].add(found[2])


def npm_packages():
    for directory in ("services/api/web", "tests"):
        check("ignore-scripts=true" in (ROOT / directory / ".npmrc").read_text(), f"{directory}: npm runs packages' scripts")
        lock = json.loads((ROOT / directory / "package-lock.json").read_text())
        for name, package in lock["packages"].items():
            check(not name or package.get("integrity", "").startswith("sha512-"), f"{directory}: {name} is not pinned by its hash")
            check(package.get("resolved", "https://registry.npmjs.org/").startswith("https://registry.npmjs.org/"), f"{directory}: {name} is from elsewhere")
    for file in ("Dockerfile", "tools/millrace/build.sh", "services/api/web/install.cmake"):
        for line in (ROOT / file).read_text().splitlines():
            check(" ci " not in line or "--ignore-scripts" in line, f"{file} lets packages' scripts run: {line}")


main(configuration)
