#!/usr/bin/env python3
"""Issuers of tokens as a process of its own: what it says of a tenant is in files that the test writes.

    issuer.py DIRECTORY PORT

    /TENANT/.well-known/openid-configuration   discovery
    /TENANT/jwks                               DIRECTORY/TENANT.jwks, in the way of DIRECTORY/TENANT.mode: absent (ok), error, html,
                                               redirect (to /elsewhere), huge (5 MiB), slow (30 s)
    /clerk/v1/jwks                             DIRECTORY/clerk.jwks, to those who send "Bearer sk_test_of_clerk"

Writes its port to DIRECTORY/port once it listens, and the path of every request as a line to DIRECTORY/requests.
"""
import http.server
import json
import pathlib
import sys
import threading
import time

DIRECTORY = pathlib.Path(sys.argv[1])
LOCK = threading.Lock()
HOLD = 30


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with LOCK, open(DIRECTORY / "requests", "a") as file:
            file.write(self.path + "\n")
        tenant, _, rest = self.path.strip("/").partition("/")
        base = f"http://127.0.0.1:{self.server.server_port}"
        if rest == ".well-known/openid-configuration":
            return self.answer(200, json.dumps({"issuer": f"{base}/{tenant}", "jwks_uri": f"{base}/{tenant}/jwks"}).encode())
        if self.path == "/elsewhere":
            return self.answer(200, (DIRECTORY / "redirect.jwks").read_bytes())
        if self.path == "/clerk/v1/jwks":
            if self.headers.get("Authorization") != "Bearer sk_test_of_clerk":
                return self.answer(401)
        elif rest != "jwks":
            return self.answer(404)
        keys = DIRECTORY / f"{tenant}.jwks"
        mode = DIRECTORY / f"{tenant}.mode"
        mode = mode.read_text() if mode.exists() else "ok"
        if mode == "error":
            return self.answer(500)
        if mode == "html":
            return self.answer(200, b"<html>" + keys.read_bytes(), Content_Type="text/html")
        if mode == "redirect":
            return self.answer(302, Location=f"{base}/elsewhere")
        if mode == "huge":
            return self.answer(200, keys.read_bytes() + b" " * (5 << 20))
        if mode == "slow":
            time.sleep(HOLD)
        return self.answer(200, keys.read_bytes(), Content_Type="application/json", Cache_Control="public, max-age=300")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that hangs up in mid-answer is what some cases are about


server = Server(("127.0.0.1", int(sys.argv[2])), Handler)
(DIRECTORY / "port.new").write_text(str(server.server_port))
(DIRECTORY / "port.new").rename(DIRECTORY / "port")
server.serve_forever()
