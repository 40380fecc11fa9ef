#!/usr/bin/env python3
"""kill -9 of ingest: it is back and accepts the reconnecting publisher within 2 s, the same URL goes on with growing
numbers and one discontinuity, and everything that was received before is recorded."""
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
        check(second and took < 2 * PATIENCE, f"accepted again after {took} s")
        after = wait_for(lambda: (p := stack.playlist()) and p.last > before.last + 2 and p, "the playlist to go on")
        check(after.media_sequence >= before.media_sequence, "media sequence never steps back")
        breaks = [number for number, _, _, discontinuity, _ in after.segments if discontinuity]
        check(len(breaks) + after.discontinuity_sequence - before.discontinuity_sequence == 1, f"one discontinuity: {breaks}\n{after.text}")
        check(second.wait(timeout=60) == 0, "the second publisher ended well")
        recordings = stack.wait_recordings(2)
        sent = [digest for _, digest in packets(clip)]
        kept = [digest for _, digest in packets(recordings[0])]
        check(kept == sent[:len(kept)] and len(kept) >= 60, f"the first recording holds the first {len(kept)} frames")
        check([digest for _, digest in packets(recordings[1])] == sent, "the second recording is whole")
        print(f"accepted again {took:.2f} s after kill -9")


main(ingest_restart)
