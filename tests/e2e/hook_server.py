#!/usr/bin/env python3
"""What an operator's own server would be: a callback (/callback), SRS hooks (/srs) and nginx-rtmp hooks (/nginx/...).

    hook_server.py DIRECTORY SECRET

Writes its port to DIRECTORY/port and every request as a line of JSON to DIRECTORY/requests. The key says what it answers:
  ok...      accepted, the session is named after the key and a number
  mute...    accepted without a session
  slow-N...  as ok, after N tenths of a second
  else       refused
While DIRECTORY/deaf exists it answers 500 to every end.
"""
import base64
import hashlib
import hmac
import http.server
import itertools
import json
import os
import pathlib
import sys
import threading
import time
import urllib.parse

DIRECTORY = pathlib.Path(sys.argv[1])
SECRET = sys.argv[2].encode()
NUMBERS = itertools.count(1)
LOCK = threading.Lock()


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token):
    head, body, signature = token.split(".")
    good = hmac.new(SECRET, f"{head}.{body}".encode(), hashlib.sha256).digest()
    assert hmac.compare_digest(decode(signature), good), "a bad signature"
    assert json.loads(decode(head))["alg"] == "HS256"
    return json.loads(decode(body))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, **entry):
        with LOCK, open(DIRECTORY / "requests", "a") as file:
            file.write(json.dumps({"path": self.path, "at": time.monotonic(), **entry}) + "\n")

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def judge(self, key):
        if key.startswith("slow-"):
            time.sleep(int(key.split("-")[1]) / 10)
            return True
        return key.startswith(("ok", "mute"))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/callback":
            self.callback(body)
        elif self.path == "/srs":
            self.srs(json.loads(body))
        else:
            self.nginx(dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)))

    def callback(self, body):
        claims = claims_of(self.headers["rtmp-event"])
        if claims["event"] == "stop":
            deaf = (DIRECTORY / "deaf").exists()
            self.note(claims=claims, body=len(body), status=500 if deaf else 200)
            return self.answer(500 if deaf else 200)
        good = self.judge(claims["key"])
        session = f"session-{claims['key']}-{next(NUMBERS)}" if good and not claims["key"].startswith("mute") else None
        self.note(claims=claims, body=len(body), session=session, status=200 if good else 403)
        self.answer(200 if good else 403, **({"stream_id": session} if session else {}))

    def srs(self, event):
        decides = event["action"] in ("on_publish", "on_play")
        good = not decides or self.judge(event["stream"])
        self.note(event=event, good=good)
        data = {"urls": ["rtmp://127.0.0.1/live/x"]} if event["action"] == "on_publish" else {}
        self.answer(200, json.dumps({"code": 0 if good else 1, "data": data}).encode())

    def nginx(self, form):
        good = form["call"].endswith("_done") or self.judge(form["name"])
        self.note(form=form, good=good)
        self.answer(204 if good else 403)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0), Handler)
(DIRECTORY / "port.new").write_text(str(server.server_address[1]))
os.rename(DIRECTORY / "port.new", DIRECTORY / "port")
server.serve_forever()
