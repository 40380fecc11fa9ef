#!/usr/bin/env python3
"""SRS-style and nginx-rtmp-style hooks decide and hear of ends; nobody outside reaches what is meant for them."""
import pathlib
import signal
import tempfile

from hooks import HookServer, live, port, rtmp
from stack import Stack, check, fetch, main, make_clip, wait_for


def srs_decides(server, clip):
    with Stack(PUBLISH_AUTH="hooks", SRS_HOOK_URL=server.url("/srs"), HLS_SEGMENT_MS="500") as stack:
        def events(action, stream):
            return [r["event"] for r in server.requests() if r["path"] == "/srs" and r["event"]["action"] == action and
                    r["event"]["stream"] == stream]
        publisher = stack.publish(clip, url=rtmp(stack, "live", "ok-cam?token=7"), loop=20)
        live(stack, "ok-cam")
        event = events("on_publish", "ok-cam")[0]
        check(event["app"] == "live" and event["ip"] == "127.0.0.1" and event["param"] == "?token=7", str(event))
        check(event["tcUrl"].endswith("/live"), str(event))
        player = stack.spawn("ffmpeg", "-v", "error", "-i", rtmp(stack, "live", "ok-cam"), "-t", "1", "-f", "null", "-")
        check(player.wait(timeout=60) == 0, "a player is let in")
        wait_for(lambda: events("on_stop", "ok-cam"), "on_stop")
        check(events("on_play", "ok-cam")[0]["client_id"] == events("on_stop", "ok-cam")[0]["client_id"], "the same client")
        refused = stack.spawn("ffmpeg", "-v", "error", "-i", rtmp(stack, "live", "secret"), "-t", "1", "-f", "null", "-")
        check(refused.wait(timeout=60) != 0 and events("on_play", "secret"), "a player is refused by the hook")
        check(stack.publish(clip, url=rtmp(stack, "live", "bad")).wait(timeout=30) != 0, "a publisher is refused")
        check(stack.publish(clip, url=rtmp(stack, "other", "ok-cam")).wait(timeout=30) != 0, "another application is refused")
        check(publisher.poll() is None, "and does not take the stream over")
        publisher.send_signal(signal.SIGINT)
        wait_for(lambda: events("on_unpublish", "ok-cam"), "on_unpublish")
        check(events("on_unpublish", "ok-cam")[0]["client_id"] == event["client_id"], "the same client")
        internal_paths_are_not_outside(stack)


def nginx_decides_after_the_store(server, clip):
    with Stack(NGINX_ON_PUBLISH=server.url("/nginx/publish"), NGINX_ON_PUBLISH_DONE=server.url("/nginx/done"),
               HLS_SEGMENT_MS="500") as stack:
        def forms(call):
            return [r["form"] for r in server.requests() if r["path"].startswith("/nginx") and r["form"]["call"] == call]
        key = stack.info["publish_url"].rsplit("/", 1)[1]
        check(stack.publish(clip, url=rtmp(stack, "live", "ok-unknown")).wait(timeout=30) != 0, "the store does not know it")
        check(not forms("publish"), "so the hook is not asked")
        # This server accepts names that begin with ok: the store's key does not.
        check(stack.publish(clip).wait(timeout=30) != 0, "the hook refuses what the store allows")
        form = forms("publish")[0]
        check(form["name"] == key and form["app"] == "live" and form["addr"] == "127.0.0.1" and form["clientid"].isdigit() and form["tcurl"].endswith("/live") and form["flashver"],
              str({**form, "name": "…"}))
        check(not forms("publish_done"), "what was refused has no end")


def internal_paths_are_not_outside(stack):
    for name in ("HLS_PORT", "PORT", "METRICS_PORT"):
        for path in ("/callback", "/private/publish", "/srs", "/api/v1/clients", "/control/drop/publisher?app=live&name=ok-cam",
                     "/commands/close"):
            status = fetch(f"http://127.0.0.1:{port(stack, name)}{path}", method="POST")[0]
            check(status in (404, 405), f"{name} answers {path} with {status}")


def bad_configuration_is_refused(server):
    for variables, names in (({"CALLBACK_URL": server.url("/callback")}, "JWT_SECRET"),
                             ({"SRS_HOOK_URL": "gopher://127.0.0.1/"}, "SRS_HOOK_URL"),
                             ({"NGINX_ON_PLAY": "file:///etc/passwd"}, "NGINX_ON_PLAY"),
                             ({"PUBLISH_AUTH": "callback"}, "CALLBACK_URL"),
                             ({"PUBLISH_AUTH": "hooks"}, "SRS_HOOK_URL")):
        stack = Stack(**variables)
        result = stack.command("up", "--detach")
        check(result.returncode != 0 and names in result.stdout + result.stderr, f"{variables}: {result.stderr[-500:]}")
        stack.close()


def test():
    with tempfile.TemporaryDirectory() as directory, HookServer() as server:
        clip = make_clip(pathlib.Path(directory) / "clip.flv", seconds=12)
        srs_decides(server, clip)
        nginx_decides_after_the_store(server, clip)
        bad_configuration_is_refused(server)


main(test)
