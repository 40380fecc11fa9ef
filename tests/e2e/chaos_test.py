#!/usr/bin/env python3
"""kill -9 of each service but ingest, again and again, while a stream is live: the publisher stays connected, the viewer's
playlist never goes backwards, what a segment's URL gives never changes, and the finished MP4 holds every frame."""
import hashlib
import os
import random
import threading
import time

from stack import SERVICES, Stack, check, fetch, main, make_clip, packets, wait_for

VICTIMS = tuple(name for name in SERVICES if name != "ingest")
ROUNDS = 3


class Viewer(threading.Thread):
    """Polls the playlist and every new segment; keeps what it saw go wrong."""

    def __init__(self, stack, rendition):
        super().__init__(daemon=True)
        self.stack, self.rendition, self.wrong, self.seen, self.polls, self.stop = stack, rendition, [], {}, 0, False
        self.last = self.first = self.discontinuity = 0

    def run(self):
        while not self.stop:
            try:
                playlist = self.stack.playlist(rendition=self.rendition)
                if playlist:
                    self.examine(playlist)
            except OSError:
                pass  # packaging was killed a moment ago: the player tries again
            time.sleep(0.15)

    def examine(self, playlist):
        self.polls += 1
        if playlist.media_sequence < self.first or playlist.last < self.last:
            self.wrong.append(f"stepped back: {playlist.media_sequence}..{playlist.last} after {self.first}..{self.last}")
        if playlist.discontinuity_sequence < self.discontinuity:
            self.wrong.append("discontinuity sequence stepped back")
        self.first, self.last, self.discontinuity = playlist.media_sequence, playlist.last, playlist.discontinuity_sequence
        for number, url, seconds, _, _ in playlist.segments:
            if seconds > playlist.target + 0.5:
                self.wrong.append(f"segment {number} of {seconds} s with target {playlist.target}")
        self.fetch(playlist.segments[-1])
        self.fetch(random.choice(playlist.segments))

    def fetch(self, segment):
        number, url, seconds, _, init = segment
        status, headers, body = fetch(url)
        digest = hashlib.sha256(body).hexdigest()
        if status != 200:
            self.wrong.append(f"listed segment {number}: {status}")
        elif self.seen.setdefault(number, (url, seconds, init, digest)) != (url, seconds, init, digest):
            self.wrong.append(f"segment {number} changed")


def chaos():
    seed = int(os.environ.get("MILLRACE_CHAOS_SEED", random.randrange(1 << 30)))
    print(f"MILLRACE_CHAOS_SEED={seed}")
    random.seed(seed)
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=50)
        publisher = stack.publish(clip)
        wait_for(stack.playlist, "a playlist")
        viewers = [Viewer(stack, rendition) for rendition in ("v0", "a0")]
        for viewer in viewers:
            viewer.start()
        kills = 0
        for _ in range(ROUNDS):
            for victim in random.sample(VICTIMS, len(VICTIMS)):
                pid = stack.kill(victim)
                kills += 1
                time.sleep(random.uniform(0.2, 1.0))
                # On a busy machine its clip may end before the last kill.
                check(publisher.poll() in (None, 0), f"the publisher left when {victim} was killed")
                stack.wait_ready(victim, other_than=pid)
        check(publisher.wait(timeout=120) == 0, "the publisher ended well")
        recordings = stack.wait_recordings()
        for viewer in viewers:
            viewer.stop = True
            viewer.join()
            check(not viewer.wrong, f"{len(viewer.wrong)} faults seen by the viewer of {viewer.rendition}: {viewer.wrong[:5]}")
            check(len(viewer.seen) >= 10 and viewer.polls > 25, f"the viewer of {viewer.rendition} saw {len(viewer.seen)} segments")
        check(len(recordings) == 1, f"one recording, not {recordings}")
        for stream in ("v", "a"):
            sent = [digest for _, digest in packets(clip, stream)]
            kept = [digest for _, digest in packets(recordings[0], stream)]
            check(sent == kept, f"recorded {len(kept)} of {len(sent)} packets of {stream}")
        print(f"{kills} kills, {viewers[0].polls} polls, {len(viewers[0].seen)} segments")


main(chaos)
