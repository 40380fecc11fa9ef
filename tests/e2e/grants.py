"""Calls about private streams: visibility, signed URLs, viewer keys. And the parts of a playlist as objects to fetch."""
import base64
import hashlib
import hmac
import json
import re
import struct
import urllib.error
import urllib.parse
import urllib.request

from stack import check, fetch


def api(stack, method, path, body=None, token=True, expect=200):
    """The document of an answer with the expected status. token: True is the owner's, None nobody's."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = "Bearer " + (stack.info["token"] if token is True else token)
    made = urllib.request.Request(stack.info["api_url"] + path, data=None if body is None else json.dumps(body).encode(), headers=headers,
                                  method=method)
    try:
        with urllib.request.urlopen(made, timeout=15) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read()
    check(status == expect, f"{method} {path}: {status} instead of {expect}: {text[:300]}")
    return json.loads(text)


def make_private(stack, yes=True):
    return api(stack, "POST", f"/api/stream/visibility/{stack.stream_id}", {"private": yes})


def signed(stack, **options):
    """The token of a URL that the owner signed."""
    return api(stack, "POST", f"/api/stream/playback/{stack.stream_id}", options)["token"]


def forged(secret, stream_id, expires, network=None):
    """A token as libs/playback makes it; with another secret, time or address than anybody would be given."""
    key = hmac.new(secret.encode(), b"millrace playback token 1", hashlib.sha256).digest()
    key_id = hmac.new(key, b"key id", hashlib.sha256).digest()[:1]
    body = b"\x01" + key_id + struct.pack(">IBB", expires, 1 if network else 0, len(stream_id)) + stream_id.encode() + (network or b"")
    code = hmac.new(key, body, hashlib.sha256).digest()[:16]
    return base64.urlsafe_b64encode(body + code).rstrip(b"=").decode()


def secrets(stack):
    return dict(line.split("=", 1) for line in (stack.home / "secrets.env").read_text().split())


def hls_objects(stack, token):
    """The paths of everything that a playlist with this token leads to, without queries."""
    base = stack.info["hls_url"].rsplit("/", 1)[0]
    found = [f"{base}/index.m3u8", f"{base}/master.m3u8"]
    for name in names_in(f"{base}/index.m3u8", token):
        found.append(f"{base}/{name}")
        found += [urllib.parse.urljoin(f"{base}/{name}", object) for object in names_in(f"{base}/{name}", token)]
    check(len([url for url in found if url.endswith(".m4s")]) >= 2, f"picture and sound: {found}")
    return found


def names_in(url, token):
    """What a playlist names and has, without the token that each name has: not its gaps."""
    status, headers, body = fetch(f"{url}?token={token}")
    check(status == 200, f"{url} with its token: {status}")
    check("public" not in headers["Cache-Control"] and "no-store" in headers["Cache-Control"], f"not to be cached: {headers['Cache-Control']}")
    text = body.decode()
    gaps = re.findall(r"^#EXT-X-GAP\n(?:#.*\n)*(.+)$", text, re.M)
    uris = [uri for uri in re.findall(r'URI="([^"]+)"', text) + re.findall(r"^[^#\s].*$", text, re.M) if uri not in gaps]
    check(len(uris) >= 2 and all(uri.endswith("?token=" + token) for uri in uris), f"every URI has the token: {uris}")
    # Other lists, and what is not there (yet).
    elsewhere = re.findall(r'^#EXT-X-(?:RENDITION-REPORT|PRELOAD-HINT):.*URI="([^"]+)"|^#EXT-X-PART:.*URI="([^"]+)",GAP=YES', text, re.M)
    return sorted({uri.split("?")[0] for uri in set(uris) - {uri for pair in elsewhere for uri in pair}})
