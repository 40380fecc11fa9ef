#!/usr/bin/env python3
"""Players as people have them, all at once on one stream: VLC, mpv, ffplay and GStreamer on HLS and DASH, Shaka Player and video.js in Chromium
in low latency, over the encoder's reconnect. Beside them each playlist is read by hls-parser in strict mode, each part by mp4box.js."""
import contextlib
import json
import os
import re
import subprocess
import threading
import time

from stack import PATIENCE, ROOT, Stack, check, fetch, leave, main, make_clip, need, wait_for

SECONDS = 8


class Reader:
    """The last line of JSON that a node script says; its input's end ends it."""

    def __init__(self, stack, *command):
        self.child = stack.spawn("node", *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = {}
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.child.stdout:
            with contextlib.suppress(ValueError):
                self.said = json.loads(line)

    def end(self):
        self.child.stdin.close()
        self.thread.join(timeout=60 * PATIENCE)
        self.child.wait(timeout=60 * PATIENCE)
        return self.said


# Each plays some seconds of a URL and returns (process, what tells whether it did).

def vlc(stack, name, url):
    """Copies what it receives. It does not run as root, but for somebody else it does."""
    home = stack.home / name
    home.mkdir()
    user = []
    if os.getuid() == 0:
        stack.home.chmod(0o755)
        os.chown(home, 65534, 65534)
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    return [*user, "env", f"HOME={home}", "cvlc", "-q", "--play-and-exit", f"--run-time={SECONDS}", "--sout",
            f"#std{{access=file,mux=ts,dst={home / 'copy.ts'}}}", url, "vlc://quit"]


def mpv(_, __, url):
    return ["mpv", "--no-config", "--vo=null", "--ao=null", f"--length={SECONDS}", "--term-status-msg=at ${=time-pos} ${estimated-frame-number}", url]


def ffplay(_, __, url):
    """Says its clock; it has no end of its own on a live stream."""
    return ["env", "SDL_VIDEODRIVER=dummy", "SDL_AUDIODRIVER=dummy", "ffplay", "-v", "error", "-stats", url]


def gstreamer(_, __, url):
    """hlsdemux2: says each picture and each frame of sound that it shows."""
    return ["gst-launch-1.0", "-v", "uridecodebin3", f"uri={url}", "name=d", "d.", "!", "queue", "!", "videoconvert", "!", "fakesink", "silent=false",
            "sync=true", "d.", "!", "queue", "!", "audioconvert", "!", "fakesink", "silent=false", "sync=true"]


class Native:
    def __init__(self, stack, program, protocol, url):
        self.name, self.program = f"{program.__name__}-{protocol}", program
        self.log = stack.home / f"{self.name}.log"
        self.copy = stack.home / self.name / "copy.ts"
        with open(self.log, "wb") as output:
            self.child = stack.spawn(*program(stack, self.name, url), stdout=output, stderr=output)

    def text(self):
        return self.log.read_text(errors="replace")

    def has_played(self):
        """Pictures and sound of some seconds."""
        if self.program is vlc:
            return self.child.poll() is not None and self.copied()
        if self.program is gstreamer:
            shown = [self.text().count(f"fakesink{i}: last-message = chain") for i in (0, 1)]
            return min(shown) > 20 * (SECONDS / 2)
        times = re.findall(r"at ([\d.]+) \d+" if self.program is mpv else r"^ *([\d.]+) A-V:", self.text().replace("\r", "\n"), re.M)
        times = [float(seconds) for seconds in times]
        return len(times) > 10 and max(times) - min(times) >= SECONDS / 2

    def copied(self):
        found = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0",
                                str(self.copy)], capture_output=True, text=True, timeout=60 * PATIENCE).stdout
        counts = {codec: int(packets) for codec, packets in re.findall(r"(\w+),(\d+)", found)}
        return counts.get("h264", 0) > 60 and counts.get("aac", 0) > 60


def native_players(stack, hls, mpd):
    players = [Native(stack, program, "hls", hls) for program in (vlc, mpv, ffplay, gstreamer)]
    players += [Native(stack, program, "dash", mpd + "?ll=0") for program in (vlc, mpv, ffplay)]
    for player in players:
        try:
            wait_for(player.has_played, f"{player.name} to play", 90, 0.5)
        finally:
            print(f"{player.name}: {'played' if player.has_played() else player.text()[-400:]}", flush=True)
        player.child.kill()


def play_on(browser, what, which=("",)):
    """All of them whose player or URL has one of which in it show more pictures than now, with sound."""
    before = browser.said

    def more():
        now = browser.said
        return all(one["frames"] > before[name]["frames"] + 60 and one["sound"] > before[name]["sound"] for name, one in now.items()
                   if any(part in name for part in which))
    try:
        wait_for(more, what, 90, 0.5)
    finally:
        print(what, json.dumps({name.rsplit("/", 1)[-1] + " " + name.split("=")[0]: {k: v for k, v in one.items() if k != "refused"}
                                for name, one in browser.said.items()}), flush=True)


def read_lists(lists):
    seen = lists.end()
    print({kind: count for kind, count in seen.items() if kind != "problems"}, flush=True)
    check(seen["renditions"] == 2 and seen["playlists"] > 20 and seen["parts"] > 40 and seen["segments"] > 5, f"too little was read: {seen}")
    check(not seen["problems"], f"{len(seen['problems'])} faults, first: {seen['problems'][:2]}")


def players():
    need("cvlc", "mpv", "ffplay", "gst-launch-1.0", "chromium", "node", "hls-parser", "mp4box", "playwright-core", "shaka-player", "video.js")
    with Stack(RECONNECT_GRACE_SECONDS="20") as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        publisher = stack.publish_on(clip)
        hls = stack.info["hls_url"]
        mpd = hls.rsplit("/", 1)[0] + "/manifest.mpd"
        wait_for(lambda: fetch(mpd)[0] == 200, "a manifest", 40)
        lists = Reader(stack, str(ROOT / "tests/e2e/players/lists.mjs"), hls)
        native_players(stack, hls, mpd)
        # No more than a slow machine can show.
        browser = Reader(stack, str(ROOT / "tests/e2e/browser/players.mjs"), f"shaka-ll={mpd}", f"shaka-ll={hls}", f"videojs-ll={hls}")
        wait_for(lambda: browser.said and all(one.get("frames", 0) > 30 for one in browser.said.values()), "browsers to play", 90)
        play_on(browser, "they play")
        publisher.kill()
        publisher.wait()
        time.sleep(3)
        publisher = stack.publish_on(clip)
        time.sleep(3)
        play_on(browser, "they go on", (".mpd", "videojs"))  # Shaka's HLS may stand still there for a while: docs/delivery.md
        browser.end()
        read_lists(lists)
        leave(publisher)


main(players)
