#!/usr/bin/env python3
"""kill -9 of ingest: it is back and accepts the reconnecting publisher, the same URL goes on with growing numbers and one
discontinuity, and everything goes into one recording. How long it took is printed."""
import time

from stack import PATIENCE, Stack, check, main, make_clip, packets, wait_for


def accepted_again(stack, clip, since):
    """Publishes as an encoder that reconnects by itself: again at once when refused. The one that stays, and when it came."""
    while time.monotonic() - since < 20 * PATIENCE:
        started = time.monotonic()
        publisher = stack.publish(clip)
        while publisher.poll() is None:
            if time.monotonic() - started > 1.5 * PATIENCE:
                return publisher, started - since
            time.sleep(0.02)
    return None, None


def ingest_restart():
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=14)
        first = stack.publish(clip)
        before = wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 2 and p, "two segments")
        killed = time.monotonic()
        stack.kill("ingest")
        check(first.wait(timeout=30) is not None, "the publisher noticed")
        second, took = accepted_again(stack, clip, killed)
        check(second, "accepted again")
        after = wait_for(lambda: (p := stack.playlist()) and p.last > before.last + 2 and p, "the playlist to go on")
        check(after.media_sequence >= before.media_sequence, "media sequence never steps back")
        breaks = [number for number, _, _, discontinuity, _ in after.segments if discontinuity]
        check(len(breaks) + after.discontinuity_sequence - before.discontinuity_sequence == 1, f"one discontinuity: {breaks}\n{after.text}")
        check(second.wait(timeout=60) == 0, "the second publisher ended well")
        recording = stack.wait_recordings(1)[0]
        sent = [digest for _, digest in packets(clip)]
        kept = [digest for _, digest in packets(recording)]
        before_kill = kept[:-len(sent)]
        check(kept[-len(sent):] == sent, "the recording ends with all of the second publication")
        check(before_kill == sent[:len(before_kill)] and len(before_kill) >= 60, f"and begins with the first's {len(before_kill)} frames")
        check(len(stack.recordings()) == 1, "it is one recording")
        print(f"accepted again {took:.2f} s after kill -9")


main(ingest_restart)
