#!/usr/bin/env python3
"""A ladder on demand (TRANSCODE=ondemand): everything is offered, as it will be, and nothing is made until somebody plays it; the
first segment comes soon; each rendition is begun and ended by itself; after the last viewer nothing is left; transcoder, transcoding and
packaging killed while watched; an encoder that is not there."""
import os
import pathlib
import signal
import tempfile
import time

from ladder import MADE, NAMES, all_offered, base, check_segments, ladder_stack, make_source, rendition, said_of
from low_latency import LowLatencyList
from ondemand import LINGER, SEGMENT_S, Viewer, at_rest, cold, live_renditions, metric, newest
from rendition_logs import logs
from stack import Stack, check, fetch, leave, main, wait_for
from transcoders import children_of, the_child


def nothing_by_itself(stack):
    wait_for(lambda: all_offered(stack), "all renditions to be offered", 60)
    wait_for(lambda: len(rendition(stack, "v0").segments) >= 8, "some segments", 60)
    for name in MADE:
        playlist = rendition(stack, name)
        source = rendition(stack, "v0")
        check(2 <= len(playlist.segments) <= 6 and playlist.gaps, f"{name}: the newest are promised, older ones are gaps\n{playlist.text}")
        check("#EXT-X-PART:" not in playlist.text and source.last - playlist.last <= 1, f"{name}: as far as the source, without parts\n{playlist.text}")
        check(fetch(playlist.segments[-1][-1])[0] == 200, f"{name} has an init segment")
    check(set(LowLatencyList(rendition(stack, "v0").text).reports) == {"../a0/index.m3u8"}, "no report of what nobody makes")
    manifest = fetch(f"{base(stack)}/manifest.mpd")[2].decode()
    check(all(f'id="{name}"' in manifest for name in NAMES), f"the MPD has all of them\n{manifest}")
    time.sleep(2)
    check(not children_of(stack) and not logs(stack, "rendition"), "nothing is made that nobody watches")
    check(metric(stack, "starts_total") == 0, "no transcoder was started")


def begins_and_ends(stack):
    said = said_of(stack)
    cold(stack, "v0-120p")
    child = the_child(stack)
    viewer = Viewer(stack, "v0-120p")
    check(live_renditions(stack) == ["v0-120p"], f"what is watched is made: {live_renditions(stack)}")
    wait_for(lambda: len(viewer.seen) >= 3, "the viewer to watch")
    cold(stack, "v0-180p")
    other = Viewer(stack, "v0-180p")
    wait_for(lambda: live_renditions(stack) == sorted(MADE), "both to be made")
    check(children_of(stack) == [child], "by one transcoder")
    wait_for(lambda: len(other.seen) >= 3, "the other viewer to watch")
    check_segments(stack)
    check(said_of(stack) == said, f"they are what was said: {said_of(stack)} after {said}")
    viewer.leave()
    wait_for(lambda: live_renditions(stack) == ["v0-180p"], "what nobody watches to end", LINGER + 3 * SEGMENT_S + 20)
    check(children_of(stack) == [child], "the transcoder goes on")
    other.leave()
    at_rest(stack)
    check(metric(stack, "starts_total") == 1 and metric(stack, "failures_total") == 0, "one was started")
    for each in (viewer, other):
        check(set(each.seen.values()) == {200} and not each.missed, f"{each.name}: {each.seen} {each.missed}")


def killed_while_watched(stack):
    """What somebody watches goes on, whoever is killed, and ends when nobody does."""
    init = newest(stack, "v0-180p")[1]
    cold(stack, "v0-180p")
    viewer = Viewer(stack, "v0-180p")
    wait_for(lambda: len(viewer.seen) >= 2, "the viewer to watch")
    child = the_child(stack)
    os.kill(child, signal.SIGKILL)
    child = the_child(stack, other_than=child)
    viewer.goes_on()
    before = stack.kill("packaging")
    stack.wait_ready("packaging", other_than=before)
    check(all_offered(stack), "packaging begins with all of them")
    viewer.goes_on()
    check(children_of(stack) == [child], "the transcoder goes on without packaging")
    before = stack.kill("transcoding")
    stack.wait_ready("transcoding", other_than=before)
    check(all_offered(stack), "they are offered while it starts")
    the_child(stack, other_than=child)
    viewer.goes_on()
    viewer.leave()
    check(set(viewer.seen.values()) == {200}, f"every listed segment was there: {viewer.seen}")
    check(newest(stack, "v0-180p")[1] == init, "with the same init segment")
    at_rest(stack)


def ondemand():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        with ladder_stack(directory, TRANSCODE="ondemand", TRANSCODE_LINGER_SECONDS=str(LINGER)) as stack:
            publisher = stack.publish_on(make_source(directory))
            nothing_by_itself(stack)
            begins_and_ends(stack)
            killed_while_watched(stack)
            leave(publisher)
            ended = stack.pid("transcoding")
            os.kill(ended, signal.SIGTERM)
            wait_for(lambda: not pathlib.Path(f"/proc/{ended}").exists(), "transcoding to end", 5)
    with Stack(TRANSCODE="ondemand", RTMP_ENCODER="svt_av1") as stack:
        wait_for(lambda: stack.health("transcoding") == "degraded", "transcoding to say before any stream that it has no encoder", 40)


main(ondemand)
