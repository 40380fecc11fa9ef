#!/usr/bin/env python3
"""Going back in a live stream (/live/<id>/dvr.m3u8): what the log has let go of comes from the recording under the same names with the same bytes, to ffmpeg and mpv;
over reconnects, kills of every service that has a part in it, and after the end."""
import datetime
import re
import subprocess

from dvr_watcher import SETTINGS, Watcher
from stack import PATIENCE, Stack, check, fetch, leave, live_playlist, main, make_clip, need, wait_for


def whole_list(watcher, rendition="v0"):
    for number, url, _, _, init in watcher.media(rendition).segments:
        for address in (url, init):
            status, _, body = fetch(address)
            check(status == 200, f"{address}: {status} {body[:200]}")


def lost(listed):
    """Gaps that are not for want of a publisher: those have names of their own. A picture or two of a segment, with which an encoder was cut
    off, have no sound beside them."""
    gaps = re.findall(r"^#EXT-X-GAP\n#EXTINF:([\d.]+),\n(.+)$", listed.text, re.M)
    check(len(gaps) == listed.text.count("#EXT-X-GAP"), f"each gap has a length and a name: {listed.text}")
    return [uri for seconds, uri in gaps if not uri.endswith("-gap.m4s") and float(seconds) > 0.1]


def beyond_the_log(watcher):
    """Segments in the list that the log does not have any more, by what recording's absence would leave: what has left the live list for long."""
    live = live_playlist(watcher.live)
    return live.media_sequence - watcher.media().media_sequence


def by_programs(watcher):
    result = subprocess.run(["ffprobe", "-v", "error", "-live_start_index", "0", "-read_intervals", "%+10", "-count_packets", "-select_streams", "v",
                             "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", watcher.dvr],
                            capture_output=True, text=True, timeout=60 * PATIENCE)
    check(result.returncode == 0 and int(result.stdout.split()[0]) > 200, f"ffprobe: {result.stdout}{result.stderr}")
    check("error" not in result.stderr.lower(), f"ffprobe: {result.stderr}")
    result = subprocess.run(["mpv", "--no-config", "--vo=null", "--ao=null", "--start=0", "--length=5", "--untimed", "--demuxer-lavf-o=live_start_index=0", watcher.dvr],
                            capture_output=True, text=True, timeout=60 * PATIENCE)
    check(result.returncode == 0, f"mpv: {result.stdout[-500:]}{result.stderr}")


def part_of_it(watcher):
    """Six seconds of the past by their dates, as ffprobe sees them; with what is only nearly such a part."""
    text = fetch(watcher.dvr.replace("dvr.m3u8", "v0/dvr.m3u8"))[2].decode()
    date = datetime.datetime.fromisoformat(re.search(r"^#EXT-X-PROGRAM-DATE-TIME:(\S+)", text, re.M).group(1).replace("Z", "+00:00"))
    begin = date.timestamp() + 15
    query = f"?start={begin:.3f}&end={begin + 6:.3f}"
    for address in (watcher.dvr, watcher.dvr.replace("dvr.m3u8", "dvr.mpd")):
        result = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", address + query], capture_output=True,
                                text=True, timeout=60 * PATIENCE)
        check(result.returncode == 0 and 6 <= float(result.stdout) <= 8.5, f"ffprobe of {address + query}: {result.stdout}{result.stderr}")
    for wrong in (f"?start={begin:.3f}&start=1", "?start=", "?end=%31"):
        status, _, body = fetch(watcher.dvr + wrong)
        check(status == 400 and (b"start" in body or b"end" in body), f"{wrong}: {status} {body}")


def over_a_kill(stack, watcher, service):
    pid = stack.kill(service)
    watcher.for_seconds(2)
    stack.wait_ready(service, other_than=pid)
    watcher.for_seconds(4)


def test():
    need("mpv")
    with Stack(**SETTINGS) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=30)
        watcher = Watcher(stack)
        status, _, body = fetch(watcher.dvr)
        check(status == 404 and b"neither live nor recorded" in body, f"nothing yet: {status} {body}")
        publisher = stack.publish_on(clip)
        wait_for(watcher.media, "a list")
        watcher.for_seconds(32)
        check(beyond_the_log(watcher) > 15, f"the list reaches back {beyond_the_log(watcher)} segments further")
        whole_list(watcher)
        compared = watcher.same_bytes()
        check(compared > 30, f"{compared} segments were compared")
        by_programs(watcher)
        part_of_it(watcher)
        for service in ("packaging", "recording"):
            over_a_kill(stack, watcher, service)
        check(not watcher.media().gaps, f"gaps: {watcher.media().gaps}")
        # The encoder comes back: one window.
        leave(publisher)
        watcher.for_seconds(2)
        publisher = stack.publish_on(clip)
        watcher.for_seconds(7)
        check(sum(1 for segment in watcher.media().segments if segment[3]) == 1, f"one discontinuity: {watcher.media().text}")
        whole_list(watcher, "a0")
        watcher.same_bytes()
        # Ingest is killed and begins anew.
        pid = stack.kill("ingest")
        watcher.for_seconds(2)
        stack.wait_ready("ingest", other_than=pid)
        publisher.wait(20 * PATIENCE)
        publisher = stack.publish_on(clip)
        watcher.for_seconds(7)
        check(not lost(watcher.media()), f"gaps: {watcher.media().text}")
        whole_list(watcher)
        leave(publisher)
        wait_for(lambda: watcher.look().ended, "the list's end", 30)
        stack.wait_recordings()
        # The log is emptied of it; the recording is finished, another file.
        wait_for(lambda: fetch(watcher.live)[0] == 404, "the live list's end", 90, 0.5)
        past = watcher.look()
        check(past.ended and not lost(past) and len(past.segments) > 50, f"the VOD: {past.text}")
        whole_list(watcher)
        check(watcher.same_bytes() > 30, "segments were compared")
        length = sum(float(seconds) for seconds in re.findall(r"^#EXTINF:([0-9.]+)", past.text, re.M))
        result = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", watcher.dvr], capture_output=True,
                                text=True, timeout=60 * PATIENCE)
        check(abs(float(result.stdout) - length) < 5, f"ffprobe: {result.stdout}{result.stderr}, {length} s are listed")
        # Of several Periods ffmpeg tells no length.
        manifest = wait_for(lambda: 'type="static"' in (text := fetch(watcher.dvr.replace("dvr.m3u8", "dvr.mpd"))[2].decode()) and text, "the static MPD")
        total = float(re.search(r'mediaPresentationDuration="PT([0-9.]+)S"', manifest).group(1))
        check('type="static"' in manifest and 'start="PT0S"' in manifest and abs(total - length) < 20, f"{length} s are listed: {manifest}")


main(test)
