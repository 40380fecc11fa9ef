#!/usr/bin/env python3
"""The millrace command: a second up says so, a busy port names its variable, Ctrl-C drains, down leaves nothing, restarts keep keys."""
import os
import signal
import socket
import subprocess

from stack import ROOT, Stack, check, main, wait_for


def busy_port():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stack = Stack(RTMP_PORT=str(port))
        result = stack.command("up", "--detach")
        check(result.returncode != 0, "up must fail on a busy port")
        check("RTMP_PORT" in result.stderr and str(port) in result.stderr, f"names the variable: {result.stderr}")
        stack.close()


def secrets_are_private(stack):
    for name in ("secrets.env", "token", "run/info.json"):
        check(os.stat(stack.home / name).st_mode & 0o077 == 0, f"{name} is readable by others")
    key = stack.info["publish_url"].rsplit("/", 1)[1]
    check(key.startswith("sk_") and len(key) == 35, f"key shape: {len(key)}")
    for service in stack.status()["services"]:
        with open(f"/proc/{service['pid']}/cmdline", "rb") as file:
            check(key.encode() not in file.read(), "the key is on a command line")


def second_up_and_restart():
    with Stack() as stack:
        secrets_are_private(stack)
        again = stack.command("up", "--detach")
        check(again.returncode == 0 and "already running" in again.stdout, again.stdout + again.stderr)
        before = (stack.info["publish_url"].rsplit("/", 1)[1], stack.info["stream_id"])
        check(stack.down().returncode == 0, "down")
        check("not running" in stack.down().stdout, "a second down says so")
        stack.up()
        check((stack.info["publish_url"].rsplit("/", 1)[1], stack.info["stream_id"]) == before, "the key survives a restart")


def interrupt_drains():
    stack = Stack()
    child = subprocess.Popen([str(ROOT / "millrace"), "up"], env=stack.environment, stdout=subprocess.PIPE, text=True,
                             start_new_session=True)
    stack.children.append(child)
    wait_for(lambda: len(stack.status()["services"]) == 6 and all(s["health"] == "ready" for s in stack.status()["services"]),
             "six ready services", 60)
    pids = [service["pid"] for service in stack.status()["services"]]
    os.killpg(child.pid, signal.SIGINT)
    check(child.wait(timeout=60) == 0, "Ctrl-C ends with 0")
    check(not any(os.path.exists(f"/proc/{pid}") for pid in pids), "nothing is left running")
    stack.close()


def command():
    busy_port()
    second_up_and_restart()
    interrupt_drains()


main(command)
