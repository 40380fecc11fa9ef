#!/usr/bin/env python3
"""The publish callback: start decides, stop is told at least once, whatever dies in between; a slow one delays its own publisher."""
import pathlib
import signal
import tempfile
import time

from hooks import SECRET, HookServer, hls, live, port, rtmp as url
from stack import SERVICES, Stack, check, fetch, main, make_clip, wait_for


def sessions_told(server, channel):
    return sorted(r["claims"]["stream_id"] for r in server.events("stop", channel))


def decides_and_informs(stack, server, clip):
    publisher = stack.publish(clip, url=url(stack, "one", "ok-secret-key?a=1"))
    live(stack, "one")
    start = server.events("start", "one")[0]
    claims = start["claims"]
    check(claims["sub"] == "custom" and claims["key"] == "ok-secret-key" and claims["client_ip"] == "127.0.0.1", str(claims))
    check(claims["rtmp_host"] == "edge-1" and claims["exp"] - claims["iat"] == 120 and "stream_id" not in claims, str(claims))
    check(start["body"] == 0, "the body is empty")
    publisher.send_signal(signal.SIGINT)
    publisher.wait()
    wait_for(lambda: sessions_told(server, "one") == [start["session"]], "the stop of the session")
    claims = server.events("stop", "one")[0]["claims"]
    check(claims["key"] == "ok-secret-key" and claims["rtmp_host"] == "edge-1" and claims["channel"] == "one", str(claims))


def refuses(stack, server, clip):
    refused = stack.publish(clip, url=url(stack, "two", "wrong"))
    check(refused.wait(timeout=30) != 0, "ffmpeg must fail")
    check(len(server.events("start", "two", 403)) >= 1, "the callback was asked")
    check(fetch(hls(stack, "two"))[0] == 404, "nothing is live")
    check(not server.events("stop", "two"), "no session, no stop")


def a_slow_one_delays_itself_only(stack, server, clip):
    slow = stack.publish(clip, url=url(stack, "slow", "slow-30"))
    quick = stack.publish(clip, url=url(stack, "quick", "ok-quick"))  # its encoder has the slow one's 3 s to start
    live(stack, "quick")
    wait_for(lambda: stack.health("auth") == "ready", "auth to be well")
    live(stack, "slow")
    quick_start = server.events("start", "quick")[0]
    slow_start = server.events("start", "slow")[0]  # noted when it is answered
    check(quick_start["at"] < slow_start["at"], "the quick one did not wait")
    for child in (slow, quick):
        child.kill()
    wait_for(lambda: len(sessions_told(server, "slow")) == 1 and len(sessions_told(server, "quick")) == 1, "both stops")


def two_at_once_have_one_winner(stack, server, clip):
    first = stack.publish(clip, url=url(stack, "race", "slow-20"))
    time.sleep(0.5)  # so that the second one arrives second; the outcome does not depend on how long it took
    second = stack.publish(clip, url=url(stack, "race", "ok-race"), loop=5)
    check(first.wait(timeout=60) != 0, "the first one is refused though its callback agreed last")
    live(stack, "race")
    starts = {r["claims"]["key"]: r["session"] for r in server.events("start", "race")}
    wait_for(lambda: sessions_told(server, "race") == [starts["slow-20"]], "the loser's stop")
    check(second.poll() is None, "the winner goes on")
    second.kill()
    wait_for(lambda: sessions_told(server, "race") == sorted(starts.values()), "the winner's stop")


def stops_outlive_refusals_and_restarts(stack, server, clip):
    server.deaf(True)
    publisher = stack.publish(clip, url=url(stack, "deaf", "ok-deaf"))
    live(stack, "deaf")
    publisher.kill()
    wait_for(lambda: server.events("stop", "deaf", 500), "a stop that is not acknowledged")
    old = stack.kill("auth")
    stack.wait_ready("auth", other_than=old)
    server.deaf(False)
    wait_for(lambda: sessions_told(server, "deaf"), "the stop after auth's restart", 60)


def stops_follow_whatever_dies(stack, server, clip):
    publisher = stack.publish(clip, url=url(stack, "dying", "ok-dying"), loop=20)
    live(stack, "dying")
    auth = stack.kill("auth")
    publisher.kill()  # ends while auth is not there to hear of it
    stack.wait_ready("auth", other_than=auth)
    wait_for(lambda: len(sessions_told(server, "dying")) == 1, "the stop of what ended in between", 90)
    stack.publish(clip, url=url(stack, "lost", "ok-lost"), loop=20)
    live(stack, "lost")
    ingest = stack.kill("ingest")
    stack.wait_ready("ingest", other_than=ingest)
    wait_for(lambda: len(sessions_told(server, "lost")) == 1, "the stop of what died with ingest", 90)


def works_again_when_the_server_is_back(stack, server, clip):
    server.stop()
    refused = stack.publish(clip, url=url(stack, "gone", "ok-gone"))
    check(refused.wait(timeout=30) != 0, "nobody decides")
    server.start()

    def published():
        publisher = stack.publish(clip, url=url(stack, "gone", "ok-gone"), loop=20)
        try:
            return wait_for(lambda: publisher.poll() is not None or stack.playlist(hls(stack, "gone")), "an outcome", 30) and \
                publisher.poll() is None
        finally:
            publisher.kill()
    wait_for(published, "a publisher to be accepted", 60)


def players_need_the_key(stack, server, clip):
    publisher = stack.publish(clip, url=url(stack, "watch", "ok-watch"), loop=20)
    live(stack, "watch")

    def packets(key):
        child = stack.spawn("ffmpeg", "-v", "error", "-rw_timeout", "10000000", "-i", url(stack, "watch", key), "-t", "1", "-f",
                            "null", "-")
        return child.wait(timeout=60)
    check(packets("ok-watch") == 0, "the publisher's key plays")
    check(packets("other") != 0, "another one does not")
    publisher.kill()


def nothing_tells_a_key(stack):
    for name in SERVICES:
        text = (stack.home / "logs" / name / "current").read_text(errors="replace")
        for secret in ("ok-secret-key", "ok-watch", SECRET):
            check(secret not in text, f"{secret} is in the log of {name}")
    for name in ("METRICS_PORT", "AUTH_OPS_PORT"):
        text = fetch(f"http://127.0.0.1:{port(stack, name)}/metrics")[2].decode()
        check("ok-" not in text, f"a key in the metrics of {name}")


def test():
    with tempfile.TemporaryDirectory() as directory, HookServer() as server:
        clip = make_clip(pathlib.Path(directory) / "clip.flv", seconds=12)
        with Stack(CALLBACK_URL=server.url("/callback"), JWT_SECRET=SECRET, CUSTOM_JWT_SUBJECT="custom", RTMP_HOST="edge-1",
                   HLS_SEGMENT_MS="500") as stack:
            decides_and_informs(stack, server, clip)
            refuses(stack, server, clip)
            a_slow_one_delays_itself_only(stack, server, clip)
            two_at_once_have_one_winner(stack, server, clip)
            players_need_the_key(stack, server, clip)
            stops_outlive_refusals_and_restarts(stack, server, clip)
            stops_follow_whatever_dies(stack, server, clip)
            works_again_when_the_server_is_back(stack, server, clip)
            nothing_tells_a_key(stack)


main(test)
