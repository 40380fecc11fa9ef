"""RTMP by hand, for what no real encoder would send: handshake, chunks and AMF0 as bytes, and FLV files as lists of tags."""
import os
import pathlib
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from stack import Failure  # noqa: E402


def number(value):
    return b"\x00" + struct.pack(">d", value)


def string(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return b"\x02" + struct.pack(">H", len(raw)) + raw


def objects(**properties):
    body = b"".join(struct.pack(">H", len(k)) + k.encode() + (string(v) if isinstance(v, (str, bytes)) else number(v))
                    for k, v in properties.items())
    return b"\x03" + body + b"\x00\x00\x09"


NULL = b"\x05"


def chunk(kind, payload, csid=3, message_stream=0, timestamp=0, fmt=0, size=4096, length=None):
    """One message as chunks of `size`; fmt is the header type of the first."""
    header = basic_header(fmt, csid)
    field = min(timestamp, 0xFFFFFF)
    if fmt <= 2:
        header += struct.pack(">I", field)[1:]
    if fmt <= 1:
        header += struct.pack(">I", len(payload) if length is None else length)[1:] + bytes([kind])
    if fmt == 0:
        header += struct.pack("<I", message_stream)
    extended = struct.pack(">I", timestamp) if timestamp >= 0xFFFFFF else b""
    out = header + extended + payload[:size]
    for start in range(size, len(payload), size):
        out += basic_header(3, csid) + extended + payload[start:start + size]
    return out


def basic_header(fmt, csid):
    if csid < 64:
        return bytes([fmt << 6 | csid])
    if csid < 320:
        return bytes([fmt << 6, csid - 64])
    return bytes([fmt << 6 | 1, (csid - 64) & 0xFF, (csid - 64) >> 8])


def control(kind, value):
    return chunk(kind, struct.pack(">I", value), csid=2)


class Peer:
    """A TCP connection to the RTMP port. Sends what it is told; reads only far enough to answer questions.
    source: one of this machine's loopback addresses; before: bytes ahead of everything (a PROXY header); tls: RTMPS."""

    def __init__(self, port, timeout=10, source="127.0.0.1", before=b"", tls=False):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))
        self.received = b""
        self.publishing = False
        if before:
            self.socket.sendall(before)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.unpublish()
        self.socket.close()

    def unpublish(self):
        """Says that it has ended, as an encoder that is stopped does: one that is cut off is awaited for a while."""
        if not self.publishing:
            return
        self.publishing = False
        try:
            self.command("deleteStream", 4, NULL, number(1)).expect(b"NetStream.Unpublish", seconds=2)
        except (OSError, Failure):
            pass

    def send(self, data):
        self.socket.sendall(data)
        return self

    def handshake(self):
        self.send(b"\x03" + bytes(8) + os.urandom(1528))
        answer = self.read_exactly(1 + 1536 + 1536)
        return self.send(answer[1:1537])

    def read_exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionError("closed by the server")
            data += part
        return data

    def command(self, name, transaction, *arguments, message_stream=0):
        return self.send(chunk(20, string(name) + number(transaction) + b"".join(arguments), message_stream=message_stream))

    def connect(self, app="live", **properties):
        self.send(control(1, 4096))
        self.command("connect", 1, objects(app=app, flashVer="FMLE/3.0", tcUrl=f"rtmp://127.0.0.1/{app}", **properties))
        return self.expect(b"NetConnection.Connect.Success")

    def publish(self, key, app="live"):
        self.handshake().connect(app)
        self.command("createStream", 2, NULL).expect(b"_result")
        return self.publish_command(key).expect(b"NetStream.Publish.Start")

    def publish_command(self, key):
        self.publishing = True
        return self.command("publish", 3, NULL, string(key), string("live"), message_stream=1)

    def play(self, name, app="live"):
        self.handshake().connect(app)
        self.command("createStream", 2, NULL).expect(b"_result")
        self.command("play", 3, NULL, string(name), message_stream=1)
        return self.expect(b"NetStream.Play.Start")

    def expect(self, text, seconds=10):
        """Reads until the text has come. The rest stays unread or is dropped: good enough for status codes."""
        deadline = time.monotonic() + seconds
        while text not in self.received:
            if time.monotonic() > deadline:
                raise Failure(f"no {text!r} in {self.received[-300:]!r}")
            part = self.socket.recv(65536)
            if not part:
                raise ConnectionError(f"closed before {text!r}: {self.received[-300:]!r}")
            self.received += part
        self.received = self.received[self.received.index(text) + len(text):]
        return self

    def is_closed(self, seconds=10):
        """True when the server ends the connection within the time (what it still sends is dropped)."""
        deadline = time.monotonic() + seconds
        try:
            while (left := deadline - time.monotonic()) > 0:
                self.socket.settimeout(left)
                if not self.socket.recv(65536):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True
        return False

    def drain(self, seconds=0.2):
        """Reads what is there; an ended connection is fine."""
        try:
            self.socket.settimeout(seconds)
            while self.socket.recv(65536):
                pass
        except OSError:
            pass

    def media(self, tag, timestamp=None):
        kind, time_ms, body = tag
        return self.send(chunk(kind, body, csid={8: 4, 9: 6, 18: 5}[kind], message_stream=1,
                               timestamp=(time_ms if timestamp is None else timestamp) & 0xFFFFFFFF))

    def reset(self):
        """Ends the connection with a RST, as a pulled cable behind a NAT does in the end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def flv_tags(path):
    """[(type, timestamp ms, body)]"""
    data = pathlib.Path(path).read_bytes()
    tags, at = [], 13
    while at + 11 <= len(data):
        kind, size = data[at], int.from_bytes(data[at + 1:at + 4], "big")
        stamp = int.from_bytes(data[at + 4:at + 7], "big") | data[at + 7] << 24
        tags.append((kind, stamp, data[at + 11:at + 11 + size]))
        at += 11 + size + 4
    return tags


def is_header(tag):
    """A sequence header, an end of sequence or metadata: no frame."""
    kind, _, body = tag
    return kind == 18 or (kind == 9 and body[1] != 1) or (kind == 8 and body[0] >> 4 == 10 and body[1] == 0)


def send_realtime(peer, tags, stamps=None, speed=1.0):
    """Sends the tags at the pace of their own times, with other time stamps where given; drops what the server answers."""
    start, first = time.monotonic(), tags[0][1]
    peer.socket.setblocking(True)
    for index, tag in enumerate(tags):
        due = start + (tag[1] - first) / 1000 / speed
        if (ahead := due - time.monotonic()) > 0:
            time.sleep(ahead)
        peer.media(tag, None if stamps is None else stamps[index])
