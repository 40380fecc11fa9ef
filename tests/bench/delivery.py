"""Speed of delivery: wrk asks packaging for a playlist and for a segment over persistent connections; beside it nginx serves the same
bytes as files."""
from faces import nginx_file, wrk
from measure import pin, report
from stack import Stack, fetch, wait_for


def playlist(clip, seconds):
    with Stack(MEDIA_LOG_BYTES="512M") as stack:
        stack.publish(clip, loop=-1)
        listed = wait_for(lambda: (lambda found: found if found and len(found.segments) >= 3 else None)(stack.playlist(rendition="v0")), "a playlist", 40)
        url = stack.info["hls_url"].rsplit("/", 1)[0].replace("localhost", "127.0.0.1") + "/v0/index.m3u8"
        text = fetch(url)[2]
        segment = listed.segments[-1][1].replace("localhost", "127.0.0.1")
        content = fetch(segment)[2]
        packaging = stack.pid("packaging")
        pin(packaging)
        lists = wrk(url, packaging, seconds)
        # Shorter than the segment stays in the log.
        segments = wrk(segment, packaging, min(seconds, 8), connections=16)
    with nginx_file("index.m3u8", text) as (where, pid):
        nginx_lists = wrk(where, pid, seconds)
    with nginx_file("segment.m4s", content) as (where, pid):
        nginx_segments = wrk(where, pid, min(seconds, 8), connections=16)
    per_gb = lambda result: result["us"] * 1e-6 / len(content) * 1e9  # noqa: E731
    requests = lambda result: f"{result['per_second']:.0f}/s, p50 {result['50']:.2f} ms, p99 {result['99']:.2f} ms"  # noqa: E731
    report("a playlist, 64 connections", lists["us"], "CPU us a request", nginx_lists["us"],
           f"{len(text)} bytes; {requests(lists)}; nginx serves a file: {requests(nginx_lists)}")
    report("a segment, 16 connections", per_gb(segments), "CPU s/GB", per_gb(nginx_segments),
           f"{len(content)} bytes, from the media log; {requests(segments)}; nginx, sendfile: {requests(nginx_segments)}")
