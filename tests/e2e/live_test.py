#!/usr/bin/env python3
"""Live metrics over WebSocket: npm's ws and socket.io-client, over polling, WebSocket and the upgrade between them, see the bit rate
that ffmpeg sends; only the owner sees the key."""
import json
import subprocess
import threading
import time

from stack import ROOT, Stack, check, fetch, main, make_clip, need, wait_for

CLIENTS = ("ws", "ws-header", "ws-protocol", "ws-message", "ws-subscribed", "io", "io-polling", "io-websocket", "io-owner", "io-header",
           "io-subscribed", "io-authenticate")
OWNERS = ("ws-header", "ws-protocol", "ws-message", "io-owner", "io-header", "io-authenticate")


class Clients:
    """The node program; seen[client] = [(event, data, wall clock in ms)]."""

    def __init__(self, stack, *arguments):
        self.seen = {}
        self.child = stack.spawn("node", str(ROOT / "tests/e2e/live_clients.js"), *arguments, stdout=subprocess.PIPE)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            entry = json.loads(line)
            self.seen.setdefault(entry["client"], []).append((entry["event"], entry["data"], entry["at"]))

    def events(self, client, event):
        return [data for name, data, _ in list(self.seen.get(client, [])) if name == event]

    def updates(self, client):
        return self.events(client, "metricsUpdate")


def sent_kbps(clip, seconds):
    return clip.stat().st_size * 8 / 1000 / seconds


def everybody_sees(clients, stack, key):
    for client in CLIENTS:
        wait_for(lambda c=client: len(clients.updates(c)) >= 3, f"{client} to get updates", 20)
        expected = key if client in OWNERS else stack.stream_id
        wait_for(lambda c=client, e=expected: clients.updates(c)[-1]["streamKey"] == e, f"{client} to see the right name", 10)
        if client not in OWNERS:
            check(key not in json.dumps(clients.seen[client]), f"{client} saw the key")
        last = clients.updates(client)[-1]
        check(last["streamId"] == stack.stream_id and last["isLive"], f"{client}: {last}")
        check({"bitrate", "bandwidth", "latency", "lastUpdated", "fps", "resolution", "viewers"} <= last.keys(), f"{client}: {last}")
        check(abs(last["lastUpdated"] - time.time() * 1000) < 30_000, f"{client}: {last}")


def the_transports_are_what_was_asked_for(clients):
    wait_for(lambda: clients.events("io", "upgrade") == ["websocket"], "the upgrade")
    check(clients.events("io", "open") == ["polling"], clients.seen["io"])
    check(clients.events("io-polling", "open") == ["polling"] and not clients.events("io-polling", "upgrade"), "polling stays")
    check(clients.events("io-websocket", "open") == ["websocket"], "websocket at once")
    check(clients.events("ws-protocol", "open") == ["bearer"], clients.seen["ws-protocol"])


def refusals_are_told(clients, stack):
    check(clients.events("ws-bad", "refused") == [401], clients.seen["ws-bad"])
    wait_for(lambda: clients.events("io-bad", "connect_error") == ["unauthorized"], "the refusal")
    check(clients.events("io-namespace", "connect_error") == ["Invalid namespace"], clients.seen["io-namespace"])
    check([e["code"] for e in clients.events("ws-subscribed", "error")] == ["stream_unknown"], clients.seen["ws-subscribed"])
    check(clients.events("ws-subscribed", "subscribed") == [{"streamId": stack.stream_id}], clients.seen["ws-subscribed"])
    check(clients.events("io-subscribed", "ack") == [{"ok": True, "streamId": stack.stream_id}], clients.seen["io-subscribed"])
    check([e["code"] for e in clients.events("io-subscribed", "nack")] == ["stream_unknown"], clients.seen["io-subscribed"])


def the_bitrate_is_what_was_sent(clients, clip, seconds):
    """Over a window that holds the looped clip as often everywhere, from when it has filled."""
    expected = sent_kbps(clip, seconds)

    def close():
        rates = [u["bitrate"] for u in clients.updates("ws")[-5:]]
        return len(clients.updates("ws")) >= 12 and abs(sum(rates) / len(rates) / expected - 1) < 0.05
    wait_for(close, f"{expected:.0f} kbit/s, within 5 %: {[u['bitrate'] for u in clients.updates('ws')]}", 40)
    at = {c: clients.updates(c)[-1]["bitrate"] for c in CLIENTS}
    check(all(abs(rate / expected - 1) < 0.1 for rate in at.values()), f"{expected:.0f} kbit/s: {at}")


def a_new_key_is_shown_and_the_end_told(clients, stack, publisher, clip, token):
    status, _, body = fetch(stack.info["api_url"] + "/api/stream/regenerate-key", {"Authorization": f"Bearer {token}"}, "POST")
    check(status == 200, body)
    new = json.loads(body)["streamKey"]
    wait_for(lambda: clients.updates("ws")[-1]["isLive"] is False, "the end to be told")
    publisher.wait(timeout=20)
    url = stack.info["publish_url"].rsplit("/", 1)[0] + "/" + new
    stack.publish(clip, loop=-1, url=url)
    wait_for(lambda: clients.updates("ws-header")[-1]["streamKey"] == new and clients.updates("ws-header")[-1]["isLive"], "the new key")
    check(new not in json.dumps(clients.seen["ws"]), "a stranger saw the new key")


def everybody_is_told_of_the_drain(clients, stack):
    began = time.monotonic()
    stack.down()
    check(time.monotonic() - began < 60, "held polls kept the API from stopping")
    wait_for(lambda: clients.events("ws", "close") == [1001], "the WebSocket's goodbye")
    for client in ("io", "io-polling", "io-websocket"):
        wait_for(lambda c=client: clients.events(c, "disconnect"), f"{client} to hear of it")


def test():
    need("node", "ws", "socket.io-client")
    with Stack() as stack:
        seconds = 5
        clip = make_clip(stack.home / "clip.flv", seconds=seconds, bitrate="800k")
        publisher = stack.publish(clip, loop=-1)
        key = stack.info["publish_url"].rsplit("/", 1)[1]
        token = stack.info["token"]
        port = stack.info["api_url"].rsplit(":", 1)[1]
        clients = Clients(stack, port, token, stack.stream_id, key)
        everybody_sees(clients, stack, key)
        the_transports_are_what_was_asked_for(clients)
        refusals_are_told(clients, stack)
        the_bitrate_is_what_was_sent(clients, clip, seconds)
        a_new_key_is_shown_and_the_end_told(clients, stack, publisher, clip, token)
        everybody_is_told_of_the_drain(clients, stack)


if __name__ == "__main__":
    main(test)
