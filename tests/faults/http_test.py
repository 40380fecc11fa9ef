#!/usr/bin/env python3
"""Cases 34, 40 and 41: paths that would leave their root, playlists polled while segments come and go, and headers that lie about who asks."""
import http.client
import re
import threading
import time

from wire import Peer  # noqa: F401  (sets the path of the harness)
from oracle import no_secret_in_logs
from stack import Stack, check, fetch, main, make_clip, wait_for

TRAVERSALS = ("/../../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "/%252e%252e/etc/passwd", "/..;/etc/passwd", "/..\\..\\etc\\passwd",
              "/%00", "//etc/passwd", "/live/../../etc/passwd", "/live/%2e%2e/%2e%2e/etc/passwd", "/live/x/../../../secrets.env",
              "/live/" + "a" * 65536, "/live/<script>alert(1)</script>/index.m3u8")
FILE_TRAVERSALS = ("..%2f..%2fsecrets.env", "%2e%2e%2fsecrets.env", "..%5csecrets.env", "secrets.env%00.mp4", "..", ".", "%2fetc%2fpasswd")


def raw(port, path):
    """The answer to a path sent as it is: urllib would tidy it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest("GET", path, skip_host=False)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (http.client.HTTPException, OSError):
        return 0, b""  # cut off: as good a refusal
    finally:
        connection.close()


def traversal(stack):
    ports = [int(re.search(r":(\d+)", stack.info[name].split("//")[1]).group(1)) for name in ("hls_url", "api_url")]
    for port in ports:
        for path in TRAVERSALS:
            status, body = raw(port, path)
            check(status in (0, 400, 404, 410, 414, 431), f"{path[:60]}: {status}")
            check(b"root:" not in body and b"MILLRACE_SECRET" not in body and b"<script>" not in body, f"{path[:60]} leaks")
    for name in FILE_TRAVERSALS:
        status, body = raw(ports[1], "/api/vod/file/" + name)
        check(status in (0, 400, 404), f"vod {name}: {status}")
        check(b"SECRET" not in body, f"vod {name} leaks")


def poll(stack, stop, wrong):
    while not stop.is_set():
        playlist = stack.playlist()
        for number, url, *_ in playlist.segments if playlist else ():
            status, headers, body = fetch(url)
            if status != 200 or int(headers["Content-Length"]) != len(body):
                wrong.append((number, status, len(body)))


def answers(stack):
    playlist = stack.playlist()
    number, url, *_ = playlist.segments[-1]
    status, headers, body = fetch(url)
    check(status == 200 and "max-age" in headers["Cache-Control"], f"segments may be cached: {headers}")
    status, ranged, part = fetch(url, {"Range": "bytes=10-19"})
    check(status == 206 and part == body[10:20] and ranged["Content-Range"] == f"bytes 10-19/{len(body)}", "a range")
    status, headers, empty = fetch(url, method="HEAD")
    check(status == 200 and int(headers["Content-Length"]) == len(body) and not empty, "HEAD")
    check(fetch(url, {"Range": f"bytes={len(body)}-"})[0] == 416, "a range beyond the end")
    check(fetch(stack.info["hls_url"].replace(stack.stream_id, "nobody"))[0] == 404, "an unknown stream is 404")
    never = url.replace(f"/{number}-", f"/{playlist.media_sequence - 1000}-")
    check(never != url and fetch(never)[0] == 404, f"a segment that never was is 404: {fetch(never)[0]}")
    check(fetch(url.replace(f"/{number}-", f"/{number + 1000}-"))[0] == 404, "a segment of the future is 404")


def strangers(stack):
    """41: an evil origin, another host's name, a forged address, a callback's name: none of it comes back or counts."""
    api = stack.info["api_url"].rstrip("/")
    token = stack.info["token"]
    evil = {"Origin": "https://evil.example", "Host": "evil.example", "X-Forwarded-For": "203.0.113.77", "X-Forwarded-Host": "evil.example",
            "Forwarded": "for=203.0.113.77;host=evil.example", "X-Real-IP": "203.0.113.77"}
    urls = {stack.info["hls_url"]: {}, stack.info["hls_url"].replace("index", "master"): {}, stack.playlist().segments[-1][1]: {},
            f"{api}/api/stream/status/{stack.stream_id}": {}, f"{api}/api/vod/list": {}, f"{api}/watch/{stack.stream_id}": {}, f"{api}/nothing": {},
            f"{api}/api/stream/key": {"Authorization": f"Bearer {token}"}}
    for url, own in urls.items():
        plain = fetch(url, own)[0]
        for method in ("GET", "OPTIONS"):
            status, headers, body = fetch(f"{url}?callback=alert(1)//&jsonp=alert(1)//", {**own, **evil, "Access-Control-Request-Method": "GET"}, method)
            check(method == "OPTIONS" or status == plain, f"{url}: {status}, {plain} without")
            check("evil.example" not in str(headers), f"{url} reflects a stranger's origin or host: {headers}")
            check("Access-Control-Allow-Credentials" not in headers, f"{url} lets strangers use credentials")
            check(b"evil.example" not in body and b"alert(1)" not in body and b"203.0.113.77" not in body, f"{url} repeats what it was told: {body[:300]}")
    check(fetch(f"{api}/api/stream/key", evil)[0] == 401, "a forged address opens nothing")
    for log in (stack.home / "logs").rglob("current"):
        check("203.0.113.77" not in log.read_text(errors="replace"), f"{log.parent.name} takes a forged address for the peer's")


def delivery():
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=40)
        publisher = stack.publish(clip)
        wait_for(stack.playlist, "a playlist")
        traversal(stack)
        answers(stack)
        strangers(stack)
        stop, wrong = threading.Event(), []
        threads = [threading.Thread(target=poll, args=(stack, stop, wrong)) for _ in range(4)]
        for thread in threads:
            thread.start()
        publisher.wait(timeout=90)
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join()
        check(not wrong, f"{len(wrong)} bad answers for listed segments: {wrong[:5]}")
        no_secret_in_logs(stack)


main(delivery)
