#!/usr/bin/env python3
"""Chromium plays the watch page: decoded frames rise and nothing stalls for 20 s."""
import subprocess

from stack import PATIENCE, ROOT, Stack, check, main, make_clip, need, wait_for


def browser():
    need("chromium", "node", "playwright-core")
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=60, gop=60)
        publisher = stack.publish(clip)
        wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 3, "three segments")
        result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/watch.mjs"), stack.info["watch_url"]], capture_output=True, text=True,
                                timeout=120 * PATIENCE)
        print(result.stdout.strip())
        check(result.returncode == 0, f"the browser: {result.stdout}{result.stderr}")
        check(publisher.poll() in (None, 0), "the publisher")


main(browser)
