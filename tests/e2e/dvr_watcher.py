"""Who holds the lists of a stream with its past (/live/<id>/dvr.m3u8) to what they have said, for tests of going back."""
import time

from stack import check, fetch, live_playlist

WINDOW = 120
SETTINGS = {"DVR_WINDOW_SECONDS": str(WINDOW), "HLS_SEGMENT_MS": "1000", "HLS_WINDOW_SEGMENTS": "3", "MEDIA_LOG_KEEP_SECONDS": "5",
            "RECONNECT_GRACE_SECONDS": "4"}


class Watcher:
    """Asks for the lists again and again, and holds them to what they have said."""

    def __init__(self, stack):
        self.live = stack.info["hls_url"]
        self.dvr = self.live.replace("index.m3u8", "dvr.m3u8")
        self.names, self.bytes, self.first, self.last = {}, {}, {}, {}

    def media(self, rendition="v0"):
        return live_playlist(self.dvr, rendition)

    def look(self):
        for rendition in ("v0", "a0"):
            live = live_playlist(self.live, rendition)
            for number, url, *_ in live.segments if live else []:
                if (rendition, number) not in self.bytes:
                    status, _, body = fetch(url)
                    if status == 200:
                        self.bytes[rendition, number] = (url, body)
            past = self.media(rendition)
            if past:
                self.hold(rendition, past)
        return past

    def hold(self, rendition, past):
        check(past.media_sequence >= self.first.get(rendition, 0), f"{rendition} begins with {past.media_sequence} after {self.first.get(rendition)}")
        check(past.last >= self.last.get(rendition, 0), f"{rendition} ends with {past.last} after {self.last.get(rendition)}")
        self.first[rendition], self.last[rendition] = past.media_sequence, past.last
        for number, url, seconds, *_ in past.segments:
            known = self.names.setdefault((rendition, number), (url, seconds))
            check(known == (url, seconds), f"{rendition} {number} was {known}, is {url} {seconds}")

    def for_seconds(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.look()
            except OSError:
                pass  # it is being killed
            time.sleep(0.5)

    def same_bytes(self):
        """What was fetched while it was live is still there, byte for byte."""
        past = {(rendition, number) for rendition in ("v0", "a0") for number, *_ in self.media(rendition).segments}
        compared = 0
        for key, (url, body) in self.bytes.items():
            if key not in past:
                continue
            status, headers, now = fetch(url)
            check(status == 200, f"{url}: {status} {now[:200]}")
            check(now == body, f"{url}: other bytes than while it was live")
            check("immutable" in headers["Cache-Control"], f"{url}: {headers['Cache-Control']}")
            compared += 1
        return compared
