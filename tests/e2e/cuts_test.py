#!/usr/bin/env python3
"""An encoder is cut off and comes back, again and again, under hls.js as it comes: it goes on by itself each time, with sound and
picture, and then stays without a stall; so it does behind a gap of nearly the whole time that an encoder has to come back, in low latency
and with whole segments. The long form is cuts_long.py."""
import os
import time

from cuts_long import hundred
from followed_player import Player
from stack import PATIENCE, Stack, leave, main, make_clip, need, wait_for

CUTS = 2
AWAY = (3, 9)
# Behind it: the list that was there before is gone, and the player was taken along by the gap.
LONG = 36
# With the time that an encoder takes to connect.
GRACE = LONG + round(10 * PATIENCE)
STEADY = 9


def cut(stack, clip, publisher, player, away):
    """The encoder is away for so long; the one that is back. Prints what the player made of it."""
    publisher.kill()
    publisher.wait()
    time.sleep(away)
    before = player.now
    publisher = stack.publish_on(clip)
    begun = time.monotonic()
    wait_for(lambda: player.plays_on(before), f"hls.js to go on after {away} s", 30)
    print(f"  away for {away} s: plays on {time.monotonic() - begun:.1f} s after the encoder came back", flush=True)
    player.steady(STEADY)
    print(f"  longest pause afterwards {player.longest:.1f} s, {player.now['latency']:.1f} s behind", flush=True)
    return publisher


def cuts():
    with Stack(RECONNECT_GRACE_SECONDS=str(GRACE)) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=20, gop=60)
        publisher = stack.publish_on(clip)
        wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 3, "three segments")
        for query in ("", "?ll=0"):
            print(f"hls.js{query}")
            player = Player(stack, stack.info["hls_url"] + query)
            wait_for(player.plays, "hls.js to play", 60)
            for number in range(1 if query else CUTS):
                publisher = cut(stack, clip, publisher, player, AWAY[number % len(AWAY)])
            publisher = cut(stack, clip, publisher, player, LONG)
            player.end()
        leave(publisher)


def test():
    need("chromium", "node", "playwright-core", "dashjs")
    cuts()
    if os.environ.get("MILLRACE_TEST_LONG"):
        hundred()


main(test)
