#!/usr/bin/env python3
"""ws_clients.py PORT CLIENTS SECONDS [STALLED]: opens so many WebSockets of the live feed from addresses 127.0.1.x, reads their updates
for so long and prints {"updates", "p50_ms", "p99_ms", "max_ms", "short"} as JSON. An update's delay is from the moment when the first of all
clients has it; this program's own time is in it. STALLED further clients never read. "short": clients that missed updates."""
import base64
import json
import os
import re
import resource
import select
import socket
import sys
import time

PER_ADDRESS = 250


def connect(port, number):
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.bind((f"127.0.1.{1 + number // PER_ADDRESS}", 0))
    client.connect(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall((f"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                    "Sec-WebSocket-Version: 13\r\n\r\n").encode())
    answer = client.recv(4096)
    if b" 101 " not in answer.split(b"\r\n", 1)[0]:
        raise SystemExit(f"client {number}: {answer[:100]!r}")
    return client


def main():
    port, count, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    stalled = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asleep = []
    for number in range(stalled):
        asleep.append(connect(port, count + number))
        asleep[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    poll = select.epoll()
    clients = {}
    for number in range(count):
        client = connect(port, number)
        client.setblocking(False)
        clients[client.fileno()] = client
        poll.register(client, select.EPOLLIN)
    print(json.dumps({"connected": count}), flush=True)
    sys.stdin.readline()
    seen = dict.fromkeys(clients, 0)
    delays, first, pattern = [], {}, re.compile(rb'"lastUpdated":(\d+)')
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for descriptor, _ in poll.poll(0.2):
            try:
                data = clients[descriptor].recv(65536)
            except BlockingIOError:
                continue
            if not data:
                raise SystemExit("a client was cut off")
            now = time.monotonic() * 1000
            stamps = pattern.findall(data)
            seen[descriptor] += len(stamps)
            delays += [now - first.setdefault(stamp, now) for stamp in stamps]
    delays.sort()
    least = int(seconds) - 3
    print(json.dumps({"updates": len(delays), "p50_ms": delays[len(delays) // 2], "p99_ms": delays[len(delays) * 99 // 100],
                      "max_ms": delays[-1], "short": sum(1 for n in seen.values() if n < least)}))


if __name__ == "__main__":
    main()
