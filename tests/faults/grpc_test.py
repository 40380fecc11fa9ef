#!/usr/bin/python3
"""Case 50 at the gRPC port: unknown methods, messages and metadata without measure, deadlines of a millisecond, streams that are
reset at once, floods of SETTINGS and PING, calls that never end, reflection where it is off. Beside them a client that is served."""
import contextlib
import json
import re
import socket
import subprocess
import time

from wire import Peer  # noqa: F401  (sets the path of the harness)
from oracle import Oracle
from stack import PATIENCE, ROOT, Failure, Stack, check, lacks, main, need, wait_for

try:
    import h2.config
    import h2.connection
    import h2.errors
    import h2.events
    import h2.exceptions
except ImportError:
    lacks("python3-h2")

CLIENT = ROOT / "tests/e2e/grpc_client.mjs"
STATUS = "/marchproxy.ModuleService/GetStatus"


def client_codes(port):
    result = subprocess.run(["node", str(CLIENT), f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=60 * PATIENCE)
    check(result.returncode == 0, f"a good client is not served: {result.stderr}")
    return json.loads(result.stdout)


class Connection:
    """HTTP/2 by hand: what h2 itself forbids is written as raw frames."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10 * PATIENCE)
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config=config)
        self.h2.initiate_connection()
        self.closed = False
        self.flush()

    def flush(self):
        data = self.h2.data_to_send()
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True

    def write(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True

    def open(self, path, *fields, end=False):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
                                      ("content-type", "application/grpc"), ("te", "trailers"), *fields], end_stream=end)
        return stream

    def events(self, seconds=1.0):
        """What came until silence or the end."""
        found = []
        self.socket.settimeout(seconds * PATIENCE)
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            while not self.closed:
                data = self.socket.recv(1 << 16)
                if not data:
                    self.closed = True
                    break
                found += self.h2.receive_data(data)
                self.flush()
        return found

    def status(self, path, *fields, body=b"\0\0\0\0\0"):
        """The call's grpc-status; "reset" and "closed" when there was none."""
        stream = self.open(path, *fields)
        self.h2.send_data(stream, body, end_stream=True)
        self.flush()
        deadline = time.monotonic() + 10 * PATIENCE
        while time.monotonic() < deadline and not self.closed:
            for event in self.events(0.2):
                if isinstance(event, (h2.events.TrailersReceived, h2.events.ResponseReceived)) and event.stream_id == stream:
                    fields = dict(event.headers)
                    if "grpc-status" in fields:
                        return int(fields["grpc-status"])
                if isinstance(event, h2.events.StreamReset) and event.stream_id == stream:
                    return "reset"
        return "closed" if self.closed else "silent"

    def close(self):
        self.socket.close()


def frame(kind, payload=b"", flags=0, stream=0):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def goaway(events):
    return any(isinstance(event, h2.events.ConnectionTerminated) for event in events)


def single_calls(port):
    peer = Connection(port)
    check(peer.status(STATUS) == 0, "a call by hand")
    check(peer.status("/marchproxy.ModuleService/Nothing") == 12, "unknown method: UNIMPLEMENTED")
    check(peer.status("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo") == 12, "reflection is off: UNIMPLEMENTED")
    check(peer.status(STATUS, body=b"\0" + (5 << 20).to_bytes(4, "big")) in (8, 12, 13), "a length of 5 MiB without its bytes")
    check(peer.status(STATUS, ("grpc-timeout", "1n")) in (0, 4, "reset"), "a deadline that is over")
    check(peer.status(STATUS, ("grpc-timeout", "nonsense")) in (0, 3, 13, "reset"), "a deadline that is none")
    check(peer.status(STATUS) == 0, "a call after all that")
    peer.close()


def rapid_reset(port):
    peer = Connection(port)
    for burst in range(100):
        data = b""
        for _ in range(100):
            with contextlib.suppress(h2.exceptions.ProtocolError):
                stream = peer.open(STATUS)
                data += peer.h2.data_to_send()
                peer.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                data += peer.h2.data_to_send()
        peer.write(data)
        if peer.closed:
            break
    peer.events(0.5)
    peer.close()


def floods(port):
    """A server may answer or send away; the flood must not cost memory. Nothing is read meanwhile."""
    for kind, payload in ((6, b"pingpong"), (4, b"\0\3\0\0\0\1"), (4, b"")):
        peer = Connection(port)
        peer.events(0.2)
        peer.socket.settimeout(5 * PATIENCE)
        for _ in range(100):
            peer.write(frame(kind, payload) * 1000)
            if peer.closed:
                break
        if kind == 6:
            check(goaway(peer.events(2)) or peer.closed, "a flood of PING is sent away")
        peer.close()


def endless_calls(port):
    """Calls that never say that they are whole: as many as a connection may have, on many connections."""
    peers = []
    for _ in range(20):
        peer = Connection(port)
        for _ in range(100):
            peer.open(STATUS)
        peer.flush()
        peers.append(peer)
    check(Connection(port).status(STATUS) == 0, "another client beside calls without end")
    peers[0].events(0.5)
    check(peers[0].h2.remote_settings.max_concurrent_streams == 100, "a connection's calls are limited")
    for peer in peers:
        peer.close()


def garbage(port):
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 4096, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(0, b"x" * 100, 0, 1),
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 4096):
        with socket.create_connection(("127.0.0.1", port), timeout=5 * PATIENCE) as peer, contextlib.suppress(OSError):
            peer.sendall(data)
            while peer.recv(65536):
                pass


def grpc():
    need("node", "@grpc/grpc-js")
    with Stack() as stack:
        port = int(re.search(r"RTMP_GRPC_PORT=(\d+)", (stack.home / "run/metrics.ports").read_text()).group(1))
        first = client_codes(port)
        errors = first["errors"]
        check(errors["large"] == 8 and errors["metadata"] == 8 and errors["past"] == 4, f"{errors}")
        oracle = Oracle(stack, "metrics")
        # What a burst took is given back with the next second's beat.
        growth = 32 * 1024
        for name, case in (("single calls", single_calls), ("10,000 streams reset at once", rapid_reset), ("floods", floods),
                           ("calls without end", endless_calls), ("no HTTP/2", garbage)):
            with oracle.case(name, growth_kib=growth):
                case(port)
                wait_for(lambda: oracle.resident() - oracle.memory < growth, f"{name}: memory to be given back", 15)
                check(client_codes(port)["GetStatus"]["status"] in ("healthy", "degraded"), f"after {name} a good client is served")
        print(f"  memory: {oracle.memory} KiB before, {oracle.resident()} KiB after")


main(grpc)
