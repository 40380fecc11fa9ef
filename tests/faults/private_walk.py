"""Private means the same whoever decides about publishers (store, callback, hooks), on every transport, in every state: for who was
watching before the stream became private too. Walked by private_test.py."""
import http.client
import json
import socket
import threading
import urllib.parse

from grants import api, forged, secrets
from hooks import SECRET, hls, live, port, rtmp
from stack import Stack, check, fetch, wait_for
from websocket_client import WebSocket
from wire import Peer

NEVER = 4_000_000_000  # a token's end


KEY = "ok-key"


class Mode:
    """Who decides. A stream is known here by a word; ids, where it is published and how it is played are the mode's."""

    def __init__(self, stack):
        self.stack = stack

    @staticmethod
    def variables(_server):
        return {}

    def id(self, word):
        return "ok-" + word

    def publish_url(self, word):
        return rtmp(self.stack, *self.stranger(word))

    def stranger(self, word):
        """Application and name that a player asks for who knows no key."""
        return "live", self.id(word)

    key_url = None  # of one that does
    open_to_strangers = True  # while the stream is public


class Store(Mode):
    def __init__(self, stack):
        super().__init__(stack)
        self.streams = {}

    def stream(self, word):
        if word not in self.streams:
            self.streams[word] = api(self.stack, "GET", "/api/stream/key", token=self.stack.issue_token(word))
        return self.streams[word]

    def id(self, word):
        return self.stream(word)["streamId"]

    def publish_url(self, word):
        return rtmp(self.stack, "live", self.stream(word)["streamKey"])

    key_url = publish_url


class Hooks(Mode):
    @staticmethod
    def variables(server):
        return {"PUBLISH_AUTH": "hooks", "SRS_HOOK_URL": server.url("/srs")}


class Callback(Mode):
    open_to_strangers = False

    @staticmethod
    def variables(server):
        return {"CALLBACK_URL": server.url("/callback"), "JWT_SECRET": SECRET}

    def publish_url(self, word):
        return rtmp(self.stack, self.id(word), KEY)

    def stranger(self, word):
        return self.id(word), "x"

    key_url = publish_url


class Watcher:
    """A viewer of an answer without an end, by HTTP or WebSocket; over is set when it has ended."""

    def __init__(self, url, websocket):
        self.got, self.over = threading.Event(), threading.Event()
        parts = urllib.parse.urlsplit(url)
        target = parts.path + ("?" + parts.query if parts.query else "")
        self.read = self.open_websocket(parts, target) if websocket else self.open_http(parts, target)
        threading.Thread(target=self.follow, daemon=True).start()

    @staticmethod
    def open_http(parts, target):
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        connection.request("GET", target)
        answer = connection.getresponse()
        check(answer.status == 200, f"{target}: {answer.status}")
        return lambda: answer.read1(65536)

    @staticmethod
    def open_websocket(parts, target):
        client = WebSocket(parts.port, timeout=60, path=target)
        return lambda: client.socket.recv(65536)

    def follow(self):
        try:
            while self.read():
                self.got.set()
        except (OSError, http.client.HTTPException):
            pass
        self.over.set()


class Player(threading.Thread):
    """An RTMP player that stays when a publication ends, as ffmpeg does not; away is set when it is told to go."""

    def __init__(self, stack, app, name):
        super().__init__(daemon=True)
        self.bytes, self.away = 0, threading.Event()
        self.peer = Peer(port(stack, "RTMP_PORT"), timeout=60).play(name, app)
        self.start()

    def run(self):
        tail = b""
        try:
            while part := self.peer.socket.recv(65536):
                self.bytes += len(part)
                tail = (tail + part)[-70_000:]
                if b"NetStream.Play.StreamNotFound" in tail:
                    break
        except OSError:
            pass
        self.away.set()


class Feed(threading.Thread):
    """An outsider of the live numbers: which streams they named, in order."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.named = []
        self.socket = WebSocket(urllib.parse.urlsplit(stack.info["api_url"]).port, timeout=60)
        self.start()

    def run(self):
        try:
            while True:
                event = json.loads(self.socket.recv())
                data = event.get("data") or {}
                if data.get("streamId"):
                    self.named.append((data["streamId"], data.get("isLive")))
        except OSError:
            pass


def plays(stack, url):
    probe = stack.spawn("ffmpeg", "-v", "error", "-rw_timeout", "15000000", "-i", url, "-t", "0.5", "-f", "null", "-")
    return probe.wait(timeout=60) == 0


def flv(stack, name):
    return f"http://127.0.0.1:{port(stack, 'HLS_PORT')}/live/{name}.flv"


def websocket_opens(url):
    parts = urllib.parse.urlsplit(url)
    try:
        WebSocket(parts.port, timeout=15, path=f"{parts.path}?{parts.query}").socket.close()
        return True
    except (ConnectionError, socket.timeout):
        return False


def flv_opens(url):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=15)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    opened = answer.status == 200 and answer.read(3) == b"FLV"
    connection.close()
    return opened


class Walk:
    def __init__(self, mode, stack):
        self.mode, self.stack, self.visits = mode, stack, 0
        self.everybody = {"hls": True, "flv": True, "ws-flv": True, "rtmp": mode.open_to_strangers}
        self.anybody_with_a_token = dict.fromkeys(self.everybody, True)
        self.nobody = dict.fromkeys(self.everybody, False)

    def token(self, word):
        return "token=" + forged(secrets(self.stack)["PLAYBACK_SECRET"], self.mode.id(word), NEVER)

    def hls(self, word, query=""):
        return fetch(f"{hls(self.stack, self.mode.id(word))}?{query}")[0]

    def flv(self, word, query=""):
        return f"{flv(self.stack, self.mode.id(word))}?{query}"

    def publish(self, clip, word):
        return self.stack.publish(clip, url=self.mode.publish_url(word), loop=50)

    def visit(self, word, query, expected):
        """expected: transport -> whether it is open to who comes with this query and knows no key."""
        url = self.flv(word, query)
        found = {"hls": self.hls(word, query) == 200, "flv": flv_opens(url), "ws-flv": websocket_opens(url),
                 "rtmp": plays(self.stack, f"{rtmp(self.stack, *self.mode.stranger(word))}?{query}")}
        check(found == expected, f"{type(self.mode).__name__}, {word} with {query[:8] or 'nothing'}: {found} instead of {expected}")
        self.visits += len(found)

    def becomes_private(self, clip, publisher):
        """Who is there when it does: without a token they go, with one they stay."""
        token = self.token("cam")
        feed = Feed(self.stack)
        wait_for(lambda: (self.mode.id("cam"), True) in feed.named, "the outsider to see its numbers")
        watching = [Watcher(self.flv("cam"), False), Watcher(self.flv("cam"), True)]
        with_token = Watcher(self.flv("cam", token), False)
        for viewer in (*watching, with_token):
            check(viewer.got.wait(30), "a viewer gets media")
        app, name = self.mode.stranger("cam")
        player = Player(self.stack, app, name) if self.mode.open_to_strangers else None
        holder = Player(self.stack, app, f"{name}?{token}")
        check(self.stack.operator("--make-private", self.mode.id("cam")).returncode == 0, "it is made private")
        wait_for(lambda: self.hls("cam") == 401, "what was public to be refused")
        wait_for(lambda: publisher.poll() is not None, "the publication to be cut")
        self.publish(clip, "cam")
        wait_for(lambda: self.hls("cam", token) == 200, "the private publication")
        before = holder.bytes
        for viewer in watching:
            check(viewer.over.wait(30), "a viewer of before is sent away")
        if player:
            check(player.away.wait(30), "the RTMP player of before is sent away")
        wait_for(lambda: holder.bytes > before, "the RTMP player with a token to get the private publication")
        check(not holder.away.is_set() and not with_token.over.is_set(), "who has a token stays")
        return feed, len(feed.named)

    def private(self, word):
        good = self.token(word)
        wait_for(lambda: self.hls(word, good) == 200, f"{word} to be listed")
        self.visit(word, "", self.nobody)
        self.visit(word, good, self.anybody_with_a_token)
        if self.mode.key_url:
            check(plays(self.stack, self.mode.key_url(word)), "who has the key may watch")
        check(fetch(f"{self.stack.info['api_url']}/api/stream/status/{self.mode.id(word)}")[0] == 404, "unknown to the API")

    def told_nothing(self, feed, told):
        """Numbers of the open stream say that time has passed for the others too."""
        cam, opened, born = (self.mode.id(word) for word in ("cam", "open", "born"))
        wait_for(lambda: feed.named[told:].count((opened, True)) >= 3, "the outsider to hear of the open stream")
        check((cam, True) not in feed.named[told:], f"the outsider heard of what became private: {feed.named[told:]}")
        check(all(stream != born for stream, _ in feed.named), "and of what was private from its beginning")


def walk(kind, server, clip):
    with Stack(HLS_SEGMENT_MS="500", PRIVATE_STREAMS="true", RECONNECT_GRACE_SECONDS="20", **kind.variables(server)) as stack:
        mode = kind(stack)
        trip = Walk(mode, stack)
        for word in ("cam", "open"):
            check(stack.operator("--make-public", mode.id(word)).returncode == 0, f"{word} is made public")
        publishers = {word: trip.publish(clip, word) for word in ("cam", "open", "born")}
        for word in ("cam", "open"):
            live(stack, mode.id(word))
        trip.visit("cam", "", trip.everybody)
        feed, told = trip.becomes_private(clip, publishers["cam"])
        trip.private("cam")
        trip.visit("cam", trip.token("open"), trip.nobody)
        trip.private("born")
        trip.told_nothing(feed, told)
        trip.visit("open", "", trip.everybody)
        print(f"{kind.__name__}: {trip.visits} visits over HLS, FLV, FLV over WebSocket and RTMP")

