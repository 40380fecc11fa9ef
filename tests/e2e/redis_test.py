#!/usr/bin/env python3
"""Commands over a real redis-server cut what they name; whatever Redis does, live streams go on."""
import pathlib
import re
import subprocess
import tempfile
import time

from hooks import SECRET, HookServer, live, port, rtmp
from stack import Stack, check, fetch, free_port, main, make_clip, wait_for

PASSWORD = "a-redis-password"


class Redis:
    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory,
                                         "--save", "", "--requirepass", PASSWORD, "--daemonize", "no"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for(lambda: self.cli("PING") == "PONG", "redis-server")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def cli(self, *words, password=PASSWORD, data=None):
        command = ["redis-cli", "-p", str(self.port), "--no-auth-warning", "-a", password, *words]
        return subprocess.run(command, input=data, capture_output=True, timeout=60).stdout.decode(errors="replace").strip()

    def say(self, message):
        return self.cli("PUBLISH", "rtmp_commands", message)

    def listeners(self):
        return self.cli("PUBSUB", "NUMSUB", "rtmp_commands").split()[-1]

    def wait_listener(self):
        wait_for(lambda: self.listeners() == "1", "auth to subscribe", 40)


def counted(stack, outcome):
    text = fetch(f"http://127.0.0.1:{port(stack, 'AUTH_OPS_PORT')}/metrics")[2].decode()
    found = re.search(rf'millrace_auth_redis_commands_total{{outcome="{outcome}"}} (\d+)', text)
    return int(found.group(1)) if found else 0


def publish(stack, clip, channel):
    child = stack.publish(clip, url=rtmp(stack, channel, f"ok-{channel}"), loop=50)
    live(stack, channel)
    return child


def cut(child, what):
    wait_for(lambda: child.poll() is not None, what, 20)


def commands_cut_what_they_name(stack, server, redis, clip):
    steady, one, two = (publish(stack, clip, name) for name in ("steady", "one", "two"))
    session = server.events("start", "two")[0]["session"]
    redis.say("KILL-SESSION>one")
    cut(one, "kill-session to cut")
    wait_for(lambda: server.events("stop", "one"), "the stop of what was cut")
    redis.say(f"close-stream>two|{session}x")
    redis.say(f"close-stream>one|{session}")
    wait_for(lambda: counted(stack, "done") == 3, "three commands")
    check(two.poll() is None, "another session's id cuts nothing")
    redis.say(f"Close-Stream>two|{session}")
    cut(two, "close-stream to cut")
    again = publish(stack, clip, "three")
    redis.say("close-stream>three|*")
    cut(again, "the wildcard to cut")
    return steady


def nonsense_is_counted(stack, redis):
    before = counted(stack, "ignored")
    for message in ("", "kill-session", "kill-session>", "kill-session>a|b", '{"type":"kill"}', "drop>steady", "kill-session>*",
                    "kill-session>../x"):
        redis.say(message)
    redis.cli("-x", "PUBLISH", "rtmp_commands", data=b"kill-session>steady" + b"x" * (10 << 20))
    redis.cli("PUBLISH", "other_channel", "kill-session>steady")
    wait_for(lambda: counted(stack, "ignored") == before + 9, "nine ignored messages")


def a_flood_is_bounded(stack, redis):
    line = b"*3\r\n$7\r\nPUBLISH\r\n$13\r\nrtmp_commands\r\n$20\r\nkill-session>nothing\r\n"
    before = counted(stack, "done") + counted(stack, "dropped")
    began = time.monotonic()
    redis.cli("--pipe", data=line * 50_000)
    seconds = time.monotonic() - began
    wait_for(lambda: counted(stack, "done") + counted(stack, "dropped") >= before + 49_000, "the flood to be over", 30)
    check(counted(stack, "dropped") > 20_000, "most of it is dropped")
    print(f"50,000 commands in {seconds:.2f} s, {counted(stack, 'dropped')} dropped")


def redis_may_do_what_it_likes(stack, redis):
    redis.wait_listener()
    redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
    redis.wait_listener()
    redis.stop()
    wait_for(lambda: stack.health("auth") == "degraded", "auth to say that Redis is gone")
    redis.start()
    redis.wait_listener()
    redis.cli("CONFIG", "SET", "requirepass", "another")
    redis.cli("CLIENT", "KILL", "TYPE", "pubsub", password="another")
    wait_for(lambda: "no commands over Redis" in (stack.home / "logs/auth/current").read_text() and
             stack.health("auth") == "degraded", "auth to be refused")
    redis.cli("CONFIG", "SET", "requirepass", PASSWORD, password="another")
    redis.wait_listener()
    wait_for(lambda: stack.health("auth") == "ready", "auth to be ready again")


def test():
    with tempfile.TemporaryDirectory() as directory, HookServer() as server:
        clip = make_clip(pathlib.Path(directory) / "clip.flv", seconds=10)
        redis = Redis(directory)
        try:
            with Stack(CALLBACK_URL=server.url("/callback"), JWT_SECRET=SECRET, HLS_SEGMENT_MS="500", REDIS_USE="YES",
                       REDIS_HOST="127.0.0.1", REDIS_PORT=str(redis.port), REDIS_PASSWORD=PASSWORD) as stack:
                redis.wait_listener()
                steady = commands_cut_what_they_name(stack, server, redis, clip)
                nonsense_is_counted(stack, redis)
                a_flood_is_bounded(stack, redis)
                redis_may_do_what_it_likes(stack, redis)
                check(steady.poll() is None, "the steady publisher goes on")
                numbers = [stack.playlist(f"http://127.0.0.1:{port(stack, 'HLS_PORT')}/live/steady/index.m3u8")]
                check(numbers[0].discontinuity_sequence == numbers[0].discontinuity_sequence and
                      "#EXT-X-DISCONTINUITY\n" not in numbers[0].text, "without a break")
                redis.wait_listener()
                redis.say("kill-session>steady")
                cut(steady, "commands to work after all that")
                text = (stack.home / "logs/auth/current").read_text()
                check(PASSWORD not in text and "ok-steady" not in text, "a secret in the log")
            refused = Stack(REDIS_USE="YES", REDIS_TLS="YES")
            result = refused.command("up", "--detach")
            check(result.returncode != 0 and "REDIS_TLS" in result.stdout + result.stderr, "TLS to Redis is refused with a reason")
            refused.close()
        finally:
            redis.stop()


main(test)
