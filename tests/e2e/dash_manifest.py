"""An MPD as a player reads it, each one held to the schema and to what was said before.

    watch = Watch(url, directory)
    watch.start()
    …
    watch.finish()
"""
import pathlib
import re
import subprocess
import threading
import urllib.parse
import xml.etree.ElementTree as ElementTree

from stack import ROOT, check, fetch

SCHEMA = ROOT / "tests/e2e/dash/mpd.xsd"
NAMES = {"": "urn:mpeg:dash:schema:mpd:2011"}
# Seconds between two segments of a track in a Period: no player sees so little.
HOLE = 0.05


def seconds(text):
    found = re.fullmatch(r"PT([0-9]+(?:\.[0-9]+)?)S", text)
    check(found, f"a duration: {text}")
    return float(found.group(1))


class Manifest:
    """An MPD as a player reads it: periods {id: (start, {representation: {number: (url, time, duration)}})}, times on the presentation's
    timeline."""

    def __init__(self, text, url):
        self.text = text
        self.root = ElementTree.fromstring(text)
        self.ended = self.root.get("type") == "static"
        self.periods = {}
        for period in self.root.findall("Period", NAMES):
            start = seconds(period.get("start"))
            check(period.get("id") not in self.periods, f"a Period's id stands for one: {text}")
            self.periods[period.get("id")] = (start, {r.get("id"): self.segments(r, start, url)
                                                      for r in period.iterfind("AdaptationSet/Representation", NAMES)})
        starts = [start for start, _ in self.periods.values()]
        check(starts == sorted(set(starts)), f"Periods follow one another: {text}")

    @staticmethod
    def segments(representation, start, url):
        template = representation.find("SegmentTemplate", NAMES)
        scale = int(template.get("timescale"))
        offset = int(template.get("presentationTimeOffset", "0"))
        number, at, found = int(template.get("startNumber")), 0, {}
        check((template.get("duration") is None) != (template.find("SegmentTimeline", NAMES) is None), "a length or a timeline")
        for entry in template.iterfind("SegmentTimeline/S", NAMES):
            begin = int(entry.get("t", at))
            check(not found or abs(begin - at) <= HOLE * scale, f"a hole of {(begin - at) / scale:.3f} s before segment {number}: {ElementTree.tostring(template).decode()}")
            at = begin
            for _ in range(int(entry.get("r", "0")) + 1):
                name = urllib.parse.urljoin(url, re.sub(r"\$Number(%09d)?\$", lambda m: (m[1] or "%d") % number, template.get("media")))
                # Its media sequence, as in the playlists.
                found[int(name.rsplit("/", 1)[1].split("-")[0])] = (name, start + (at - offset) / scale, int(entry.get("d")) / scale)
                at += int(entry.get("d"))
                number += 1
        found["init"] = urllib.parse.urljoin(url, template.get("initialization"))
        return found


def check_schema(text, directory):
    """Held against the schema of the standard's public elements, in a file there."""
    file = pathlib.Path(directory) / "manifest.mpd"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    result = subprocess.run(["xmllint", "--noout", "--schema", str(SCHEMA), str(file)], capture_output=True, text=True)
    check(result.returncode == 0, f"xmllint: {result.stderr}\n{text}")


class Watch(threading.Thread):
    """Reads the manifest again and again, and holds it to what it said before."""

    def __init__(self, url, directory):
        super().__init__(daemon=True)
        self.url, self.directory = url, directory
        self.starts, self.names, self.times = {}, {}, {}
        self.count, self.newest, self.error = 0, None, None
        self.over = threading.Event()

    def run(self):
        etag = None
        while not self.over.wait(0.3):
            try:
                status, headers, body = fetch(self.url, {"If-None-Match": etag} if etag else {})
            except OSError:
                continue  # packaging is away
            if status == 200:
                etag = headers["ETag"]
                try:
                    self.look(body.decode())
                except Exception as error:  # pylint: disable=broad-except  # told by finish()
                    self.error = error
                    return

    def look(self, text):
        check_schema(text, self.directory)
        manifest = Manifest(text, self.url)
        for name, (start, representations) in manifest.periods.items():
            check(self.starts.setdefault(name, start) == start, f"Period {name} begins at {start} and began at {self.starts[name]}")
            for representation, segments in representations.items():
                for number, entry in segments.items():
                    if number == "init":
                        continue
                    key = (representation, number)
                    check(self.names.setdefault(key, entry[0]) == entry[0], f"{key} is {entry[0]} and was {self.names[key]}")
                    known = self.times.setdefault(key, entry[1])
                    check(abs(known - entry[1]) < 0.001, f"{key} is at {entry[1]} and was at {known}")
        self.count += 1
        self.newest = manifest

    def finish(self):
        self.over.set()
        self.join(30)
        check(self.error is None, f"{self.error}")
