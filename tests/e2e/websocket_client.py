"""A WebSocket (RFC 6455) as a client of a server on this machine needs it: text messages, no extensions."""
import base64
import os
import socket
import struct


class Closed(ConnectionError):
    """The server said goodbye."""

    def __init__(self, code):
        super().__init__(f"the WebSocket was closed with {code}")
        self.code = code


class WebSocket:
    def __init__(self, port, timeout=20, path="/", headers=(), source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))
        self.rest = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                             + "".join(f"{line}\r\n" for line in headers) + "\r\n").encode())
        while b"\r\n\r\n" not in self.rest:
            self.fill()
        answer, self.rest = self.rest.split(b"\r\n\r\n", 1)
        if b" 101 " not in answer.split(b"\r\n", 1)[0]:
            raise ConnectionError(f"no WebSocket: {answer[:200]!r}")

    def fill(self):
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("the WebSocket was closed")
        self.rest += part

    def take(self, count):
        while len(self.rest) < count:
            self.fill()
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
        self.socket.sendall(b"\x81" + size + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def recv(self):
        """The next text message; pings and pongs are passed over, a close frame raises Closed."""
        text = b""
        while True:
            first, size = self.take(2)
            size &= 0x7F
            if size == 126:
                size = struct.unpack(">H", self.take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.take(8))[0]
            payload = self.take(size)
            if first & 0x0F == 8:
                raise Closed(struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005)
            if first & 0x0F < 8:
                text += payload
                if first & 0x80:
                    return text.decode()

    def close(self):
        self.socket.close()
