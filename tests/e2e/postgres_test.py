#!/usr/bin/env python3
"""A whole stack on PostgreSQL: publish, keys, a restart that finds everything, a key replaced while live, the server there after the stack."""
import json

from postgres_server import PostgresServer, programs
from stack import Stack, check, fetch, lacks, main, make_clip, packets, wait_for

DATABASE = "millrace"


def ask(stack, subject, method, path):
    token = stack.operator("--issue-token", subject).stdout.strip()
    status, _, body = fetch(stack.info["api_url"] + path, {"Authorization": f"Bearer {token}"}, method)
    check(status == 200, f"{method} {path}: {status} {body}")
    return json.loads(body)


def a_stack_that_comes_first(server):
    """It waits for its database, says so, and works when it is there."""
    with Stack(DATABASE_URL=server.url("another")) as stack:
        server.stop()
        stack.kill("auth")

        def says_why():
            port = (stack.home / "run" / "auth.ports").read_text().strip().rpartition("=")[2]
            status, _, body = fetch(f"http://127.0.0.1:{port}/readyz")
            return status == 503 and "can't be reached" in body.decode()

        wait_for(says_why, "auth to say that it waits", 30)
        pid = stack.pid("auth")
        server.start()
        stack.wait_ready("auth", seconds=30)
        check(stack.pid("auth") == pid, "the one that waited serves now")


def a_restart_finds_everything(server):
    with Stack(DATABASE_URL=server.url(DATABASE)) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=6)
        keys = {name: ask(stack, name, "GET", "/api/stream/key") for name in ("alice", "bob")}
        check(keys["alice"]["streamId"] != keys["bob"]["streamId"], "two accounts have two streams")
        url = stack.info["publish_url"].rsplit("/", 1)[0] + "/"
        publisher = stack.publish(clip, url=url + keys["alice"]["streamKey"], realtime=False)
        check(publisher.wait(timeout=60) == 0, "it is published")
        recording = stack.wait_recordings()[0]
        check(len(packets(recording)) == len(packets(clip)), "and recorded")
        epoch = int(server.sql(f"SELECT epoch FROM streams WHERE stream_id = '{keys['alice']['streamId']}'", DATABASE))
        check(epoch == 1, f"the epoch is in the database: {epoch}")
        check(stack.down().returncode == 0, "down")
        stack.up()
        for name, before in keys.items():
            check(ask(stack, name, "GET", "/api/stream/key")["streamKey"] == before["streamKey"], f"{name} has the same key")
        url = stack.info["publish_url"].rsplit("/", 1)[0] + "/"
        live = stack.publish(clip, url=url + keys["alice"]["streamKey"], loop=50)
        hls = keys["alice"]["hlsUrl"].rsplit(":", 1)[1].split("/", 1)[1]
        wait_for(lambda: stack.playlist(stack.info["hls_url"].split("/live/")[0] + "/" + hls), "a playlist after the restart")
        renewed = ask(stack, "alice", "POST", "/api/stream/regenerate-key")["streamKey"]
        wait_for(lambda: live.poll() is not None, "the replaced key to be cut")
        check(stack.publish(clip, url=url + keys["alice"]["streamKey"]).wait(timeout=30) != 0, "the old key is worth nothing")
        check(stack.publish(clip, "-t", "1", url=url + renewed).wait(timeout=30) == 0, "the new one is good")
        check(not (stack.home / "data" / "streaming.db").exists(), "there is no SQLite file")


def postgres():
    if programs() is None:
        lacks("PostgreSQL")
    with PostgresServer() as server:
        server.create(DATABASE)
        a_restart_finds_everything(server)
        server.create("other")
        server.create("another")  # every stack has a secret of its own
        a_stack_that_comes_first(server)


main(postgres)
