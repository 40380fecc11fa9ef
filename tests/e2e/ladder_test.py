#!/usr/bin/env python3
"""A ladder as players see it (TRANSCODE=always): the source and what is made of it in one multivariant playlist and one MPD, each rendition's
segments beginning with a key frame where the source's do; a transcoder that is killed leaves a marked gap in its renditions and nothing in
the source's; blocking reloads; a private stream's renditions are as private."""
import os
import pathlib
import re
import signal
import tempfile
import urllib.parse
import xml.etree.ElementTree as ElementTree

from grants import hls_objects, make_private, signed
from ladder import MADE, NAMES, all_offered, base, check_segments, ladder_stack, make_source, rendition, variants
from low_latency import Checker, LowLatencyList
from stack import check, fetch, leave, main, wait_for
from transcoders import the_child


def check_variants(stack):
    found = variants(stack)
    check([name for _, name in found] == NAMES, f"by bit rate: {found}")
    rates = [int(a["AVERAGE-BANDWIDTH"]) for a, _ in found]
    check(rates == sorted(rates, reverse=True), f"the largest first: {rates}")
    check([a["RESOLUTION"] for a, _ in found] == ["640x360", "320x180", "214x120"], f"sizes: {found}")
    for a, name in found:
        check(int(a["BANDWIDTH"]) >= int(a["AVERAGE-BANDWIDTH"]), f"{name}: peak and average: {a}")
        check(a["FRAME-RATE"] == "5.000" and a["AUDIO"] == found[0][0]["AUDIO"], f"{name}: {a}")
        check(a["CODECS"].startswith("avc1.") and "mp4a.40.2" in a["CODECS"], f"{name}: {a}")


def check_reports(stack):
    for name in NAMES:
        text = LowLatencyList(rendition(stack, name).text)
        check(text.has_parts and any(segment.parts for segment in text.all()), f"{name} has parts\n{text.text}")
        others = {f"../{other}/index.m3u8" for other in (*NAMES, "a0") if other != name}
        check(set(text.reports) == others, f"{name} reports {sorted(text.reports)}")


def check_manifest(stack):
    for query in ("", "?ll=0"):
        root = ElementTree.fromstring(fetch(f"{base(stack)}/manifest.mpd{query}")[2])
        names = {"d": "urn:mpeg:dash:schema:mpd:2011"}
        periods = root.findall("d:Period", names)
        sets = [each for each in periods[-1].findall("d:AdaptationSet", names) if each.get("contentType") == "video"]
        check(len(sets) == 1, f"one set of pictures: {len(sets)}")
        check(sorted(r.get("id") for r in sets[0].findall("d:Representation", names)) == sorted(NAMES), "all of them are in it")
        check(sets[0].get("segmentAlignment") == "true" and sets[0].get("startWithSAP") == "1", f"players may change: {sets[0].attrib}")


def check_killed(stack):
    """Renditions go on behind a gap that is marked; the source's list knows nothing of it."""
    checkers = {name: Checker(f"{base(stack)}/{name}/index.m3u8") for name in NAMES}
    for each in checkers.values():
        each.poll()
    os.kill(the_child(stack), signal.SIGKILL)
    killed_at = max(checker.list.last for checker in checkers.values())
    gaps = {}

    def behind_it():
        for name, checker in checkers.items():
            checker.poll()
            gaps[name] = [s.number for s in checker.list.segments if s.gap and s.number >= killed_at - 1]
        return all(len([s for s in checkers[name].list.segments if s.number > killed_at and not s.gap]) >= 3 for name in MADE)
    wait_for(behind_it, "the renditions to go on", 60)
    check(not gaps["v0"] and all(1 <= len(gaps[name]) <= 6 for name in MADE), f"gaps: {gaps}")
    print(f"killed in segment {killed_at + 1}: gaps {gaps}")
    for name, checker in checkers.items():
        check(not checker.wrong, f"{name}: {checker.wrong[:5]}")
        check(len({segment.init for segment in checker.list.segments if segment.init}) == 1, f"{name} has one init segment")
    # What DASH's template leads to where there is a gap: nothing, whole.
    number = gaps[MADE[0]][0]
    whole = next(s.uri for s in checkers["v0"].list.segments if s.number == number)
    status, headers, body = fetch(f"{base(stack)}/{MADE[0]}/{whole}")
    check(status == 200 and b"moof" in body and b"trun" not in body, f"a gap by its number: {status} {body[:80]}")


def check_private(stack):
    """Also what was published before it was private is no more for strangers."""
    make_private(stack)
    token = signed(stack)
    wait_for(lambda: f"{MADE[0]}/index.m3u8" in fetch(f"{stack.info['hls_url']}?token={token}")[2].decode(), "the private stream's ladder", 60)
    objects = [url for url in hls_objects(stack, token) if any(f"/{name}/" in url for name in MADE)]
    check(len([url for url in objects if url.endswith(".m4s")]) >= 4, f"the renditions' segments are among them: {objects}")
    for url in objects:
        check(fetch(url)[0] in (401, 403), f"without a token: {url}")
    segments = [url for url in objects if re.search(r"/\d+-\w+-\d+\.m4s$", url)]
    for url in segments[-2:]:
        status, headers, _ = fetch(f"{url}?token={urllib.parse.quote(token)}")
        check(status == 200 and "no-store" in headers["Cache-Control"], f"with it: {url}: {status}")


def ladder():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        clip = make_source(directory)
        with ladder_stack(directory, TRANSCODE="always") as stack:
            publisher = stack.publish_on(clip)
            wait_for(lambda: all_offered(stack), "all renditions to be offered", 60)
            wait_for(lambda: all(len(rendition(stack, name).segments) >= 6 for name in NAMES), "some of each", 60)
            check_variants(stack)
            check_segments(stack)
            check_reports(stack)
            check_manifest(stack)
            check_killed(stack)
            before = stack.kill("packaging")
            stack.wait_ready("packaging", other_than=before)
            check(all_offered(stack), "packaging begins with all of them")
            check_segments(stack)
            leave(publisher)
            stack.publish_on(clip)
            check_private(stack)


main(ladder)
