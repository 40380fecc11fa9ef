#!/usr/bin/env python3
"""nginx before packaging, with the very configuration of docs/examples/nginx-delivery.conf: TLS and HTTP/2, and one request at the origin
for whatever many viewers want at once: playlists, those that block, parts, what is not there."""
import re
import subprocess
import time
import urllib.parse

from fronts import Origin, all_at_once, ask, nginx
from stack import Stack, check, fetch, main, make_clip, wait_for

VIEWERS = 60


def one_request(origin, urls, what, status=200, for_a_second=False, most=1):
    """for_a_second: it is kept no longer, and a slow machine takes longer to ask."""
    before, begun = origin.requests(), time.monotonic()
    answers = all_at_once(urls)
    seconds, asked = int(time.monotonic() - begun), origin.requests() - before
    check({answer[0] for answer in answers} == {status}, f"{what}: {sorted({answer[0] for answer in answers})}")
    check(len({answer[2] for answer in answers}) <= asked, f"{what}: all have the same bytes")
    most = 2 + seconds if for_a_second else most
    check(1 <= asked <= most, f"{what}: {asked} requests at the origin for {len(urls)} viewers in {seconds} s")
    return answers[0]


class Stream:
    def __init__(self, stack, base):
        self.stack, self.base = stack, f"{base}/live/{stack.stream_id}"
        self.direct = stack.info["hls_url"].rsplit("/", 1)[0]

    def list_text(self):
        """Asked of the origin itself, so that nothing is in the cache by it."""
        return fetch(f"{self.direct}/v0/index.m3u8")[2].decode()

    def newest(self):
        text = self.list_text()
        return int(re.search(r"^#EXT-X-MEDIA-SEQUENCE:(\d+)$", text, re.M).group(1)) + text.count("#EXTINF") - 1


def playlists(stream, origin):
    _, headers, _ = one_request(origin, [f"{stream.base}/v0/index.m3u8"] * VIEWERS, "a playlist", for_a_second=True)
    seconds = int(re.search(r"max-age=(\d+)", headers["Cache-Control"]).group(1))
    check(ask(f"{stream.base}/v0/index.m3u8")[1]["X-Cache"] in ("HIT", "EXPIRED", "REVALIDATED", "MISS"), "the cache says what it did")
    time.sleep(seconds + 1)
    before = origin.requests()
    check(ask(f"{stream.base}/v0/index.m3u8")[1]["X-Cache"] != "HIT" and origin.requests() == before + 1, f"it is kept for {seconds} s")
    one_request(origin, [f"{stream.base}/index.m3u8?CMCD=sid%3D%22{number}%22" for number in range(VIEWERS)], "a multivariant playlist, by who asks",
                for_a_second=True)


def codings(stream):
    url = f"{stream.base}/a0/index.m3u8"
    plain, packed = ask(url), ask(url, {"Accept-Encoding": "br, gzip;q=0.9"})
    check(plain[1]["Content-Encoding"] is None and plain[2].startswith(b"#EXTM3U"), "a plain playlist")
    check(packed[1]["Content-Encoding"] == "gzip" and packed[2].startswith(b"\x1f\x8b"), f"a compressed one: {packed[1]}")
    check(ask(url, {"Accept-Encoding": "gzip;q=0, br"})[1]["Content-Encoding"] is None, "not for who refuses it")


def blocking(stream, origin):
    target = stream.newest() + 2
    queries = [f"?_HLS_msn={target}", f"?CMCD=bl%3D2100&_HLS_msn={target}", f"?_HLS_msn={target}&CMCD=bs,sid%3D%22x%22"]
    urls = [f"{stream.base}/v0/index.m3u8{queries[number % 3]}" for number in range(VIEWERS)]
    _, headers, text = one_request(origin, urls, "a blocking playlist")
    last = int(re.search(rb"^#EXT-X-MEDIA-SEQUENCE:(\d+)$", text, re.M).group(1)) + text.count(b"#EXTINF") - 1
    check(last >= target, f"it has segment {target}: {last}")
    check("max-age" in headers["Cache-Control"], f"{headers['Cache-Control']}")
    check(ask(urls[0])[1]["X-Cache"] == "HIT", "and stays in the cache")


def media(stream, origin):
    text = stream.list_text()
    name = [line for line in text.splitlines() if line.endswith(".m4s") and not line.startswith("#")][-1]
    init = re.search(r'EXT-X-MAP:URI="([^"]+)"', text).group(1)
    # Of a segment nobody waits for another one's answer: who asks before the first one is there goes to the origin.
    for what, name_of, most in (("a segment", name, VIEWERS), ("an init segment", init, 1)):
        _, headers, body = one_request(origin, [f"{stream.base}/v0/{name_of}"] * VIEWERS, what, most=most)
        check("immutable" in headers["Cache-Control"], f"{what}: {headers['Cache-Control']}")
        before = origin.requests()
        status, _, part = ask(f"{stream.base}/v0/{name_of}", {"Range": "bytes=10-19"})
        check(status == 206 and part == body[10:20] and origin.requests() == before, f"a range of {what} from the cache: {status}")


def parts(stream, origin):
    """The part that is being made, as every player at the live edge asks for it."""
    hint = re.search(r'EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"', stream.list_text())
    check(hint, "the playlist hints at a part")
    _, headers, _ = one_request(origin, [f"{stream.base}/v0/{hint.group(1)}"] * VIEWERS, "the hinted part")
    check("immutable" in headers["Cache-Control"], f"a part: {headers['Cache-Control']}")


def missing(stream, origin):
    name = f"{stream.base}/v0/nothing.m4s"
    one_request(origin, [name] * VIEWERS, "what is not there", 404, for_a_second=True)
    time.sleep(2.5)
    before = origin.requests()
    check(ask(name)[0] == 404 and origin.requests() == before + 1, "which is asked for again a second later")


def refused(stream, origin):
    url = f"{stream.base}/v0/index.m3u8?_HLS_msn={stream.newest() + 1000}"
    before = origin.requests()
    answers = [ask(url) for _ in range(3)]
    check([answer[0] for answer in answers] == [400] * 3 and origin.requests() == before + 3, "no refusal is kept")


def private(stream, origin):
    before = origin.requests()
    answers = [ask(f"{stream.base}/v0/index.m3u8?token=mine") for _ in range(3)]
    check([answer[1]["X-Cache"] for answer in answers] == ["BYPASS"] * 3 and origin.requests() == before + 3, "what needs a token is nobody else's")


def cache_said(stream, path):
    """What the cache did with a request whose line has this very text behind the stream's address."""
    result = subprocess.run(["curl", "--silent", "--insecure", "--dump-header", "-", "--output", "/dev/null", "--request-target", urllib.parse.urlsplit(stream.base).path + path,
                             stream.base], capture_output=True, text=True, check=True, timeout=60)
    return re.search(r"^x-cache: (\S+)", result.stdout, re.M | re.I).group(1)


def usual(stream):
    """Each way in which players ask for something is kept."""
    newest = stream.newest()
    name = [line for line in stream.list_text().splitlines() if line.endswith(".m4s") and not line.startswith("#")][-1]
    blocking = [f"?_HLS_msn={newest}", f"?_HLS_msn={newest}&_HLS_part=0", f"?_HLS_msn={newest}&_HLS_skip=YES", f"?_HLS_msn={newest}&_HLS_part=0&_HLS_skip=v2"]
    queries = ["", "?ll=0", "?_HLS_skip=YES", "?_HLS_skip=v2", *blocking, "?CMCD=a", "?CMCD=a&ll=0", f"?_HLS_msn={newest}&CMCD=a&_HLS_part=0"]
    for path in [f"/v0/index.m3u8{query}" for query in queries] + ["/index.m3u8", "/master.m3u8?ll=0", f"/v0/{name}", f"/v0/{name}?CMCD=a"]:
        wait_for(lambda: cache_said(stream, path) == "HIT", f"{path} to be kept", 5)
    check(ask(f"{stream.base}/v0/{name}", {"Accept-Encoding": "gzip"})[1]["X-Cache"] == "HIT", "a segment is kept once for all codings")


def strange(stream):
    """Whatever the origin could read otherwise than the cache does, or what only looks like another object, is neither kept nor answered from the cache."""
    newest = stream.newest()
    name = [line for line in stream.list_text().splitlines() if line.endswith(".m4s") and not line.startswith("#")][-1]
    queries = [f"?_hls_msn={newest}&_HLS_msn={newest - 1}", f"?_HLS_msn={newest}&_HLS_msn={newest - 1}", f"?_HLS_ms%6E={newest - 1}", "?%5FHLS_skip=YES", "?l%6C=0",
               "?ll=0#x", "?LL=0", "?ll=1", "?_HLS_skip=yes", f"?_HLS_part=0&_HLS_msn={newest}", f"?_HLS_msn=0{newest}", "?whoever=1", "?CMCD=a&CMCD=b", "?XCMCD=a",
               "?token=x", "?"]
    others = ["//v0/index.m3u8", "/v0/../v0/index.m3u8", "/%760/index.m3u8", "/v0/index.m3u8#x", "/v0/index.m3u8%3Fll=0"]
    segments = [f"/v0/{name}{query}" for query in ("?ll=0", "?_HLS_msn=1", "?token=x", "?x")]
    for path in [f"/v0/index.m3u8{query}" for query in queries] + others + segments:
        said = [cache_said(stream, path) for _ in range(2)]
        check(said == ["BYPASS", "BYPASS"], f"{path}: {said}")
    whole = ask(f"{stream.base}/v0/index.m3u8")[2]
    check(b"#EXT-X-PART:" in whole and b"#EXT-X-SKIP" not in whole, "the list is everybody's")
    check(ask(f"{stream.base}/v0/{name}", {"Authorization": "Bearer x"})[1]["X-Cache"] == "BYPASS", "nor with a bearer token")


def limited(stream):
    """Past the cache an address has so many requests; what is in it is there for all the same."""
    time.sleep(3)  # what the tests before have used is given back
    result = subprocess.run(["curl", "--silent", "--insecure", "--http2", "--parallel", "--parallel-max", "50", "--output", "/dev/null", "--write-out", "%{http_code}\n",
                             f"{stream.base}/index.m3u8?token=[1-600]"], capture_output=True, text=True, timeout=60)
    codes = result.stdout.split()
    check(codes.count("200") >= 100 and codes.count("429") > 0 and set(codes) == {"200", "429"}, f"past the cache: {sorted(set(codes))}, {codes.count('200')} answered")
    check(ask(f"{stream.base}/index.m3u8")[0] == 200, "a list from the cache")


def http2(stream):
    """Many streams of one connection; and one that blocks holds up none of them."""
    msn = stream.newest() + 2
    waiting = [f"{stream.base}/v0/index.m3u8?_HLS_msn={msn}"]
    names = [f"{stream.base}/{rendition}/index.m3u8" for rendition in ("v0", "a0")] * 5
    command = ["curl", "--silent", "--insecure", "--http2", "--parallel", "--parallel-max", "20", "--write-out", "%{http_version} %{http_code}\n"]
    for url in waiting + names:
        command += ["--output", "/dev/null", url]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split("\n")
    check(lines.count("2 200") == len(names) + 1, f"HTTP/2: {lines}")


def test():
    # A few seconds of a low-latency stream; all viewers of the test come from one address.
    with Stack(TRUSTED_PROXIES="127.0.0.1", HLS_CONNECTIONS_PER_ADDRESS="0") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        stack.publish(clip, loop=-1)
        wait_for(lambda: (lambda found: found and len(found.segments) >= 3)(stack.playlist(rendition="v0")), "a playlist", 40)
        origin_port = re.search(r":(\d+)/", stack.info["hls_url"].split("//")[1]).group(1)
        with nginx(origin_port) as base:
            stream, origin = Stream(stack, base), Origin(stack)
            playlists(stream, origin)
            codings(stream)
            blocking(stream, origin)
            media(stream, origin)
            parts(stream, origin)
            missing(stream, origin)
            refused(stream, origin)
            private(stream, origin)
            usual(stream)
            strange(stream)
            limited(stream)
            http2(stream)


main(test)
