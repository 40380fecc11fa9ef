#!/usr/bin/env python3
"""docs/configuration.md is what the services' own tables say; a bad value stops a service with one clear line."""
import os
import subprocess
import tempfile

from stack import ROOT, check, main

BIN = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/bin"))
BAD = (("ingest", "RTMP_PORT", "70000"), ("packaging", "HLS_PORT", "x"), ("recording", "DRAIN_SECONDS", "-1"),
       ("ingest", "RTMP_PLAY_WHITELIST", "10.0.0.0/33"), ("ingest", "CONCURRENT_LIMIT_WHITELIST", "::1/129"),
       ("ingest", "PROXY_PROTOCOL_TRUSTED", "localhost"), ("ingest", "RTMP_MAX_RESOLUTION", "1080"), ("ingest", "SSL_CERT", "/nowhere.crt"),
       ("metrics", "METRICS_PORT", "1e3"), ("api", "PORT", "-3"),
       ("api", "VAST_TAG_URL", "ftp://ads.example/"), ("api", "VAST_TAG_URL", "https://ads.example/{key}"),
       ("api", "VAST_MEDIA_URL", "file:///etc/passwd"), ("api", "STREAM_STOP_HOLD_SECONDS", "3601"))


def configuration():
    made = subprocess.run([str(ROOT / "tools/generate_configuration.sh"), BIN], capture_output=True, text=True, check=True).stdout
    check(made == (ROOT / "docs/configuration.md").read_text(), "docs/configuration.md is stale: run tools/generate_configuration.sh")
    for service, name, value in BAD:
        with tempfile.TemporaryDirectory(prefix="millrace-test-") as home:
            result = subprocess.run([f"{BIN}/millrace-{service}"], env={"PATH": os.environ["PATH"], "MILLRACE_HOME": home, name: value},
                                    capture_output=True, text=True, timeout=20)
        check(result.returncode == 64, f"{service} with {name}={value} ends with {result.returncode}")
        check(name in result.stderr and value in result.stderr, f"{service} names {name}: {result.stderr}")
    short = subprocess.run([f"{BIN}/millrace-auth"], env={"PATH": os.environ["PATH"], "MILLRACE_SECRET": "too short"}, capture_output=True,
                           text=True, timeout=20)
    check(short.returncode == 64 and "MILLRACE_SECRET" in short.stderr and "too short" not in short.stderr, f"auth: {short.stderr}")


main(configuration)
