"""Counts segments of DASH as a player in low latency does: by the clock that the MPD names, on the newest Period's grid."""
import datetime
import re
import urllib.parse
from xml.etree import ElementTree

from stack import fetch

NAMES = {"": "urn:mpeg:dash:schema:mpd:2011"}


def newest_by_clock(url):
    """(address, Period's id) of the newest segment of the first track that is there by the MPD's word; None: there is no grid."""
    status, _, text = fetch(url)
    if status != 200:
        return None
    root = ElementTree.fromstring(text)
    clock = urllib.parse.urljoin(url, root.find("UTCTiming", NAMES).get("value"))
    now = datetime.datetime.fromisoformat(fetch(clock)[2].decode().replace("Z", "+00:00")).timestamp()
    period = root.findall("Period", NAMES)[-1]
    template = period.find("AdaptationSet/Representation/SegmentTemplate", NAMES)
    if not template.get("duration"):
        return None
    length = int(template.get("duration")) / int(template.get("timescale"))
    since = now - float(period.get("start")[2:-1]) + float(template.get("availabilityTimeOffset"))
    number = int(template.get("startNumber")) + int(since // length) - 1
    name = re.sub(r"\$Number(%09d)?\$", lambda m: (m[1] or "%d") % number, template.get("media"))
    return urllib.parse.urljoin(url, name), period.get("id")
