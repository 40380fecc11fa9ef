#!/usr/bin/env python3
"""Private streams for those who were invited: a viewer key lets two devices watch and a third not; ffprobe and Chromium play the
signed URL to the last part; who is revoked is cut. RTMP and FLV too. Nothing is forgotten when services are killed."""
import subprocess
import threading
import time
import urllib.error
import urllib.request

from grants import api, forged, hls_objects, make_private, secrets, signed
from hooks import rtmp
from stack import PATIENCE, ROOT, Stack, check, fetch, main, make_clip, need, wait_for


def redeem(stack, key, device, expect=200, path=""):
    return api(stack, "POST", f"/api/playback/{stack.stream_id}{path}", {"viewerKey": key, "device": device}, token=None, expect=expect)


def devices_are_limited(stack):
    viewer = api(stack, "POST", f"/api/stream/viewers/{stack.stream_id}", {"label": "club", "maxDevices": 2})
    key = viewer["viewerKey"]
    phone, screen = redeem(stack, key, "phone"), redeem(stack, key, "screen")
    third = redeem(stack, key, "tablet", expect=403)
    check(third["type"].endswith("device_limit"), f"the third device: {third}")
    auth = stack.kill("auth")
    stack.wait_ready("auth", other_than=auth)
    check(redeem(stack, key, "tablet", expect=403)["type"].endswith("device_limit"), "also after a restart of auth")
    check(redeem(stack, key, "phone")["streamId"] == stack.stream_id, "the same device renews")
    listed = api(stack, "GET", f"/api/stream/viewers/{stack.stream_id}")["viewers"]
    check([(v["label"], v["activeDevices"]) for v in listed] == [("club", 2)] and "viewerKey" not in listed[0], f"listed: {listed}")
    redeem(stack, key, "screen", path="/release")
    wait_for(lambda: fetch(screen["hlsUrl"])[0] == 403, "the released device's token to be refused")
    redeem(stack, key, "tablet")
    check(redeem(stack, "vk_" + "0" * 32, "phone", expect=403)["type"].endswith("viewer_key"), "a wrong key")
    return viewer, phone


def players_play(stack, grant):
    probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", grant["hlsUrl"]],
                           capture_output=True, text=True, timeout=60 * PATIENCE)
    check(set(probe.stdout.split()) >= {"h264", "aac"}, f"ffprobe: {probe.stdout}{probe.stderr}")
    for url in (grant["rtmpUrl"], grant["flvUrl"]):
        played = subprocess.run(["ffmpeg", "-v", "error", "-rw_timeout", "20000000", "-i", url, "-t", "1", "-f", "null", "-"],
                                capture_output=True, text=True, timeout=60 * PATIENCE)
        check(played.returncode == 0, f"ffmpeg plays with its token: {played.stderr.replace(grant['token'], '…')}")
    refused = subprocess.run(["ffmpeg", "-v", "quiet", "-rw_timeout", "5000000", "-i", grant["rtmpUrl"].split("?")[0], "-t", "1", "-f", "null", "-"],
                             timeout=60 * PATIENCE)
    check(refused.returncode != 0, "RTMP without the token")


def a_browser_plays(stack, grant):
    result = subprocess.run(["node", str(ROOT / "tests/e2e/browser/watch.mjs"), f"{stack.info['watch_url']}?token={grant['token']}", "4"],
                            capture_output=True, text=True, timeout=90 * PATIENCE)
    check(result.returncode == 0, f"the browser: {result.stdout}{result.stderr}")


class Watching(threading.Thread):
    """Reads an FLV without an end; ended is when it did."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.bytes, self.ended = url, 0, None
        self.start()

    def run(self):
        with urllib.request.urlopen(self.url, timeout=30) as answer:
            while part := answer.read1(65536):
                self.bytes += len(part)
        self.ended = time.monotonic()


def revocation_cuts(stack, viewer, grant):
    watching = Watching(grant["flvUrl"])
    wait_for(lambda: watching.bytes > 1000, "FLV to flow")
    objects = hls_objects(stack, grant["token"])
    began = time.monotonic()
    api(stack, "DELETE", f"/api/stream/viewers/{stack.stream_id}/{viewer['viewerId']}")
    wait_for(lambda: all(fetch(f"{url}?token={grant['token']}")[0] == 403 for url in objects), "every object to be refused", interval=0.02)
    print(f"refused {1000 * (time.monotonic() - began):.0f} ms after the viewer key was revoked")
    wait_for(lambda: watching.ended, "the FLV viewer to be cut")
    redeem(stack, viewer["viewerKey"], "phone", expect=403)
    api(stack, "DELETE", f"/api/stream/viewers/{stack.stream_id}/{viewer['viewerId']}", expect=404)
    for service in ("packaging", "auth"):
        old = stack.kill(service)
        stack.wait_ready(service, other_than=old)
        wait_for(lambda: fetch(grant["hlsUrl"])[0] == 403, f"it to be refused also after a restart of {service}")


def a_token_runs_out(stack):
    token = forged(secrets(stack)["PLAYBACK_SECRET"], stack.stream_id, int(time.time()) + 4)
    watching = Watching(f"{stack.info['hls_url'].replace('/index.m3u8', '.flv')}?token={token}")
    last = hls_objects(stack, token)[-1]
    wait_for(lambda: fetch(f"{stack.info['hls_url']}?token={token}")[0] == 401, "the next playlist to be refused")
    check(fetch(f"{last}?token={token}")[0] in (200, 410), "what was listed before may still be fetched")
    wait_for(lambda: watching.ended, "FLV to end with its token")


def recordings_are_for_the_invited(stack, clip):
    """One that was recorded while the stream was private, and one from before: both while it is, the first for good."""
    check(stack.publish(clip, realtime=False).wait(timeout=60) == 0, "a publication that ends")
    recordings = stack.wait_recordings(2)
    token, other = signed(stack), forged(secrets(stack)["PLAYBACK_SECRET"], "abcdefghijkl", int(time.time()) + 60)
    somebody, owner = {"Authorization": "Bearer x.y.z"}, {"Authorization": "Bearer " + stack.info["token"]}
    for recording in recordings:
        url = f"{stack.info['api_url']}/api/vod/file/{recording.name}"
        for what, query, headers, expected in (("nobody", "", {}, 401), ("a bad bearer token", "", somebody, 401), ("the owner", "", owner, 200),
                                               ("a token", f"?token={token}", {}, 200), ("another stream's token", f"?token={other}", {}, 403),
                                               ("a token that has run out", "?token=" + forged(secrets(stack)["PLAYBACK_SECRET"], stack.stream_id, 1), {}, 401)):
            for method in ("GET", "HEAD"):
                status, fields, body = fetch(url + query, headers, method)
                check(status == expected, f"{method} {recording.name} for {what}: {status} instead of {expected}")
                check(status != 200 or "no-store" in fields["Cache-Control"], f"{fields['Cache-Control']} for {what}")
        check(fetch(f"{url}?token={token}", {"Range": "bytes=4-7"})[2] == b"ftyp", "ranges")


def what_was_private_stays_so(stack):
    def status(recording):
        return fetch(f"{stack.info['api_url']}/api/vod/file/{recording.name}")[0]
    first, second = stack.recordings()[:2]
    wait_for(lambda: status(first) == 200, "what was public once to be public again")
    check(status(second) == 401, "what was recorded as private stays private")


def bans_are_for_administrators(stack):
    api(stack, "POST", f"/api/v1/admin/streams/{stack.stream_id}/ban", {}, expect=403)
    api(stack, "POST", f"/api/v1/admin/streams/{stack.stream_id}/ban", {}, token=None, expect=401)


def guessing_is_slowed(stack):
    statuses = set()
    for i in range(200):
        if 429 in statuses:
            break
        made = urllib.request.Request(f"{stack.info['api_url']}/playback/{stack.stream_id}", method="POST",
                                      data=b'{"viewerKey":"vk_%d","device":"x"}' % i, headers={"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(made, timeout=10)
        except urllib.error.HTTPError as error:
            statuses.add(error.code)
            check(error.code != 429 or error.headers["Retry-After"], "429 has Retry-After")
            error.close()
    check(statuses == {403, 429}, f"wrong keys, then to wait: {statuses}")


def test():
    need("chromium", "node", "playwright-core")
    with Stack(HLS_SEGMENT_MS="500") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=10, gop=15)
        check(stack.publish(clip, realtime=False).wait(timeout=60) == 0, "a public publication")
        stack.wait_recordings(1)
        make_private(stack)
        recordings_are_for_the_invited(stack, clip)
        publisher = stack.publish(clip, loop=50)
        owner = signed(stack)
        wait_for(lambda: (p := stack.playlist(f"{stack.info['hls_url']}?token={owner}")) and len(p.segments) >= 3, "three segments")
        check(fetch(stack.info["hls_url"])[0] == 401, "nothing without a token")
        viewer, phone = devices_are_limited(stack)
        players_play(stack, phone)
        a_browser_plays(stack, phone)
        a_token_runs_out(stack)
        revocation_cuts(stack, viewer, phone)
        bans_are_for_administrators(stack)
        guessing_is_slowed(stack)
        make_private(stack, False)
        wait_for(lambda: publisher.poll() is not None, "the publication to begin again as a public one")
        what_was_private_stays_so(stack)


main(test)
