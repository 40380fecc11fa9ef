"""Low-latency HLS as a client sees it: its playlists read line by line, and what draft-pantos-hls-rfc8216bis asks of a server checked on
every one of them (6.2.1, 6.2.2, 6.2.5, 6.2.6).

    checker = Checker(url)
    while …: checker.poll()
    checker.wrong  # what was wrong, in words
"""
import dataclasses
import hashlib
import re
import threading
import time
import urllib.parse

from stack import fetch

SLACK = 0.001  # of durations, which are written in microseconds


@dataclasses.dataclass
class Part:
    uri: str
    seconds: float
    independent: bool
    gap: bool


@dataclasses.dataclass
class Segment:
    number: int
    uri: str = None  # of one that grows: none yet
    seconds: float = 0.0
    date: str = None
    init: str = None
    discontinuity: int = 0
    gap: bool = False
    parts: list = dataclasses.field(default_factory=list)

    def identity(self):
        return self.uri, self.seconds, self.date, self.init, self.discontinuity, self.gap


def attributes(text):
    return {name: value.strip('"') for name, value in re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', text)}


class LowLatencyList:
    """One answer: header {tag: value}, segments (whole ones), growing (or None), hint, hinted_map, reports {uri: (msn, part)}, skipped."""

    def __init__(self, text, before=None):
        """before: the list that a delta update goes on from."""
        self.text, self.header, self.segments, self.reports = text, {}, [], {}
        self.hint = self.hinted_map = None
        self.ended = "#EXT-X-ENDLIST" in text
        self.skipped = 0
        pending, init = Segment(0), None
        lines = text.splitlines()
        assert lines[0] == "#EXTM3U", text[:80]
        for line in lines[1:]:
            tag, _, value = line.partition(":")
            if tag in ("#EXT-X-VERSION", "#EXT-X-TARGETDURATION", "#EXT-X-SERVER-CONTROL", "#EXT-X-PART-INF", "#EXT-X-MEDIA-SEQUENCE",
                       "#EXT-X-DISCONTINUITY-SEQUENCE", "#EXT-X-INDEPENDENT-SEGMENTS"):
                assert tag not in self.header, f"{tag} twice"
                self.header[tag] = value
                if tag == "#EXT-X-DISCONTINUITY-SEQUENCE":
                    pending.discontinuity = int(value)
            elif tag == "#EXT-X-SKIP":
                self.skipped = int(attributes(value)["SKIPPED-SEGMENTS"])
                first = self.media_sequence
                self.segments = [s for s in before.segments if first <= s.number < first + self.skipped]
                assert len(self.segments) == self.skipped, "what is skipped is not known"
                init, pending.discontinuity = self.segments[-1].init, self.segments[-1].discontinuity
            elif tag == "#EXT-X-DISCONTINUITY":
                pending.discontinuity += 1
            elif tag == "#EXT-X-MAP":
                init = attributes(value)["URI"]
            elif tag == "#EXT-X-PROGRAM-DATE-TIME":
                pending.date = value
            elif tag == "#EXT-X-GAP":
                pending.gap = True
            elif tag == "#EXTINF":
                pending.seconds = float(value.split(",")[0])
            elif tag == "#EXT-X-PART":
                a = attributes(value)
                pending.parts.append(Part(a["URI"], float(a["DURATION"]), a.get("INDEPENDENT") == "YES", a.get("GAP") == "YES"))
                pending.init = init
            elif tag == "#EXT-X-PRELOAD-HINT":
                a = attributes(value)
                if a["TYPE"] == "PART":
                    assert self.hint is None, "one hint of a type"
                    self.hint = a["URI"]
                else:
                    self.hinted_map = a["URI"]
            elif tag == "#EXT-X-RENDITION-REPORT":
                a = attributes(value)
                self.reports[a["URI"]] = (int(a["LAST-MSN"]), int(a["LAST-PART"]) if "LAST-PART" in a else None)
            elif line and not line.startswith("#"):
                pending.uri, pending.number, pending.init = line, self.media_sequence + len(self.segments), init
                self.segments.append(pending)
                pending = Segment(0, discontinuity=pending.discontinuity)
        self.growing = None
        if pending.parts:
            pending.number = self.last + 1
            self.growing = pending

    @property
    def media_sequence(self):
        return int(self.header["#EXT-X-MEDIA-SEQUENCE"])

    @property
    def last(self):
        return self.media_sequence + len(self.segments) - 1

    @property
    def target(self):
        return int(self.header["#EXT-X-TARGETDURATION"])

    @property
    def control(self):
        return attributes(self.header["#EXT-X-SERVER-CONTROL"])

    @property
    def part_target(self):
        return float(attributes(self.header["#EXT-X-PART-INF"])["PART-TARGET"])

    @property
    def has_parts(self):
        return "#EXT-X-PART-INF" in self.header

    def end(self):
        """(media sequence, part) of the last part there is."""
        return (self.growing.number, len(self.growing.parts) - 1) if self.growing else (self.last, len(self.segments[-1].parts) - 1)

    def next(self):
        return (self.growing.number, len(self.growing.parts)) if self.growing else (self.last + 1, 0)

    def all(self):
        return self.segments + ([self.growing] if self.growing else [])


class Checker:
    """Follows one media playlist by blocking reloads, and keeps what it saw go wrong. down(): packaging may be away for a moment."""

    def __init__(self, url):
        self.url, self.base = url, url.rsplit("/", 1)[0] + "/"
        self.wrong, self.list = [], None
        self.polls = self.hints = self.wholes = self.deltas = self.reports = self.failures = 0
        self.known, self.parts, self.digests = {}, {}, {}  # segments, part URIs of each, bytes by URI
        self.waits = []
        self.hinted = {}  # URI: thread, answer

    def require(self, condition, what):
        if not condition:
            self.wrong.append(what() if callable(what) else what)

    def get(self, uri):
        return fetch(urllib.parse.urljoin(self.base, uri), timeout=30)

    def poll(self):
        query = ""
        if self.list:
            number, part = self.list.next()
            query = f"?_HLS_msn={number}&_HLS_part={part}"
        began = time.monotonic()
        try:
            status, headers, body = self.get("index.m3u8" + query)
        except OSError:
            self.failures += 1  # packaging has just been killed: as a player does, again
            time.sleep(0.1)
            return
        if status == 503 or (status == 404 and not self.list):
            self.failures += 1  # nothing has come in time
            time.sleep(0.1)
            return
        if status != 200:
            self.require(False, f"{query}: {status}")
            self.list = None
            return
        self.waits.append(time.monotonic() - began)
        before, self.list = self.list, LowLatencyList(body.decode())
        self.polls += 1
        if before:
            self.require(self.list.end() >= before.next() or self.list.last >= before.next()[0] or self.list.ended,
                         lambda: f"{query} was answered by a list up to {self.list.end()}")
        self.examine(before)

    def examine(self, before):
        playlist = self.list
        self.require(playlist.has_parts, "no EXT-X-PART-INF")
        if not playlist.has_parts:
            return
        self.examine_header(before)
        self.examine_segments(before)
        self.examine_parts()
        self.examine_hint(before)
        self.fetch_new()

    def examine_header(self, before):
        playlist, control = self.list, self.list.control
        self.require(playlist.header["#EXT-X-VERSION"] == "9", "the version")
        self.require(control["CAN-BLOCK-RELOAD"] == "YES", "CAN-BLOCK-RELOAD")
        self.require(float(control["PART-HOLD-BACK"]) >= 3 * playlist.part_target - SLACK, "PART-HOLD-BACK")
        self.require(float(control["HOLD-BACK"]) >= 3 * playlist.target, "HOLD-BACK")
        self.require(float(control["CAN-SKIP-UNTIL"]) >= 6 * playlist.target, "CAN-SKIP-UNTIL")
        if not before:
            return
        for tag in ("#EXT-X-TARGETDURATION", "#EXT-X-PART-INF", "#EXT-X-SERVER-CONTROL", "#EXT-X-VERSION"):
            self.require(before.header[tag] == playlist.header[tag], lambda tag=tag: f"{tag} changed to {playlist.header[tag]}")
        for tag in ("#EXT-X-MEDIA-SEQUENCE", "#EXT-X-DISCONTINUITY-SEQUENCE"):
            self.require(int(before.header[tag]) <= int(playlist.header[tag]), f"{tag} stepped back")

    def examine_segments(self, before):
        playlist = self.list
        self.require(not before or playlist.end() >= before.end(), lambda: f"stepped back to {playlist.end()} from {before.end()}")
        self.require(sum(s.seconds for s in playlist.segments) >= 3 * playlist.target or playlist.media_sequence == self.first(), "a short list")
        for segment in playlist.segments:
            self.require(round(segment.seconds) <= playlist.target, f"segment {segment.number} of {segment.seconds} s")
            known = self.known.setdefault(segment.number, segment.identity())
            self.require(known == segment.identity(), lambda s=segment, k=known: f"segment {s.number} was {k}, is {s.identity()}")
        for segment in playlist.all():
            uris = [(p.uri, p.seconds, p.independent, p.gap) for p in segment.parts]
            known = self.parts.setdefault(segment.number, [])
            if len(uris) > len(known):
                self.parts[segment.number] = uris
            elif uris:
                self.require(uris == known, f"the parts of segment {segment.number} are {uris}, and were {known}")
            self.require(not uris or self.parts[segment.number][:len(known)] == known,
                         f"the parts of segment {segment.number} changed from {known} to {uris}")

    def first(self):
        return min(self.known, default=self.list.media_sequence)

    def examine_parts(self):
        playlist, behind = self.list, sum(p.seconds for p in self.list.growing.parts) if self.list.growing else 0.0
        for segment in playlist.all():
            for i, part in enumerate(segment.parts):
                self.require(part.seconds <= playlist.part_target + SLACK, f"a part of {part.seconds} s")
                last = segment.uri and i == len(segment.parts) - 1
                self.require(part.seconds >= 0.85 * playlist.part_target - SLACK or last or part.independent or part.gap or segment is playlist.growing
                             and part is segment.parts[-1], lambda s=segment, p=part: f"a part of {p.seconds} s in {s.number}")
                self.require(not part.gap or segment.gap or not segment.uri, "a gap in a segment that is none")
        # Parts are of the newest timeline only.
        newest = playlist.growing if playlist.growing and playlist.growing.parts else playlist.segments[-1]
        for segment in reversed(playlist.segments):
            had, past = self.parts.get(segment.number), segment.discontinuity != newest.discontinuity
            self.require(not past or not segment.parts, f"parts of {segment.number}, before a discontinuity, are listed")
            self.require(not had or segment.parts or past or behind >= 3 * playlist.target, f"the parts of {segment.number} left the list early")
            behind += segment.seconds
            self.require(not segment.parts or behind <= 4 * playlist.target + 1, f"parts of {segment.number} stay in the list")
            if segment.parts and not segment.gap:
                self.require(abs(sum(p.seconds for p in segment.parts) - segment.seconds) < 0.6, f"the parts of {segment.number} are not as long as it")

    def examine_hint(self, before):
        if before and before.hint:
            listed = [p.uri for s in self.list.all() for p in s.parts if not p.gap]
            self.require(before.hint in listed or before.hint == self.list.hint or self.list.ended or self.changed_publication(before)
                         or self.publisher_is_away(),
                         lambda: f"the hint {before.hint} did not come true: {self.list.text}")
            self.hints += before.hint in listed
        if self.list.hint and self.list.hint not in self.hinted and len(self.hinted) < 4000:
            answer = {}
            thread = threading.Thread(target=self.fetch_hint, args=(self.list.hint, answer), daemon=True)
            self.hinted[self.list.hint] = (thread, answer)
            thread.start()

    def publisher_is_away(self):
        """What came last is a gap."""
        newest = self.list.all()[-1]
        return newest.gap or any(p.gap for p in newest.parts)

    def changed_publication(self, before):
        return self.list.all()[-1].discontinuity != before.all()[-1].discontinuity

    def fetch_hint(self, uri, answer):
        """A hinted part's own request, made before the part is there."""
        try:
            answer["status"], _, answer["body"] = self.get(uri)
        except OSError:
            answer["status"] = 0

    def fetch_new(self):
        """Every part as it is listed, every segment when it is whole: it is its parts in a row."""
        for segment in self.list.all():
            for part in segment.parts:
                if not part.gap:
                    self.bytes_of(part.uri)
            if segment.uri and segment.uri not in self.digests and not segment.gap and segment.parts:
                pieces = [self.bytes_of(p.uri, keep=True) for p in segment.parts]
                whole = self.bytes_of(segment.uri, keep=True)
                if whole and all(pieces):
                    self.wholes += 1
                    self.require(whole == b"".join(pieces), f"segment {segment.number} is not its parts in a row")

    def bytes_of(self, uri, keep=False):
        if uri in self.digests and not keep:
            return None
        try:
            status, headers, body = self.get(uri)
        except OSError:
            return None
        self.require(status == 200, f"{uri}: {status}")
        if status != 200:
            return None
        digest = hashlib.sha256(body).hexdigest()
        self.require(self.digests.setdefault(uri, digest) == digest, f"{uri} changed")
        self.require("immutable" in headers["Cache-Control"], f"{uri}: {headers['Cache-Control']}")
        return body

    def check_delta(self, skip="YES"):
        """A delta update is, with the list before, the full one."""
        try:
            _, _, old = self.get("index.m3u8")
            _, _, delta = self.get(f"index.m3u8?_HLS_skip={skip}")
            _, _, new = self.get("index.m3u8")
        except OSError:
            return
        if old != new:
            return  # something came in between
        full, merged = LowLatencyList(new.decode()), LowLatencyList(delta.decode(), LowLatencyList(old.decode()))
        behind = sum(s.seconds for s in full.segments) - full.segments[0].seconds
        self.require(merged.skipped > 0 or behind <= float(full.control["CAN-SKIP-UNTIL"]), "nothing was skipped")
        self.require(merged.header["#EXT-X-VERSION"] == ("10" if skip == "v2" and merged.skipped else "9"), "the delta's version")
        self.require([s.identity() for s in merged.segments] == [s.identity() for s in full.segments], "delta and full list differ")
        self.require((merged.hint, merged.reports, merged.end()) == (full.hint, full.reports, full.end()), "the ends of delta and full list differ")
        self.deltas += merged.skipped > 0

    def check_reports(self):
        """What is said of another list is in it."""
        for uri, (number, part) in (self.list.reports.items() if self.list else ()):
            query = f"?_HLS_msn={number}" + (f"&_HLS_part={part}" if part is not None else "")
            try:
                status, _, body = self.get(uri + query)
            except OSError:
                continue
            self.require(status == 200, f"{uri}{query}: {status}")
            if status == 200:
                other = LowLatencyList(body.decode())
                self.require(other.end() >= (number, -1 if part is None else part), f"{uri} ends at {other.end()}, {number}/{part} was reported")
                self.reports += 1

    def check_hinted(self):
        """Who asked for a part before it was there was sent what it is now."""
        answered = 0
        for uri, (thread, answer) in self.hinted.items():
            thread.join(timeout=0)
            if thread.is_alive() or answer.get("status") in (0, 503) or uri not in self.digests:
                continue
            self.require(answer["status"] == 200, f"hinted {uri}: {answer['status']}")
            self.require(hashlib.sha256(answer.get("body", b"")).hexdigest() == self.digests[uri], f"hinted {uri} was sent other bytes")
            answered += 1
        return answered


def playlist_url(stack, rendition):
    return stack.info["hls_url"].rsplit("/", 1)[0] + f"/{rendition}/index.m3u8"


class Following(threading.Thread):
    """A rendition's checker, until stop."""

    def __init__(self, stack, rendition):
        super().__init__(daemon=True)
        self.checker, self.stop, self.error = Checker(playlist_url(stack, rendition)), False, None

    def run(self):
        try:
            while not self.stop:
                self.checker.poll()
                if self.checker.polls % 7 == 3:
                    self.checker.check_delta("v2" if self.checker.polls % 2 else "YES")
                if self.checker.polls % 5 == 1:
                    self.checker.check_reports()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error
            raise
